"""Augmentation of a whole batch on the device; an image and its copy get the same draw."""

from __future__ import annotations

import torch
from kornia.augmentation import (
    AugmentationSequential,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
)
from torch import Tensor

from harness.types import Augment


class Augmenter:
    """Applies one `Augment` to batches of a fixed size.

    Draws come from torch's global generator, whose state a checkpoint holds.

    Args:
        augment: What to do.
        size: Height and width of the batches [pixels].
    """

    def __init__(self, augment: Augment, size: tuple[int, int]) -> None:
        self._augment = augment
        padding = round(augment.crop * size[0])
        steps = [
            RandomHorizontalFlip(p=augment.flip) if augment.flip else None,
            RandomCrop(size, padding=padding, padding_mode="replicate") if padding else None,
            RandomErasing(p=augment.erasing, scale=(0.02, 0.4)) if augment.erasing else None,
        ]
        self._geometry = [step for step in steps if step is not None]

    def __call__(self, pixels: Tensor, copy: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Return the augmented images, and their copies with the same draw.

        Args:
            pixels: (N, 3, H, W), in [0, 1].
            copy: The same images at low resolution, or None.
        """
        factor = self._colour(pixels)
        pair = [pixels] if copy is None else [pixels, copy]
        pair = [(x * factor).clamp(0, 1) for x in pair]
        if self._geometry:
            pair = self._together(pair)
        return pair[0], (pair[1] if copy is not None else None)

    def _colour(self, pixels: Tensor) -> Tensor:
        """Return the factor of each channel of each image, (N, 3, 1, 1)."""
        n = len(pixels)
        gain = torch.empty(n, 3, 1, 1).uniform_(1 - self._augment.gain, 1 + self._augment.gain)
        b = self._augment.brightness
        brightness = torch.empty(n, 1, 1, 1).uniform_(1 - b, 1 + b)
        return (gain * brightness).to(pixels.device)

    def _together(self, pair: list[Tensor]) -> list[Tensor]:
        sequence = AugmentationSequential(*self._geometry, data_keys=["input"] * len(pair))
        out = sequence(*pair)
        return [out] if isinstance(out, Tensor) else list(out)
