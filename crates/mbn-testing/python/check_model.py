"""check_model.py MODEL...: the checks of ONNX's own library.

Prints a line for each file: the inferred shape of its output.
"""

import sys

import onnx

for path in sys.argv[1:]:
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    inner = {name for node in model.graph.node for name in node.output} - {value.name for value in model.graph.output}
    for graph in (model.graph, inferred.graph):
        assert {value.name for value in graph.value_info} == inner, "the type of a value is not stated"
    for value in inferred.graph.value_info:
        # The sides of pictures that the graph resizes depend on their content alone.
        if value.name not in ("preprocess.whole", "preprocess.centre"):
            dims = value.type.tensor_type.shape.dim
            assert all(d.dim_param or d.dim_value > 0 for d in dims), value
    output = inferred.graph.output[0]
    print(output.name, [d.dim_param or d.dim_value for d in output.type.tensor_type.shape.dim])
