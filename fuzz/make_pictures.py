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
    ("bits.pbm", "1", {}),
    ("grey.pgm", "L", {}),
    ("grey16.pgm", "I;16", {}),
    ("rgb.ppm", "RGB", {}),
)
# Name of a PNM file in text, which Pillow does not write, mode of the picture, and the level that is white.
TEXTS = (
    ("text.pbm", "1", 1),
    ("text.pgm", "L", 200),
    ("text.ppm", "RGB", 1023),
)


def text(mode, most):
    """The lines of a PNM file. 1 is black in files of bits."""
    image = drawn(mode)
    kind = {"1": 1, "L": 2, "RGB": 3}[mode]
    yield f"P{kind} # comment"
    yield "{} {}".format(*image.size)
    if kind > 1:
        yield str(most)
    data = image.convert("RGB" if kind == 3 else "L").tobytes()
    levels = [level * most // 255 for level in data]
    row = len(levels) // image.height
    for start in range(0, len(levels), row):
        yield " ".join(str(1 - level if kind == 1 else level) for level in levels[start : start + row])


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, mode, options in PICTURES:
        drawn(mode).save(FOLDER / name, **options)
    for name, mode, most in TEXTS:
        (FOLDER / name).write_text("".join(f"{line}\n" for line in text(mode, most)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
