"""ResNet-50 as the re-ID papers use it: all five stage outputs, a choice of last stride, any width.

K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016. The
blocks and the names of the parameters are torchvision's, so that its weights load by name.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck


class StageOutputs(NamedTuple):
    """The last activation of each stage, named as in the papers.

    For an input of 256 x 128 at full width and last stride 2: f1 64 x 128 x 64, f2 256 x 64 x 32,
    f3 512 x 32 x 16, f4 1024 x 16 x 8, f5 2048 x 8 x 4 (channels x height x width).
    """

    f1: Tensor
    f2: Tensor
    f3: Tensor
    f4: Tensor
    f5: Tensor


class ResNet50(nn.Module):
    """ResNet-50 without its classifier.

    Args:
        width: Channels of the stem; 64 is the full network, less is the same network, narrower.
        last_stride: Stride of the last stage, 2 as published or 1 for a larger f5.
    """

    def __init__(self, width: int = 64, last_stride: int = 2) -> None:
        super().__init__()
        self.channels = (width, 4 * width, 8 * width, 16 * width, 32 * width)
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = _stage(width, width, blocks=3, stride=1)
        self.layer2 = _stage(4 * width, 2 * width, blocks=4, stride=2)
        self.layer3 = _stage(8 * width, 4 * width, blocks=6, stride=2)
        self.layer4 = _stage(16 * width, 8 * width, blocks=3, stride=last_stride)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> StageOutputs:
        """Return f1 to f5 of normalised images x, (N, 3, H, W)."""
        f1 = self.relu(self.bn1(self.conv1(x)))
        f2 = self.layer1(self.maxpool(f1))
        f3 = self.layer2(f2)
        f4 = self.layer3(f3)
        return StageOutputs(f1, f2, f3, f4, self.layer4(f4))


def _stage(inputs: int, planes: int, blocks: int, stride: int) -> nn.Sequential:
    outputs = planes * Bottleneck.expansion
    shortcut = nn.Sequential(
        nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
    )
    first = Bottleneck(inputs, planes, stride, shortcut)
    return nn.Sequential(first, *(Bottleneck(outputs, planes) for _ in range(blocks - 1)))
