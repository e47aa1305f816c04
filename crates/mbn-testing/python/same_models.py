"""same_models.py LIST: whether the models of each pair are equal. LIST has a path a line, first and second of a pair in turn.

Prints the number of pairs.
"""

import sys

import onnx

with open(sys.argv[1], encoding="utf-8") as lines:
    paths = lines.read().splitlines()
for first, second in zip(paths[::2], paths[1::2], strict=True):
    read, written = (onnx.load(path, load_external_data=False) for path in (first, second))
    assert read == written, f"{first} was not written back as it was read"
print(len(paths) // 2)
