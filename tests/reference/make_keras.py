"""Writes keras/: random weights with the names and layouts of `keras.applications.MobileNet`, and the logits of its network.
The network is written here from Keras's documentation and computes in float64.

Keras stores kernels as [height, width, in, out] and depthwise kernels as [height, width, channels, 1]. Its convolutions of
stride 2 pad one row at the bottom and one column at the right. Batch norm's epsilon is 1e-3, activations are ReLU6, the
classifier is a 1x1 convolution, and pixels are scaled to [-1, 1].
"""
from pathlib import Path

from common import ALPHA, CLASSES, pixels, save, stored
import torch
from torch.nn import functional as F

OUT = Path(__file__).parent / "keras"
# Sides of the pictures. From the odd side, Keras's padding makes smaller outputs than PyTorch's.
SIZES = (96, 75)
# (filters at alpha 1, stride) of conv_dw_1 to conv_pw_13
BLOCKS = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
PARTS = ("gamma", "beta", "moving_mean", "moving_variance")


class Keras:
    """The network. While `measuring` is set, it takes batch norm's moving statistics from its input."""

    epsilon = 1e-3

    def __init__(self, weights):
        self.weights = weights
        self.measuring = False

    def activation(self, x):
        return x.clamp(0, 6)

    def padded(self, x):
        return F.pad(x, (0, 1, 0, 1))

    def norm(self, x, layer):
        if self.measuring:
            self.weights[f"{layer}/moving_mean"] = x.mean((0, 2, 3))
            self.weights[f"{layer}/moving_variance"] = x.var((0, 2, 3), correction=0)
        gamma, beta, mean, variance = (self.weights[f"{layer}/{part}"].view(1, -1, 1, 1) for part in PARTS)
        return self.activation((x - mean) / (variance + self.epsilon).sqrt() * gamma + beta)

    def logits(self, x):
        x = F.conv2d(self.padded(x), self.weights["conv1/kernel"].permute(3, 2, 0, 1), stride=2)
        x = self.norm(x, "conv1_bn")
        for block, (_, stride) in enumerate(BLOCKS, 1):
            kernel = self.weights[f"conv_dw_{block}/depthwise_kernel"].permute(2, 3, 0, 1)
            x = self.padded(x) if stride == 2 else F.pad(x, (1, 1, 1, 1))
            x = self.norm(F.conv2d(x, kernel, stride=stride, groups=x.shape[1]), f"conv_dw_{block}_bn")
            kernel = self.weights[f"conv_pw_{block}/kernel"].permute(3, 2, 0, 1)
            x = self.norm(F.conv2d(x, kernel), f"conv_pw_{block}_bn")
        kernel = self.weights["conv_preds/kernel"][0, 0]
        return x.mean((2, 3)) @ kernel + self.weights["conv_preds/bias"]


class Relu(Keras):
    def activation(self, x):
        return x.relu()


class OtherEpsilon(Keras):
    epsilon = 1e-5


class SymmetricPadding(Keras):
    def padded(self, x):
        return F.pad(x, (1, 1, 1, 1))


def random_weights():
    """Weights for which ReLU6's bound and epsilon matter: some scales are large, and variances are small."""
    weights = {}

    def norm(layer, channels):
        weights[f"{layer}/gamma"] = torch.empty(channels, dtype=torch.double).uniform_(0.8, 1.2)
        weights[f"{layer}/gamma"][::8] *= 3
        weights[f"{layer}/beta"] = 0.3 * torch.randn(channels, dtype=torch.double)

    def kernel(name, *shape, inputs):
        scale = 10 ** torch.empty(shape[-1] if shape[-1] > 1 else (shape[-2], 1), dtype=torch.double).uniform_(-1, 0)
        weights[name] = torch.randn(shape, dtype=torch.double) * (2 / inputs) ** 0.5 * scale

    width = int(32 * ALPHA)
    kernel("conv1/kernel", 3, 3, 3, width, inputs=27)
    norm("conv1_bn", width)
    for block, (filters, _) in enumerate(BLOCKS, 1):
        filters = int(filters * ALPHA)
        kernel(f"conv_dw_{block}/depthwise_kernel", 3, 3, width, 1, inputs=9)
        norm(f"conv_dw_{block}_bn", width)
        kernel(f"conv_pw_{block}/kernel", 1, 1, width, filters, inputs=width)
        norm(f"conv_pw_{block}_bn", filters)
        width = filters
    weights["conv_preds/kernel"] = torch.randn(1, 1, width, CLASSES, dtype=torch.double) / width**0.5
    weights["conv_preds/bias"] = torch.zeros(CLASSES, dtype=torch.double)
    return weights


def scaled(pixels):
    return pixels.double() / 127.5 - 1


def main():
    torch.manual_seed(0)
    keras = Keras(random_weights())
    keras.measuring = True
    bias = -keras.logits(scaled(pixels(16, 96))).mean(0)
    keras.weights["conv_preds/bias"] = bias + 0.2 * torch.randn_like(bias)
    for name, value in keras.weights.items():
        if name.endswith("moving_variance"):
            value *= torch.empty_like(value).uniform_(0.8, 1.25)
    # Halves the file. The logits are those of the rounded weights.
    weights = {name: value.half().numpy() for name, value in keras.weights.items()}
    save(weights, OUT / "weights.safetensors")
    weights = {name: torch.from_numpy(value).double() for name, value in weights.items()}

    expected = {}
    for size in SIZES:
        batch = pixels(2, size)
        logits = Keras(weights).logits(scaled(batch))
        assert (logits[0] - logits[1]).abs().max() > 0.3, "the logits must depend on the picture"
        for other in (Relu, OtherEpsilon, SymmetricPadding):
            apart = (other(weights).logits(scaled(batch)) - logits).abs().max().item()
            print(f"{size}: {other.__name__} differs by {apart:.2f}")
            assert apart > 0.05, f"{other.__name__} must differ clearly"
        expected |= {f"pixels.{size}": batch, f"logits.{size}": logits}
    save(stored(expected), OUT / "expected.safetensors")


if __name__ == "__main__":
    main()
