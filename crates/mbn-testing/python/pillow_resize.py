"""Resizes pictures with Pillow: for each line `NAME WIDTH HEIGHT FILTER RESIZED_WIDTH RESIZED_HEIGHT LEFT TOP SIDE` of
FOLDER/cases.txt reads the RGB bytes in FOLDER/NAME.rgb, resizes, crops, and writes FOLDER/NAME.out.

python pillow_resize.py FOLDER
"""
import sys
from pathlib import Path

from PIL import Image

folder = Path(sys.argv[1])
for line in (folder / "cases.txt").read_text().splitlines():
    name, width, height, kind, *geometry = line.split()
    resized_width, resized_height, left, top, side = map(int, geometry)
    image = Image.frombytes("RGB", (int(width), int(height)), (folder / f"{name}.rgb").read_bytes())
    image = image.resize((resized_width, resized_height), getattr(Image.Resampling, kind.upper()))
    image = image.crop((left, top, left + side, top + side))
    (folder / f"{name}.out").write_bytes(image.tobytes())
