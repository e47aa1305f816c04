"""MobileNetV1 in PyTorch."""
from torch import nn

BLOCKS = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)] + 5 * [(512, 1)] + [(1024, 2), (1024, 1)]


def convolution(inputs, outputs, kernel, stride, groups=1):
    return [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


def mobilenet_v1(alpha, classes=10):
    channels = int(32 * alpha)
    layers = convolution(3, channels, 3, 2)
    for width, stride in BLOCKS:
        outputs = int(width * alpha)
        layers += convolution(channels, channels, 3, stride, channels) + convolution(channels, outputs, 1, 1)
        channels = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))
