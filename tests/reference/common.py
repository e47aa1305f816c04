"""Shared by the makers: repeatable arithmetic, pictures, projections. Import this before torch."""
import os

# One thread and one set of instructions: sums have the same order on every run.
os.environ.update(ATEN_CPU_CAPABILITY="default", MKL_CBWR="COMPATIBLE", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import nn

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

CLASSES = 10
ALPHA = 0.25
# A byte p stands for (p - 128) / 32, which float32 holds exactly.
MIDDLE, SCALE = 128, 32
# Some files store tensors with more elements as projections, because the files would be too large otherwise.
LARGEST_STORED = 4096
PROJECTIONS = 64


def pixels(n, size):
    """Soft blobs with noise, different enough for a network to tell them apart: bytes [n, 3, size, size]."""
    blobs = nn.functional.interpolate(torch.randn(n, 3, 5, 5, dtype=torch.double), size=(size, size), mode="bilinear")
    noise = torch.randn(n, 3, size, size, dtype=torch.double)
    return (MIDDLE + SCALE * (1.2 * blobs + 0.3 * noise)).round().clamp(0, 255).byte()


def images(pixels):
    """The network's input for these bytes, in float64."""
    return (pixels.double() - MIDDLE) / SCALE


def stored(tensors):
    """Rounds float64 values to float32, once; keeps other dtypes."""
    def array(tensor):
        tensor = tensor.detach()
        return np.array((tensor.float() if tensor.is_floating_point() else tensor).numpy(), order="C")
    return {name: array(tensor) for name, tensor in tensors.items()}


def save(tensors, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)
    print(f"{path.stat().st_size:>9,}  {path.name}")


def directions(elements):
    """[PROJECTIONS, elements] factors in [-1, 1), by SplitMix64: element i of direction k is output k * elements + i."""
    counter = np.arange(1, PROJECTIONS * elements + 1, dtype=np.uint64)
    mixed = counter * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    unit = (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return (2 * unit - 1).reshape(PROJECTIONS, elements)


def projected(tensors):
    """Like stored(), but replaces each large tensor by `NAME.projections`: its products with directions(), in float64."""
    small = {name: tensor for name, tensor in tensors.items() if tensor.numel() <= LARGEST_STORED}
    large = tensors.keys() - small.keys()
    products = {f"{name}.projections": (directions(tensors[name].numel()) * tensors[name].detach().numpy().ravel()).sum(1)
                for name in large}
    return stored(small) | products
