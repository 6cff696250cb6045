"""A method of two tiny networks and two stages, and an observer, to watch the trainer with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from harness import Augment, EmbedBatch, Stage, Stream, TrainBatch, Update
from harness.data.images import ImageBank
from harness.training import (
    Checkpoint,
    CheckpointPlace,
    StopRequest,
    Trainer,
    choose_device,
    find_checkpoint,
)
from harness.training.device import seed_everything
from harness.types import Record


class Toy:
    """Pools the image, maps it, classifies it; the second stage trains the head alone."""

    feature = "v"
    distance = "euclidean"
    backbones = ()

    def __init__(
        self, steps: int = 6, spoil: Callable[[int, Tensor], Tensor] = lambda _step, loss: loss
    ) -> None:
        self.body = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.2)
        )
        self.head = nn.Linear(4, 4)
        self.networks: Mapping[str, nn.Module] = {"body": self.body, "head": self.head}
        self.modes: list[tuple[bool, bool]] = []
        self.rates: list[float] = []
        self._steps = steps
        self._spoil = spoil
        self._calls = 0

    def stages(self) -> Sequence[Stage]:
        stream = Stream(3, 2, rates=(2,), augment=Augment(flip=0.5, gain=0.2))
        return [
            Stage(
                name=name,
                steps=self._steps,
                streams={"train": stream},
                trains=trains,
                optimisers={
                    "all": torch.optim.Adam(
                        [p for n in trains for p in self.networks[n].parameters()]
                    )
                },
                train_step=self.train_step,
                schedule=lambda progress: 1 - progress,
                identity_images=6,
            )
            for name, trains in (("both", ("body", "head")), ("head", ("head",)))
        ]

    def train_step(self, batches: Mapping[str, TrainBatch], update: Update) -> Mapping[str, Tensor]:
        self._calls += 1
        self.modes.append((self.body.training, self.head.training))
        batch = batches["train"]
        logits = self.head(self.body(batch.pixels).float().mean(dim=(2, 3)))
        loss = self._spoil(self._calls, cross_entropy(logits, batch.labels))
        update("all", loss)
        return {"id": loss}

    def embed(self, batch: EmbedBatch) -> Mapping[str, Tensor]:
        return {"v": self.body(batch.pixels).mean(dim=(2, 3))}


def make_bank(folder) -> tuple[list[Record], ImageBank]:
    """Write 4 identities x 3 tiny images, and return their records and their bank."""
    rng = np.random.default_rng(0)
    records = []
    for pid in range(1, 5):
        for image in range(3):
            name = f"{pid}_{image}.png"
            Image.fromarray(rng.integers(0, 256, (20, 12, 3), dtype=np.uint8)).save(folder / name)
            records.append(Record(name, name, pid, 1 + image % 2))
    bank = ImageBank(folder, records, (16, 8))
    bank.fill()
    return records, bank


class Log:
    """An observer that keeps what it is told, and may ask for a stop."""

    def __init__(self, stop: StopRequest | None = None, stop_after: int = 0) -> None:
        self.steps: list[tuple[str, int, float]] = []
        self.started: list[tuple[str, int]] = []
        self.saved = 0
        self._stop, self._stop_after = stop, stop_after

    def stage_started(self, stage, done):
        self.started.append((stage.name, done))

    def step_done(self, stage, step, losses):
        self.steps.append((stage.name, step, losses["id"]))
        if self._stop is not None and len(self.steps) == self._stop_after:
            self._stop.requested = True

    def before_checkpoint(self):
        self.saved += 1


def train(method, bank, folder, log=None, stop=None, *, precision="float32", every=1e9):
    """Train a method with fixed seeds, and return its log and summary."""
    records, images = bank
    log, stop = log or Log(), stop or StopRequest()
    device = choose_device("cpu", precision)
    seed_everything(11)
    trainer = Trainer(method, records, images, device, seed=5)
    summary = trainer.train(CheckpointPlace(folder, every), log, stop)
    return log, summary


def parameters(method):
    """Return everything that a method learnt, buffers included."""
    return {
        f"{n}.{k}": v for n, net in method.networks.items() for k, v in net.state_dict().items()
    }


def kept_checkpoint(folder) -> Checkpoint:
    """Return the checkpoint that a folder must hold."""
    checkpoint = find_checkpoint(folder)
    assert checkpoint is not None
    return checkpoint
