"""Writes jpeg/expected.safetensors: Pillow's pixels of a part of the JPEG files that the tests of `mbn-data` write. Each
tensor is named after its file's number and checksum, so that a test notices when the files have changed.

python make_jpeg.py     (Cargo writes the files)
"""
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

FOLDER = Path(__file__).resolve().parent
OUT = FOLDER / "jpeg"
TEST = ("test", "--locked", "--workspace", "--test", "jpeg", "--", "--exact", "sweep::the_reference_gets_its_files")


def main():
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as files:
        cargo = os.environ.get("CARGO", "cargo").split()
        environment = {**os.environ, "MBN_WRITE_JPEG_FILES": files}
        subprocess.run([*cargo, *TEST], cwd=FOLDER, env=environment, check=True)
        expected = {}
        for path in sorted(Path(files).glob("*.jpg")):
            with Image.open(path) as image:
                expected[path.stem] = np.array(image.convert("RGB"))
    save_file(expected, OUT / "expected.safetensors")
    print(f"{(OUT / 'expected.safetensors').stat().st_size:>9,}  {len(expected)} files")


if __name__ == "__main__":
    main()
