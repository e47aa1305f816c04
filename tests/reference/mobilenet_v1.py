"""MobileNetV1 in PyTorch with this project's parameter names and order.

Block 0 is the 3x3 convolution `model.0.0` with batch norm `model.0.1`. Blocks 1 to 13 are a depthwise convolution
`model.B.0` with batch norm `model.B.1` and a pointwise one, `model.B.3`, with batch norm `model.B.4`. `fc` classifies.
"""
from torch import nn

# (output channels at alpha 1, stride) of blocks 1 to 13
SEPARABLE = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]


class MobileNetV1(nn.Module):
    def __init__(self, classes, alpha):
        super().__init__()

        def layer(channels_in, channels_out, kernel, stride=1, groups=1):
            convolution = nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, groups=groups, bias=False)
            return convolution, nn.BatchNorm2d(channels_out), nn.ReLU()

        width = int(32 * alpha)
        blocks = [nn.Sequential(*layer(3, width, 3, 2))]
        for channels, stride in SEPARABLE:
            channels = int(channels * alpha)
            depthwise, pointwise = layer(width, width, 3, stride, width), layer(width, channels, 1)
            blocks.append(nn.Sequential(*depthwise, *pointwise))
            width = channels
        self.model = nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1))
        self.fc = nn.Linear(width, classes)

    def forward(self, images):
        """Logits [n, classes] of images [n, 3, height, width]."""
        return self.fc(self.model(images).flatten(1))
