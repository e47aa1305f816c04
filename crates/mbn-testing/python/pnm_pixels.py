"""Decodes PNM files with Pillow. `FILES` holds one after the other, each behind its length in 4 bytes. For each, `PIXELS` gets width and
height in 4 bytes each and the RGB bytes, or 8 bytes of 0 if Pillow refuses the file. Of grey beyond 8 bits it gets the high byte of 16.

python pnm_pixels.py FILES PIXELS
"""
import io
import struct
import sys
from pathlib import Path

from PIL import Image


def decoded(file):
    try:
        with Image.open(io.BytesIO(file), formats=["PPM"]) as image:
            image.load()
    # Pillow has no error of its own for damaged files.
    except Exception:
        return bytes(8)
    if image.mode == "I":
        # Numbers of 32 bits in the machine's order.
        high = image.tobytes()[1::4] if sys.byteorder == "little" else image.tobytes()[2::4]
        pixels = bytes(level for grey in high for level in (grey, grey, grey))
    else:
        pixels = image.convert("RGB").tobytes()
    return struct.pack("<II", *image.size) + pixels


def main():
    files, at = Path(sys.argv[1]).read_bytes(), 0
    with open(sys.argv[2], "wb") as pixels:
        while at < len(files):
            (length,) = struct.unpack_from("<I", files, at)
            at += 4 + length
            pixels.write(decoded(files[at - length : at]))


if __name__ == "__main__":
    main()
