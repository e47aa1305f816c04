#!/usr/bin/env python3
"""Checks models of every combination of options with ONNX's own library.

    cargo run --release -p mbn-export --example export_matrix | scripts/export_matrix.py

Each passes `onnx.checker.check_model` with `full_check` and strict shape inference with data propagation, and every inferred type
is the stated one. Only sides that follow from a picture's content are not stated, and inference gives them names of its own. Prints how many were checked; exits with 1 if one fails.
"""
import sys
from concurrent.futures import ProcessPoolExecutor
from os import cpu_count

import onnx


def agrees(stated, inferred):
    """Whether an inferred type is the stated one, where that says something."""
    stated, inferred = stated.type.tensor_type, inferred.type.tensor_type
    sides = list(zip(stated.shape.dim, inferred.shape.dim))
    return (stated.elem_type == inferred.elem_type and len(stated.shape.dim) == len(inferred.shape.dim)
            and all(side == found or not side.WhichOneof("value") for side, found in sides))


def check(item):
    """The model's name, and what is wrong with it."""
    name, data = item
    try:
        model = onnx.load_from_string(data)
        onnx.checker.check_model(model, full_check=True)
        inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
        inner = {output for node in model.graph.node for output in node.output}
        inner -= {output.name for output in model.graph.output}
        if {value.name for value in model.graph.value_info} != inner:
            return name, "the type of a value is not stated"
        stated = {value.name: value for value in model.graph.value_info}
        for value in inferred.graph.value_info:
            if not agrees(stated[value.name], value):
                return name, f"inferred {value}, stated {stated[value.name]}"
    except Exception as error:  # noqa: BLE001 (each is a failure of the model)
        return name, str(error)
    return name, None


def models(stream):
    """The models in the stream."""
    while line := stream.readline():
        length, name = line.decode().rstrip("\n").split(" ", 1)
        data = stream.read(int(length))
        if len(data) < int(length):
            raise EOFError(f"{name} is not whole")
        yield name, data


def in_parts(items, size):
    """Lists of items, so that few models are in memory."""
    part = []
    for item in items:
        part.append(item)
        if len(part) == size:
            yield part
            part = []
    yield part


def main():
    checked, failed = 0, 0
    with ProcessPoolExecutor(cpu_count()) as pool:
        for part in in_parts(models(sys.stdin.buffer), 64):
            for name, problem in pool.map(check, part, chunksize=4):
                checked += 1
                if problem:
                    failed += 1
                    print(f"{name}: {problem}")
            if checked % 1024 == 0:
                print(f"{checked} models checked", file=sys.stderr, flush=True)
    print(f"{checked} models checked with onnx {onnx.__version__}, {failed} failed")
    return 1 if failed or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
