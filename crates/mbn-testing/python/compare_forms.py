"""compare_forms.py REFERENCE TOLERANCE MODEL...: runs models that differ only in their form (folding, precision, uint8
input, softmax) with ONNX Runtime on the same pictures and compares their outputs with those of REFERENCE, a model with
normalised float input and logits. Prints the largest difference for each; fails if one is above TOLERANCE.
"""

import json
import sys

import numpy as np
import onnxruntime


def session(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


reference = session(sys.argv[1])
preprocess = json.loads(reference.get_modelmeta().custom_metadata_map["preprocess"])
size = preprocess["size"]
pictures = np.random.default_rng(0).integers(0, 256, (3, size, size, 3), dtype=np.uint8)
normalised = (pictures / 255.0 - preprocess["mean"]) / preprocess["std"]
normalised = normalised.transpose(0, 3, 1, 2).astype(np.float32)
(logits,) = reference.run(["logits"], {"input": normalised})

for path in sys.argv[3:]:
    model = session(path)
    uint8 = model.get_inputs()[0].type == "tensor(uint8)"
    (found,) = model.run(None, {"input": pictures if uint8 else normalised})
    expected = softmax(logits) if model.get_outputs()[0].name == "probabilities" else logits
    assert found.dtype == np.float32 and found.shape == expected.shape, (found.dtype, found.shape)
    worst = np.abs(found - expected).max()
    print(f"{worst:.2e}")
    assert worst <= float(sys.argv[2]), f"{path}: differs by {worst:.2e}, allowed {sys.argv[2]}"
