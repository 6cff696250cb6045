"""A checkpoint: everything that the next step depends on, in one file written atomically."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

FILE = "checkpoint.pt"


@dataclass(frozen=True)
class Checkpoint:
    """The state between two steps.

    Attributes:
        stage: Index of the stage under way.
        step: Steps of that stage that are done.
        seconds: Time spent training so far, over all resumes.
        networks: State of every network of the method, by name.
        optimisers: State of the stage's optimisers, by name.
        samplers: Position of the stage's streams, by name.
        rng: State of torch's generators: `cpu`, and `cuda` where there is one.
    """

    stage: int
    step: int
    seconds: float
    networks: dict[str, Any]
    optimisers: dict[str, Any] = field(default_factory=dict)
    samplers: dict[str, Any] = field(default_factory=dict)
    rng: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckpointPlace:
    """Where a fit's checkpoint is kept, and how often it is written.

    Attributes:
        folder: Of this fit alone.
        every: Time between two checkpoints [s].
    """

    folder: Path
    every: float


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint so that a reader sees the old one or the new one, never a part."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f"{FILE}.{os.getpid()}"
    fields = {name: getattr(checkpoint, name) for name in Checkpoint.__dataclass_fields__}
    torch.save(fields, draft)
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(folder / FILE)


def find_checkpoint(folder: Path) -> Checkpoint | None:
    """Return the last checkpoint of a folder, or None."""
    path = folder / FILE
    if not path.is_file():
        return None
    return Checkpoint(**torch.load(path, map_location="cpu", weights_only=True))
