"""Makes the bundle's image folder: the first pictures of each class of a data set, or drawn pictures."""
import random
import shutil
import struct
import sys
import zlib

# Pictures per class: enough to learn something in three epochs, few enough to read in seconds.
TRAIN, VAL = 40, 15
SIZE = 96
# Classes of the drawn pictures: direction of the stripes, and colour of the bright stripes.
STRIPES = {
    "blue_across": ((0, 1), (40, 90, 230)),
    "blue_down": ((1, 0), (40, 90, 230)),
    "red_across": ((0, 1), (230, 70, 40)),
    "red_down": ((1, 0), (230, 70, 40)),
}


def subset(data, target):
    """Copies the first pictures of each class, in the order of their names."""
    held_out = next((name for name in ("val", "test") if (data / name).is_dir()), None)
    if held_out is None or not (data / "train").is_dir():
        sys.exit(f"error: `{data}` is not an image folder: expected `train/CLASS/*` and `val/CLASS/*` (or `test/CLASS/*`)")
    for split, source, count in [("train", data / "train", TRAIN), ("val", data / held_out, VAL)]:
        for kind in sorted(path for path in source.iterdir() if path.is_dir()):
            folder = target / split / kind.name
            folder.mkdir(parents=True)
            pictures = sorted(path for path in kind.iterdir() if path.is_file() and not path.name.startswith("."))
            if not pictures:
                sys.exit(f"error: `{kind}` holds no picture")
            for picture in pictures[:count]:
                shutil.copyfile(picture, folder / picture.name)


def synthetic(target):
    """Writes noisy stripes, the same every time."""
    noise = random.Random(0)
    for split, count in [("train", TRAIN), ("val", VAL)]:
        for kind, (direction, colour) in STRIPES.items():
            folder = target / split / kind
            folder.mkdir(parents=True)
            for number in range(count):
                (folder / f"{number:03}.png").write_bytes(png(stripes(noise, direction, colour)))


def stripes(noise, direction, colour):
    """Returns rows of RGB bytes."""
    width, shift = noise.randrange(6, 20), noise.randrange(40)
    rows = []
    for y in range(SIZE):
        row = bytearray()
        for x in range(SIZE):
            bright = (x * direction[0] + y * direction[1] + shift) // width % 2
            row += bytes((channel if bright else 128 - channel // 2) * noise.randrange(70, 100) // 100 for channel in colour)
        rows.append(bytes(row))
    return rows


def png(rows):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", len(rows[0]) // 3, len(rows), 8, 2, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
