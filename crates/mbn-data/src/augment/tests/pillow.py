"""Prints the table in pillow.rs: Pillow's result for a small picture and the checksum of its result for a larger one.

python pillow.py > pillow.rs   (Pillow 13.0; the same calls as torchvision makes for PIL images)
"""

import numpy as np
from PIL import Image, ImageEnhance, ImageOps


def picture(width, height):
    y, x = np.mgrid[:height, :width]
    channels = [x * 37 + y * 101 + x * y * 13, x * 59 + y * 23 + (x ^ y) * 7, x * 97 + y * 61 + x * x * 3]
    return Image.fromarray((np.stack(channels, -1) % 256).astype(np.uint8))


def checksum(data):
    """FNV-1a, 64 bits."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def affine(matrix):
    return lambda im: im.transform(im.size, Image.Transform.AFFINE, matrix, Image.Resampling.NEAREST, fillcolor=(1, 2, 3))


def rotate(degrees):
    return lambda im: im.rotate(degrees, Image.Resampling.NEAREST, fillcolor=(1, 2, 3))


def enhance(kind, factor):
    return lambda im: kind(im).enhance(factor)


def hue(turn):
    def apply(im):
        h, s, v = im.convert("HSV").split()
        shift = np.int32(turn * 255).astype(np.uint8)
        return Image.merge("HSV", (Image.fromarray(np.array(h) + shift), s, v)).convert("RGB")

    return apply


OPERATIONS = [
    ("ShearX", 0.297, affine((1, 0.297, 0, 0, 1, 0))),
    ("ShearX", -0.99, affine((1, -0.99, 0, 0, 1, 0))),
    ("ShearY", 0.66, affine((1, 0, 0, 0.66, 1, 0))),
    ("TranslateX", 2.9, affine((1, 0, -2, 0, 1, 0))),
    ("TranslateX", -1.2, affine((1, 0, 1, 0, 1, 0))),
    ("TranslateY", 1.0, affine((1, 0, 0, 0, 1, -1))),
    ("Rotate", 40.5, rotate(40.5)),
    ("Rotate", -9.0, rotate(-9.0)),
    ("Rotate", 135.0, rotate(135.0)),
    ("Brightness", 0.297, enhance(ImageEnhance.Brightness, 1.297)),
    ("Brightness", -0.66, enhance(ImageEnhance.Brightness, 0.34)),
    ("Color", 0.99, enhance(ImageEnhance.Color, 1.99)),
    ("Color", -0.5, enhance(ImageEnhance.Color, 0.5)),
    ("Contrast", 0.7, enhance(ImageEnhance.Contrast, 1.7)),
    ("Contrast", -0.99, enhance(ImageEnhance.Contrast, 0.01)),
    ("Sharpness", 0.9, enhance(ImageEnhance.Sharpness, 1.9)),
    ("Sharpness", -0.6, enhance(ImageEnhance.Sharpness, 0.4)),
    ("Posterize", 2.0, lambda im: ImageOps.posterize(im, 2)),
    ("Posterize", 8.0, lambda im: ImageOps.posterize(im, 8)),
    ("Solarize", 178.5, lambda im: ImageOps.solarize(im, 178.5)),
    ("Solarize", 255.0, lambda im: ImageOps.solarize(im, 255.0)),
    ("AutoContrast", 0.0, ImageOps.autocontrast),
    ("Equalize", 0.0, ImageOps.equalize),
    ("Hue", 0.1, hue(0.1)),
    ("Hue", -0.37, hue(-0.37)),
]

print("//! Written by `pillow.py`: operation, strength, result for a 5 x 4 picture, checksum of the result for a 128 x 96 one.\n")
print("#[rustfmt::skip]")
print(f"pub(super) const EXPECTED: [(&str, f64, [u8; 60], u64); {len(OPERATIONS)}] = [")
for name, strength, apply in OPERATIONS:
    small = list(apply(picture(5, 4)).tobytes())
    print(f'    ("{name}", {strength}, {small}, {checksum(apply(picture(128, 96)).tobytes()):#x}),')
print("];")
