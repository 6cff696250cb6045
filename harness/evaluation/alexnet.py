"""Where LPIPS finds the ImageNet weights of AlexNet, and what is noted where they are not.

It imports no torchmetrics, unlike the formulas in `harness.evaluation.quality`: every run asks.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torchvision.models import AlexNet_Weights

NO_WEIGHTS = "LPIPS has no value: AlexNet's ImageNet weights are neither cached nor downloadable"


def alexnet_file() -> Path:
    """Return where torchvision keeps the ImageNet weights of AlexNet, there or not."""
    name = str(AlexNet_Weights.DEFAULT.url).rsplit("/", 1)[-1]
    return Path(torch.hub.get_dir()) / "checkpoints" / name


def can_be_had(note: str | None) -> bool:
    """Return whether a metric with that note lacked weights that are on this machine by now."""
    return note is not None and note.startswith(NO_WEIGHTS) and alexnet_file().is_file()
