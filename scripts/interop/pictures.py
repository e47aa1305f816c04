"""The pictures that `make interop` shows the engines, and those that int8 is calibrated on. The same every time."""
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

SIZE = 224
# What the models in `models/` and random weights expect (`Preprocess::default()` in mbn-spec).
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
PHOTOS = 7
# Odd sides, height by width: noise is enlarged to 224 pixels, photos are made smaller.
RESIZED_NOISE = (97, 131)
RESIZED_PHOTOS = (301, 427)
# mbn-export wants 100 pictures, and does without a warning from 300 on.
CALIBRATION = 120


def photos(root):
    """The first photos of `examples/images`, RGB."""
    paths = sorted((Path(root) / "examples" / "images").iterdir())[:PHOTOS]
    return [Image.open(path).convert("RGB") for path in paths]


def batch(pictures, height, width):
    """Bytes [pictures, height, width, 3]."""
    return np.stack([np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR)) for picture in pictures])


def normalised(pixels):
    """What a model with float input takes: float32 [pictures, 3, height, width]."""
    values = (pixels.astype(np.float32) / np.float32(255) - MEAN) / STD
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def arrays(root):
    """For each kind of input its arrays by name: noise as a batch of 1, photos as a batch of 7, one photo."""
    random = np.random.default_rng(20261128)
    found = photos(root)
    noise = random.integers(0, 256, (1, SIZE, SIZE, 3), np.uint8)
    square = batch(found, SIZE, SIZE)
    odd = batch(found, *RESIZED_PHOTOS)
    return {
        "float": {
            "float-noise": random.standard_normal((1, 3, SIZE, SIZE), np.float32),
            "float-photos": normalised(square),
            "float-photo": normalised(square[:1]),
        },
        "uint8": {"uint8-noise": noise, "uint8-photos": square, "uint8-photo": square[:1]},
        "resize": {
            "resize-noise": random.integers(0, 256, (1, *RESIZED_NOISE, 3), np.uint8),
            "resize-photos": odd,
            "resize-photo": odd[:1],
        },
    }


def write_array(folder, name, array):
    """Writes little-endian values, and returns what `cases.json` says of them."""
    array = np.ascontiguousarray(array)
    array.astype(array.dtype.newbyteorder("<")).tofile(folder / f"{name}.bin")
    return {"file": f"{name}.bin", "dtype": str(array.dtype), "shape": list(array.shape)}


def read_array(folder, described):
    """The array that `cases.json` describes."""
    dtype = np.dtype(described["dtype"]).newbyteorder("<")
    return np.fromfile(Path(folder) / described["file"], dtype).reshape(described["shape"])


def write_calibration(root, folder):
    """Writes photos for int8's calibration: crops of the examples, half of them mirrored, of changing brightness."""
    random = np.random.default_rng(7)
    folder.mkdir(parents=True, exist_ok=True)
    found = [Image.open(path).convert("RGB") for path in sorted((Path(root) / "examples" / "images").iterdir())]
    for number in range(CALIBRATION):
        picture = found[number % len(found)]
        part = random.uniform(0.5, 1.0)
        width, height = (int(side * part) for side in picture.size)
        left, top = (int(random.integers(0, whole - kept + 1)) for whole, kept in zip(picture.size, (width, height)))
        picture = picture.crop((left, top, left + width, top + height))
        if number % 2:
            picture = ImageOps.mirror(picture)
        picture = ImageEnhance.Brightness(picture).enhance(random.uniform(0.7, 1.3))
        picture.save(folder / f"{number:03}.png")
