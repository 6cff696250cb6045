"""One stage under way: draws its batches, runs its steps, measures its gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

from harness.data.augment import Augmenter
from harness.data.images import ImageBank, to_unit_range
from harness.data.sampler import PKSampler
from harness.errors import UsageError
from harness.training.device import Device
from harness.types import Record, Stage, TrainBatch


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one training step gave.

    Attributes:
        losses: By the names that the stage's training step gave them.
        norms: By optimiser, the Euclidean norm of the gradient of each update, in order.
    """

    losses: Mapping[str, float]
    norms: Mapping[str, Sequence[float]]


class StageRun:
    """One stage under way: its samplers and augmenters, and the step function.

    Args:
        stage: The stage.
        records: The training records.
        bank: Their images, decoded.
        device: Where to train.
        seed: Of the stage's draws.

    Raises:
        UsageError: If the records cannot fill a batch.
    """

    def __init__(
        self, stage: Stage, records: Sequence[Record], bank: ImageBank, device: Device, seed: int
    ) -> None:
        self.stage = stage
        self._bank = bank
        self._device = device
        self._norms: dict[str, list[Tensor]] = {}
        self._labels = {pid: i for i, pid in enumerate(sorted({r.pid for r in records}))}
        self._augmenters = {n: Augmenter(s.augment, bank.size) for n, s in stage.streams.items()}
        self.samplers: dict[str, PKSampler] = {}
        for index, (name, stream) in enumerate(stage.streams.items()):
            try:
                self.samplers[name] = PKSampler(records, stream, seed + index)
            except ValueError as error:
                raise UsageError(
                    f"Stage {stage.name!r} cannot draw its batches: {error}.",
                    "Lower it with `--set batch_identities=...`.",
                ) from error

    def step(self, index: int) -> StepResult:
        """Run step `index` (from 0) and return what it gave."""
        self._set_rates(index)
        self._norms = {name: [] for name in self.stage.optimisers}
        batches = {name: self._batch(name) for name in self.stage.streams}
        with self._device.accelerator.autocast():
            losses = self.stage.train_step(batches, self._update)
        return StepResult(
            losses={name: float(loss.detach()) for name, loss in losses.items()},
            norms={name: [float(norm) for norm in norms] for name, norms in self._norms.items()},
        )

    def _update(self, optimiser: str, loss: Tensor) -> None:
        chosen = self.stage.optimisers[optimiser]
        chosen.zero_grad(set_to_none=True)
        self._device.accelerator.backward(loss)
        self._norms[optimiser].append(_gradient_norm(chosen))  # a tensor: read after the step
        chosen.step()

    def _set_rates(self, index: int) -> None:
        factor = self.stage.schedule(index / self.stage.steps)
        for optimiser in self.stage.optimisers.values():
            for group in optimiser.param_groups:
                group.setdefault("initial_lr", group["lr"])
                group["lr"] = group["initial_lr"] * factor

    def _batch(self, name: str) -> TrainBatch:
        records, drawn = self.samplers[name].draw()
        rates = None if drawn is None else self._bank.possible_rates(records, drawn)
        device = self._device.torch
        pixels = to_unit_range(self._bank.batch(records), device)
        copy = None if rates is None else to_unit_range(self._bank.batch(records, rates), device)
        pixels, copy = self._augmenters[name](pixels, copy)
        return TrainBatch(
            pixels=pixels,
            labels=torch.tensor([self._labels[r.pid] for r in records], device=device),
            native_lr=torch.tensor([r.r is None for r in records], device=device),
            lr=copy,
            rates=None if rates is None else torch.tensor(rates, device=device),
        )


def _gradient_norm(optimiser: Optimizer) -> Tensor:
    parameters = (p for group in optimiser.param_groups for p in group["params"])
    return get_total_norm([p.grad for p in parameters if p.grad is not None])
