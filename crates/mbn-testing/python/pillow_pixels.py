"""Decodes each JPEG file of a folder with Pillow and writes its RGB bytes beside it, as `.rgb`.

python pillow_pixels.py FOLDER
"""
import sys
from pathlib import Path

from PIL import Image

for path in sorted(Path(sys.argv[1]).glob("*.jpg")):
    with Image.open(path) as image:
        path.with_suffix(".rgb").write_bytes(image.convert("RGB").tobytes())
