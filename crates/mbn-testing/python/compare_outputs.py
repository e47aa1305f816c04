"""compare_outputs.py TENSORS TOLERANCE MODEL...: runs each MODEL with ONNX Runtime on `input` of the safetensors file
TENSORS and compares its output with `expected`. Prints the largest difference for each; fails if one is above TOLERANCE.
"""

import sys

import numpy as np
import onnxruntime
from safetensors.numpy import load_file

tensors, tolerance = load_file(sys.argv[1]), float(sys.argv[2])
for path in sys.argv[3:]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"input": tensors["input"]})
    expected = tensors["expected"]
    assert found.dtype == np.float32 and found.shape == expected.shape, (found.dtype, found.shape, expected.shape)
    worst = np.abs(found - expected).max()
    print(f"{worst:.2e}")
    assert worst <= tolerance, f"{path}: differs by {worst:.2e}, allowed {tolerance}"
