"""Writes stl10_binary/: a small data set of drawn pictures in the layout of STL-10's binary files, and the pictures as PNG.

`*_X.bin` holds pictures of 3 x 96 x 96 bytes back to back: channel by channel, each channel column by column. `*_y.bin` has
one label per picture, from 1. `class_names.txt` has one name per line. `fold_indices.txt` has one line per fold: the indices
of its training pictures, from 0. STL-10's pictures without labels, which nothing reads, are left out.
"""
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

OUT = Path(__file__).parent / "stl10_binary"
SIDE = 96
CLASSES = ("disc", "triangle", "grid")
TRAIN, TEST, FOLDS = 6, 3, 2


def picture(label, seed):
    """A shape on a gradient that tells rows, columns and channels apart."""
    random = np.random.Generator(np.random.PCG64(seed))
    y, x = np.mgrid[:SIDE, :SIDE]
    image = Image.fromarray(np.stack([2 * x, 255 - y, (x + 2 * y) // 2 + seed], -1).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    left, top, side = (int(value) for value in random.integers(10, 40, 3))
    colour = tuple(int(level) for level in random.integers(0, 256, 3))
    if label == 1:
        draw.ellipse([left, top, left + side, top + side], fill=colour)
    elif label == 2:
        draw.polygon([(left, top), (left + side, top), (left, top + side)], fill=colour)
    else:
        for i in range(0, side, 6):
            draw.line([(left + i, top), (left + i, top + side)], fill=colour)
            draw.line([(left, top + i), (left + side, top + i)], fill=colour)
    return np.array(image)


def write(split, count, first_seed):
    labels = [i % len(CLASSES) + 1 for i in range(count)]
    pictures = [picture(label, first_seed + i) for i, label in enumerate(labels)]
    for i, (image, label) in enumerate(zip(pictures, labels)):
        Image.fromarray(image).save(OUT / "png" / f"{split}_{i:03}_label{label}.png")
    stack = np.stack(pictures)  # [picture, row, column, channel]
    stack.transpose(0, 3, 2, 1).tofile(OUT / f"{split}_X.bin")
    np.array(labels, np.uint8).tofile(OUT / f"{split}_y.bin")


def main():
    (OUT / "png").mkdir(parents=True, exist_ok=True)
    write("train", TRAIN, 0)
    write("test", TEST, 20)
    (OUT / "class_names.txt").write_text("".join(f"{name}\n" for name in CLASSES))
    folds = np.arange(TRAIN).reshape(FOLDS, -1)
    (OUT / "fold_indices.txt").write_text("".join(" ".join(map(str, fold)) + "\n" for fold in folds))


if __name__ == "__main__":
    main()
