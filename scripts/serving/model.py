"""Runs `model.onnx` beside it: what Triton's own ONNX Runtime backend does, for a server that has only the Python backend."""
import json
from pathlib import Path

import numpy as np
import onnxruntime
import triton_python_backend_utils as triton


class TritonPythonModel:
    def initialize(self, args):
        self.batches = json.loads(args["model_config"])["max_batch_size"] > 0
        self.session = onnxruntime.InferenceSession(Path(__file__).with_name("model.onnx"))
        self.names = [output.name for output in self.session.get_outputs()]

    def execute(self, requests):
        inputs = [triton.get_input_tensor_by_name(request, "input").as_numpy() for request in requests]
        # Fails if the server joins requests that do not go together.
        if not self.batches and len(inputs) > 1:
            raise ValueError("requests were joined for a model with a fixed batch")
        joined = self.session.run(None, {"input": np.concatenate(inputs)})
        ends = np.cumsum([len(images) for images in inputs])[:-1]
        parts = zip(*(np.split(values, ends) for values in joined))
        return [
            triton.InferenceResponse([triton.Tensor(name, np.ascontiguousarray(part)) for name, part in zip(self.names, each)])
            for each in parts
        ]
