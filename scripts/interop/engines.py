#!/usr/bin/env python3
"""Runs the cases of `make interop` with an engine in Python, and prints a line of JSON for each.

    engines.py onnxruntime|onnx.reference|openvino target/interop/cases.json
"""
import json
import sys
from pathlib import Path

import numpy as np
from pictures import read_array


def onnxruntime():
    """ONNX Runtime on the CPU."""
    import onnxruntime as engine

    def load(path):
        session = engine.InferenceSession(path, providers=["CPUExecutionProvider"])
        return lambda array: session.run(["logits"], {"input": array})[0]

    return engine.__version__, load


def onnx_reference():
    """The evaluator in Python of the onnx package."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    def load(path):
        model = ReferenceEvaluator(str(path))
        return lambda array: model.run(["logits"], {"input": array})[0]

    return onnx.__version__, load


def openvino():
    """OpenVINO on the CPU, in float32: its default precision is float16 or bfloat16 on processors that have them."""
    import openvino as engine

    core = engine.Core()

    def load(path):
        model = core.compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return lambda array: model({"input": array})["logits"]

    return engine.__version__.split("-")[0], load


ENGINES = {"onnxruntime": onnxruntime, "onnx.reference": onnx_reference, "openvino": openvino}


def run(load, case, folder):
    """What an engine makes of a case: the largest difference of a logit for each input, or why there is none."""
    try:
        model = load(folder / case["file"])
        largest = []
        for given, expected in zip(case["inputs"], case["outputs"]):
            found, expected = model(read_array(folder, given)), read_array(folder, expected)
            if found.shape != expected.shape:
                return {"error": f"logits {found.shape}, expected {expected.shape}"}
            difference = float(np.abs(found.astype(np.float64) - expected).max())
            largest.append(difference if np.isfinite(difference) else sys.float_info.max)
        return {"largest": largest}
    except Exception as error:  # noqa: BLE001 (whatever keeps an engine from running a file is a result)
        return {"error": f"{type(error).__name__}: {error}"}


def main(name, cases):
    version, load = ENGINES[name]()
    folder = Path(cases).parent
    for case in json.loads(Path(cases).read_text()):
        print(json.dumps({"engine": name, "version": version, "name": case["name"], **run(load, case, folder)}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
