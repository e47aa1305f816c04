"""Writes preprocess/: drawn pictures of awkward sizes and modes as PNG, and Pillow's resized versions of them as bytes
[side, side, 3].

`NAME.square` is the whole picture resized to side x side, whatever its aspect ratio. `NAME.crop` is the centre of the picture
after resizing its shorter side to 256/224 of the side; offsets are rounded down. Both are bilinear with antialiasing.
Pillow's convert("RGB") turns grayscale, palettes and alpha into RGB. Other filters and sides are compared with Pillow on the spot.
"""
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from safetensors.numpy import save_file

OUT = Path(__file__).parent / "preprocess"
# Name, width, height, mode.
PICTURES = [
    ("gray", 500, 330, "L"),
    ("gray_large", 613, 511, "L"),
    ("gray_alpha", 97, 131, "LA"),
    ("square", 95, 95, "RGB"),
    ("tall", 220, 530, "RGB"),
    ("wide", 411, 120, "RGB"),
    ("alpha", 300, 200, "RGBA"),
    ("palette", 500, 375, "P"),
    ("tiny", 75, 56, "RGB"),
    ("odd", 229, 227, "RGB"),
]
SIDE = 64


def drawing(width, height, seed):
    """Colour gradients, shapes with sharp edges, thin lines and a corner of noise: [height, width, 3]."""
    random = np.random.Generator(np.random.PCG64(seed))
    y, x = np.mgrid[:height, :width]
    phase = random.uniform(0, 6, 3)
    waves = [np.sin(3 * x / width + phase[c]) + np.cos((3 + c) * y / height + phase[2 - c]) for c in range(3)]
    image = Image.fromarray((127 + 60 * np.stack(waves, -1)).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        left, top = random.uniform(-0.1, 0.8) * width, random.uniform(-0.1, 0.8) * height
        box = [left, top, left + random.uniform(0.1, 0.4) * width, top + random.uniform(0.1, 0.4) * height]
        colour = tuple(int(level) for level in random.integers(0, 256, 3))
        draw.ellipse(box, fill=colour) if random.random() < 0.5 else draw.rectangle(box, fill=colour)
    for i in range(8):
        draw.line([(i * width / 8, 0), (width - 1, (i + 1) * height / 9)], fill=(255 * (i % 2),) * 3)
    image = np.array(image)
    noisy = image[height // 2:height * 3 // 4, :width // 4]
    noisy[:] = random.integers(0, 256, noisy.shape)
    return image


def in_mode(drawn, mode):
    image = Image.fromarray(drawn)
    if mode == "P":
        return image.quantize(200, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    if mode in ("RGBA", "LA"):
        height, width = drawn.shape[:2]
        opacity = np.linspace(0, 255, width).astype(np.uint8)
        image = image.convert(mode)
        image.putalpha(Image.fromarray(np.broadcast_to(opacity, (height, width)).copy()))
        return image
    return image.convert(mode)


def square(image, side):
    return image.resize((side, side), Image.Resampling.BILINEAR)


def crop(image, side):
    shorter = round(side * 256 / 224)
    # As torchvision computes them.
    width, height = (int(shorter * length / min(image.size)) for length in image.size)
    left, top = (round((length - side) / 2) for length in (width, height))
    return image.resize((width, height), Image.Resampling.BILINEAR).crop((left, top, left + side, top + side))


def main():
    OUT.mkdir(exist_ok=True)
    expected = {}
    for seed, (name, width, height, mode) in enumerate(PICTURES):
        path = OUT / f"{name}.png"
        in_mode(drawing(width, height, seed), mode).save(path, optimize=True)
        with Image.open(path) as image:
            assert image.mode == mode and image.size == (width, height)
            image = image.convert("RGB")
        for resize in (square, crop):
            expected[f"{name}.{resize.__name__}"] = np.array(resize(image, SIDE))
        print(f"{path.stat().st_size:>9,}  {path.name}")
    save_file(expected, OUT / "expected.safetensors")


if __name__ == "__main__":
    main()
