#!/usr/bin/env python3
"""Writes small pictures of every format and coding into `fuzz/corpora/pictures/`, for fuzzing to start from.

Needs Pillow with WebP and libtiff. `make fuzz-corpora` runs it in the environment of the tests.
"""
import random
import sys
from pathlib import Path

from PIL import Image, PngImagePlugin

FOLDER = Path(__file__).resolve().parent / "corpora" / "pictures"
SIZE = (19, 13)


def drawn(mode):
    """A picture with an edge and noise."""
    noise = random.Random(1)
    image = Image.new("RGB", SIZE)
    for x in range(SIZE[0]):
        for y in range(SIZE[1]):
            image.putpixel((x, y), (12 * x, 200 if x > y else 18 * y, noise.randrange(64)))
    if mode == "P":
        return image.quantize(16)
    if mode == "RGBA":
        image.putalpha(image.convert("L"))
    return image if mode == "RGBA" else image.convert(mode)


def exif(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def profile():
    """The orientation as text of PNG, packed."""
    info = PngImagePlugin.PngInfo()
    data = exif(3).tobytes()
    info.add_text("Raw profile type exif", f"\nexif\n{len(data):8}\n{data.hex()}\n", zip=True)
    return info


# Name of the file, mode of the picture, options of Pillow.
PICTURES = (
    ("rgb.png", "RGB", {}),
    ("grey.png", "L", {"exif": exif(6)}),
    ("bits.png", "1", {}),
    ("alpha.png", "RGBA", {}),
    ("palette.png", "P", {"bits": 4}),
    ("grey16.png", "I;16", {}),
    ("profile.png", "L", {"pnginfo": profile()}),
    ("lossy.webp", "RGB", {"quality": 60, "exif": exif(8)}),
    ("lossy-alpha.webp", "RGBA", {"quality": 60}),
    ("lossless.webp", "RGBA", {"lossless": True}),
    ("rgb.bmp", "RGB", {}),
    ("palette.bmp", "P", {}),
    ("bits.bmp", "1", {}),
    ("palette.gif", "P", {"interlace": 1}),
    ("transparent.gif", "P", {"transparency": 3, "comment": b"a comment"}),
    ("raw.tif", "RGB", {}),
    ("lzw.tif", "RGBA", {"compression": "tiff_lzw", "tiffinfo": {317: 2}}),
    ("deflate.tif", "L", {"compression": "tiff_adobe_deflate"}),
    ("packbits.tif", "RGB", {"compression": "packbits"}),
    ("jpeg.tif", "RGB", {"compression": "jpeg"}),
    ("fax4.tif", "1", {"compression": "group4"}),
    ("grey16.tif", "I;16", {}),
    ("cmyk.tif", "CMYK", {"compression": "tiff_lzw"}),
    ("baseline.jpg", "RGB", {"quality": 60, "exif": exif(5)}),
    ("progressive.jpg", "RGB", {"quality": 60, "progressive": True}),
    ("cmyk.jpg", "CMYK", {"quality": 60}),
)


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, mode, options in PICTURES:
        drawn(mode).save(FOLDER / name, **options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
