"""triton_config.py CONFIG...: reads files `config.pbtxt` by NVIDIA's own schema, and checks what Triton would refuse.

Prints a line of JSON for each file: what it says.
"""

import json
import sys
from pathlib import Path

from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import DataType, ModelConfig


def problems(config, folder):
    """What Triton would refuse."""
    if config.name != folder.name:
        yield f"the name is `{config.name}`, the folder's `{folder.name}`"
    for tensor in [*config.input, *config.output]:
        if not tensor.dims or any(dim < 1 and dim != -1 for dim in tensor.dims):
            yield f"`{tensor.name}` has the dimensions {list(tensor.dims)}"
    for value in config.input:
        if value.format and len(value.dims) != 3:
            yield f"a format needs three dimensions, `{value.name}` has {list(value.dims)}"
    for value in config.output:
        if value.label_filename and not (folder / value.label_filename).is_file():
            yield f"`{value.label_filename}` is missing"
    for warmup in config.model_warmup:
        for value in config.input:
            given = warmup.inputs[value.name]
            same = [dim in (-1, found) for dim, found in zip(value.dims, given.dims)]
            if given.data_type != value.data_type or not all(same) or len(given.dims) != len(value.dims) or min(given.dims) < 1:
                yield f"warm-up `{warmup.name}` does not fit `{value.name}`"
        if not 1 <= warmup.batch_size <= max(1, config.max_batch_size):
            yield f"warm-up `{warmup.name}` has the batch size {warmup.batch_size}"
    if config.HasField("dynamic_batching") and not config.max_batch_size:
        yield "dynamic batching without a batch"
    sizes = list(config.dynamic_batching.preferred_batch_size)
    if any(not 1 <= size <= config.max_batch_size for size in sizes):
        yield f"preferred batch sizes {sizes}, at most {config.max_batch_size}"


def tensors(values):
    return {value.name: [DataType.Name(value.data_type), *value.dims] for value in values}


failed = False
for path in map(Path, sys.argv[1:]):
    config = text_format.Parse(path.read_text(encoding="utf-8"), ModelConfig())
    for problem in problems(config, path.parent):
        failed = True
        print(f"{path}: {problem}", file=sys.stderr)
    print(
        json.dumps(
            {
                "name": config.name,
                "backend": config.backend,
                "max_batch_size": config.max_batch_size,
                "inputs": tensors(config.input),
                "outputs": tensors(config.output),
                "labelled": [output.name for output in config.output if output.label_filename == "labels.txt"],
                "joined": config.HasField("dynamic_batching"),
                "delay": config.dynamic_batching.max_queue_delay_microseconds,
                "preprocess": config.parameters["preprocess"].string_value,
            }
        )
    )
sys.exit(failed)
