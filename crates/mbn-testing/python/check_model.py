"""check_model.py MODEL...: the checks of ONNX's own library.

Prints a line for each file: the inferred shape of its output.
"""

import sys

import onnx

for path in sys.argv[1:]:
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    assert len(inferred.graph.value_info) == len(model.graph.node) - 1, "the shape of a value was not inferred"
    for value in inferred.graph.value_info:
        dims = value.type.tensor_type.shape.dim
        assert dims[0].dim_param == "batch" and all(d.dim_value > 0 for d in dims[1:]), value
    output = inferred.graph.output[0]
    print(output.name, [d.dim_param or d.dim_value for d in output.type.tensor_type.shape.dim])
