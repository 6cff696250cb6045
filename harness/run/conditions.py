"""What a graph takes every image for, and which images it is right for.

A method may treat an image by its role (query or gallery), its down-sampling rate and its native
size; a graph is told pixels alone. So it is traced for one role and one rate, and it is right for
the images that the method treats as it treats those: which, is found by asking the method.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.errors import PluginError
from harness.types import EmbedBatch, Method
from harness.types.method import Role

ALIKE = 1e-5  # of the norm: features that differ by less are those of one treatment


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a method is told of an image beside its pixels.

    Attributes:
        role: `query` or `gallery`.
        r: The down-sampling rate; None is low resolution as captured.
    """

    role: Role
    r: int | None

    def __str__(self) -> str:
        return f"{self.role}, {'native LR' if self.r is None else f'r = {self.r}'}"

    def batch(self, pixels: Tensor) -> EmbedBatch:
        """Return images, (N, 3, H, W), as a batch of this role and rate, of the size they have.

        One rate stands for all of them, as a graph has no list as long as the batch. The length is
        taken from the shape, since `len` would fix it when it is traced.
        """
        size = torch.tensor([pixels.shape[2:]], device=pixels.device)  # (1, 2)
        return EmbedBatch(pixels, size.expand(pixels.shape[0], 2), [self.r], self.role)


@dataclass(frozen=True, slots=True)
class Probe:
    """Some images of like conditions, as the harness gives them to a method; how many there are."""

    batch: EmbedBatch
    images: int


def choose_conditions(
    method: Method, feature: str, role: Role, probes: Mapping[Conditions, Probe]
) -> tuple[Conditions, Sequence[Conditions]]:
    """Return the conditions of a role that are right for most of its images, and all they serve.

    Args:
        method: In eval mode.
        feature: A key of what `embed` returns.
        role: Of the graph.
        probes: The images that there are.

    Raises:
        PluginError: If the method treats no image of the role as it treats pixels alone.
    """
    best: tuple[int, Conditions, Sequence[Conditions]] | None = None
    for fixed in (Conditions(role, 1), Conditions(role, None)):
        served = [
            given
            for given, probe in probes.items()
            if _treats_alike(method, feature, fixed, probe.batch)
        ]
        images = sum(probes[given].images for given in served if given.role == role)
        if images and (best is None or images > best[0]):
            best = images, fixed, served
    if best is None:
        raise PluginError(
            f"A graph of pixels is right for no {role} image of this model: its `embed` looks at "
            "the native size or at the down-sampling rate of each image.",
            "Export to .safetensors, which keeps the method as it is.",
        )
    return best[1], best[2]


def _treats_alike(method: Method, feature: str, fixed: Conditions, batch: EmbedBatch) -> bool:
    with torch.inference_mode():
        own = method.embed(batch)[feature].float()
        other = method.embed(fixed.batch(batch.pixels))[feature].float()
    allowed = ALIKE * float(own.norm(dim=1).max())
    return bool((own - other).norm(dim=1).max() <= allowed)
