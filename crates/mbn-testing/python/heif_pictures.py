"""Writes HEIC pictures of many kinds and one of AVIF into a folder, and beside each what pillow-heif decodes: a PNG file, and the RGB bytes as `.rgb`,
after a line with width and height. Prints the path of the libheif that pillow-heif brings.

python heif_pictures.py FOLDER
"""
import sys
from pathlib import Path

import numpy
import pillow_heif
from PIL import Image

FOLDER = Path(sys.argv[1])
ORIENTATION = 0x112


def gradient(width, height):
    y, x = numpy.mgrid[0:height, 0:width]
    channels = [x * 255 / width, y * 255 / height, (x + y) * 255 / (width + height)]
    return Image.fromarray(numpy.stack(channels, -1).astype(numpy.uint8))


def write_expected(path):
    write_pixels(path, pillow_heif.open_heif(path, convert_hdr_to_8bit=True).to_pillow().convert("RGB"))


def write_pixels(path, picture):
    picture.save(path.with_suffix(".png"))
    path.with_suffix(".rgb").write_bytes(b"%d %d\n" % picture.size + picture.tobytes())


def main():
    pillow_heif.register_heif_opener()
    for width, height in ((1, 1), (64, 64), (97, 65), (300, 41)):
        gradient(width, height).save(FOLDER / f"size_{width}x{height}.heic", quality=90)
    picture = gradient(96, 64)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        picture.save(FOLDER / f"orientation_{orientation}.heic", quality=90, exif=exif.tobytes())
    for mode in ("L", "RGBA"):
        picture.convert(mode).save(FOLDER / f"mode_{mode}.heic", quality=90)
    for chroma in (420, 422, 444):
        picture.save(FOLDER / f"chroma_{chroma}.heic", quality=90, chroma=chroma)
    # Every level has low bits, which the pixels lose.
    levels = (numpy.asarray(picture).astype(numpy.uint16) << 8) + 0x80 + numpy.arange(3, dtype=numpy.uint16) * 0x20
    deep = pillow_heif.from_bytes("RGB;16", picture.size, levels.tobytes())
    deep.save(FOLDER / "deep.heic", quality=90)
    # Two pictures, of which the second is the primary one.
    both = pillow_heif.from_pillow(gradient(32, 32))
    both.add_from_pillow(gradient(64, 48))
    both.save(FOLDER / "second.heic", quality=90, primary_index=1)
    for path in sorted(FOLDER.glob("*.heic")):
        write_expected(path)
    # Pillow writes and reads AVIF by itself.
    avif = FOLDER / "plain.avif"
    gradient(64, 48).save(avif, quality=95, subsampling="4:4:4")
    with Image.open(avif) as picture:
        write_pixels(avif, picture.convert("RGB"))
    package = Path(pillow_heif.__file__).parent
    [library] = [*package.parent.glob("pillow_heif.libs/libheif*"), *package.glob(".dylibs/libheif*")]
    print(library)


if __name__ == "__main__":
    main()
