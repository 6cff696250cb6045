"""From the harness's batches to a network's input, and from a budget of images to steps."""

from __future__ import annotations

import math

from torch import Tensor

from harness.types import FitContext, MethodConfig

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def normalise(
    pixels: Tensor,
    mean: tuple[float, float, float] = IMAGENET_MEAN,
    std: tuple[float, float, float] = IMAGENET_STD,
) -> Tensor:
    """Return (pixels - mean) / std per channel.

    Args:
        pixels: (N, 3, H, W), in [0, 1].
        mean: Per channel, of ImageNet unless given.
        std: Per channel, of ImageNet unless given.
    """
    centre = pixels.new_tensor(mean).view(1, 3, 1, 1)
    scale = pixels.new_tensor(std).view(1, 3, 1, 1)
    return (pixels - centre) / scale


def full_steps(config: MethodConfig, context: FitContext, images_per_step: int) -> int:
    """Return the number of steps that puts the recipe's images through the identity loss.

    That is `config.images`, or one epoch over the training images where that is more; zero images
    are zero steps.
    """
    if config.images == 0:
        return 0
    return math.ceil(max(config.images, context.images) / images_per_step)
