"""Writes families/: of timm, transformers and pytorchcv the names of their MobileNetV1's tensors, the files that they write
beside their weights, and the logits of their networks.

The weights are not stored. Both this program and the tests compute them: element j of tensor i is made of number
(i + 1) * 2^32 + j + 1 of SplitMix64, as `value` says. Only batch norm's statistics, measured on pictures, are in
`expected.safetensors`: LIBRARY.statistics, the running means and variances in the order of the names.

The libraries compute in float64 from weights and pictures rounded to float32. Pictures of 96 pixels are divided by 32; those
of 100 pixels are not, where TensorFlow's padding SAME depends on the layer.
"""
import json
from pathlib import Path

from common import save
import numpy as np
import torch
from pytorchcv.model_provider import get_model
from timm.models._hub import save_config_for_hf
from timm.models.efficientnet import _gen_mobilenet_v1
from transformers import MobileNetV1Config, MobileNetV1ForImageClassification, MobileNetV1ImageProcessor

OUT = Path(__file__).parent / "families"
ALPHA = 0.25
SIZES = (96, 100)
PICTURES = 2
# Pictures on which batch norm's statistics are measured, besides those of the logits.
MEASURED = 16
NAMES = ["background", *(f"class {i}" for i in range(1, 11))]
# Scales of a convolution's outputs, in turn: small ones make epsilon count.
SCALES = np.array([1, 0.5, 0.25, 0.125])
# Every so many channels of batch norm are enlarged, so that ReLU6's bound counts.
ENLARGED = 16


def uniform(tensor, count):
    """`count` numbers of SplitMix64 in [-1, 1)."""
    mixed = (np.uint64((tensor + 1) << 32) + np.arange(1, count + 1, dtype=np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return 2 * ((mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53) - 1


def value(i, name, shape):
    """Values of tensor `i`, unless they are statistics."""
    part, values = name.rsplit(".", 1)[1], uniform(i, int(np.prod(shape)))
    if part == "num_batches_tracked":
        return np.array(7)
    if part == "bias":
        return 0.5 * values
    if len(shape) == 4:
        scales = SCALES[np.arange(shape[0]) % len(SCALES)]
        return values.reshape(shape) * np.sqrt(6 / np.prod(shape[1:])) * scales[:, None, None, None]
    if len(shape) == 2:
        return values.reshape(shape) * (5 / np.sqrt(shape[1]))
    values = 1 + 0.2 * values
    values[::ENLARGED] *= 3
    return values


def pictures(first, count, size):
    """Squares of colour with noise, bytes [count, 3, size, size]. The numbers are those of tensors from 1000 on."""
    made = []
    for i in range(first, first + count):
        squares = uniform(1000 + 2 * i, 3 * 25).reshape(3, 5, 5)
        at = np.arange(size) * 5 // size
        noise = uniform(1001 + 2 * i, 3 * size * size).reshape(3, size, size)
        made.append(np.floor(128 + 90 * squares[:, at][:, :, at] + 30 * noise))
    return np.stack(made).astype(np.uint8)


def normalised(pixels, mean, std):
    mean, std = (np.array(values).reshape(3, 1, 1) for values in (mean, std))
    return torch.from_numpy(((pixels / 255 - mean) / std).astype(np.float32)).double()


def logits(net, x):
    with torch.no_grad():
        out = net(x)
    return out.logits if hasattr(out, "logits") else out


def timm(folder):
    net = _gen_mobilenet_v1("mobilenetv1_100", ALPHA, num_classes=10)
    save_config_for_hf(net, folder / "config.json")
    return net, (0.5,) * 3, (0.5,) * 3


def transformers(folder):
    config = MobileNetV1Config(depth_multiplier=ALPHA, id2label=dict(enumerate(NAMES)), num_labels=len(NAMES))
    config.save_pretrained(folder)
    MobileNetV1ImageProcessor().save_pretrained(folder)
    return MobileNetV1ForImageClassification(config), (0.5,) * 3, (0.5,) * 3


def pytorchcv(_):
    net = get_model("mobilenet_wd4", num_classes=10)
    # Its own pooling has a fixed window, for pictures of 224 pixels.
    net.features.final_pool = torch.nn.AdaptiveAvgPool2d(1)
    return net, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def fill(net, mean, std):
    """Fills in the weights; returns the statistics."""
    state = net.state_dict()
    for i, (name, tensor) in enumerate(state.items()):
        if not name.endswith(("running_mean", "running_var")):
            tensor.copy_(torch.from_numpy(np.asarray(value(i, name, tuple(tensor.shape)))))
    net.double().train()
    norms = [module for module in net.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    for module in net.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    logits(net, normalised(pictures(PICTURES, MEASURED, SIZES[0]), mean, std))
    net.eval()
    statistics = []
    for name, tensor in net.state_dict().items():
        if name.endswith(("running_mean", "running_var")):
            tensor.copy_(tensor.float().double())
            statistics.append(tensor.float().numpy().ravel().copy())
        elif name.endswith("num_batches_tracked"):
            tensor.fill_(7)
        else:
            tensor.copy_(tensor.float().double())
    return np.concatenate(statistics)


def main():
    expected = {}
    for make in (timm, transformers, pytorchcv):
        library = make.__name__
        folder = OUT / library
        folder.mkdir(parents=True, exist_ok=True)
        net, mean, std = make(folder)
        names = [[name, list(tensor.shape)] for name, tensor in net.state_dict().items()]
        (folder / "names.json").write_text("[\n" + ",\n".join(map(json.dumps, names)) + "\n]\n")
        expected[f"{library}.statistics"] = fill(net, mean, std)
        for size in SIZES:
            if library == "pytorchcv" and size != SIZES[0]:
                continue  # padding is symmetric at every size
            found = logits(net, normalised(pictures(0, PICTURES, size), mean, std))
            spread = (found.max() - found.min()).item()
            apart = (found[0] - found[1]).abs().max().item()
            print(f"{library}, {size} pixels: spread {spread:.2f}, {apart:.2f} between two pictures")
            assert apart > 0.1 * spread, "the logits must depend on the picture"
            expected[f"{library}.logits.{size}"] = found.numpy()
    save(expected, OUT / "expected.safetensors")


if __name__ == "__main__":
    main()
