"""INTACT's networks beside the re-ID network: S, D and phi. Their layers are ours (departures)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from torch import Tensor, nn


class SuperResolution(nn.Module):
    """S: an image at network size to the same image restored; the identity before training.

    Residual blocks without batch normalisation (EDSR, Lim et al., CVPRW 2017), on a grid of half
    the size, between a pixel unshuffle and a pixel shuffle.

    Args:
        width: Channels.
        blocks: Residual blocks.
    """

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(12, width, 3, padding=1))
        self.body = nn.ModuleList(_residual(width) for _ in range(blocks))
        self.tail = nn.Conv2d(width, 12, 3, padding=1)
        self.shuffle = nn.PixelShuffle(2)
        for parameter in self.tail.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x_L: Tensor) -> Tensor:
        """Return x_S of x_L, (N, 3, H, W), in [0, 1], H and W even; it may leave [0, 1]."""
        first = self.head(2 * x_L - 1)  # (N, width, H/2, W/2)
        z = first
        for block in self.body:
            z = z + block(z)
        residual: Tensor = self.shuffle(self.tail(first + z))  # (N, 3, H, W)
        return x_L + residual.float()


class Judgement(NamedTuple):
    """What D says of images: its feature f_d, (N, d), and the logit that they are real, (N, 1)."""

    f_d: Tensor
    logit: Tensor


class Discriminator(nn.Module):
    """D: tells restored from real images, and gives the feature f_d.

    Args:
        width: Channels of the first layer; each of the next three doubles them.
        features: d, the length of f_d.
    """

    def __init__(self, width: int, features: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for c in (width, 2 * width, 4 * width):
            layers += [nn.Conv2d(c, 2 * c, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers)
        self.feature = nn.Sequential(nn.Linear(8 * width, features), nn.LeakyReLU(0.2))
        self.logit = nn.Linear(features, 1)
        for module in self.layers:
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, a=0.2)

    def forward(self, x: Tensor) -> Judgement:
        """Return f_d and the logit of images x, (N, 3, H, W), in [0, 1]."""
        f_d = self.feature(self.layers(2 * x - 1).mean(dim=(2, 3)))
        return Judgement(f_d, self.logit(f_d))


class Association(nn.Module):
    """phi = phi_2(phi_1): from the identity feature f_c to f_d, over the hidden layer f_e.

    Args:
        inputs: Length of f_c.
        features: d, the length of f_e and of f_d.
    """

    def __init__(self, inputs: int, features: int) -> None:
        super().__init__()
        self.phi_1 = nn.Sequential(nn.Linear(inputs, features), nn.ReLU())
        self.phi_2 = nn.Linear(features, features)

    def forward(self, f_c: Tensor) -> tuple[Tensor, Tensor]:
        """Return phi(f_c) and f_e, both (N, d)."""
        f_e = self.phi_1(f_c)
        return self.phi_2(f_e), f_e


def _residual(width: int) -> nn.Sequential:
    first, second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
    return nn.Sequential(first, nn.ReLU(), second)


@contextmanager
def batch_statistics(*networks: nn.Module) -> Iterator[None]:
    """Let networks in eval mode normalise by each batch, as in training, and keep none of it."""
    norms = [
        module
        for network in networks
        for module in network.modules()
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
    ]
    for norm in norms:
        norm.training, norm.track_running_stats = True, False
    try:
        yield
    finally:
        for norm in norms:
            norm.training, norm.track_running_stats = False, True
