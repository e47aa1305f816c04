"""onnx_data.py: paths of the models that ONNX's own package brings for tests, one a line."""

from pathlib import Path

import onnx.backend.test

for path in sorted(Path(onnx.backend.test.__file__).parent.rglob("*.onnx")):
    print(path)
