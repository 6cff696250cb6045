"""The trainer: runs a method's stages step by step, watches the losses, writes checkpoints.

It knows nothing of any method: a stage brings its streams, optimisers and training step. What is
drawn at random comes from the samplers and from torch's generators, whose states are in the
checkpoint, so that a resumed fit goes on as if it had never stopped: to the same bits on CPU.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from harness.data.augment import Augmenter
from harness.data.images import ImageBank, to_unit_range
from harness.data.sampler import PKSampler
from harness.errors import Interrupted, TrainingError, UsageError
from harness.training.checkpoint import (
    Checkpoint,
    CheckpointPlace,
    find_checkpoint,
    write_checkpoint,
)
from harness.training.device import Device
from harness.training.stopping import StopRequest
from harness.types import Method, Record, Stage, TrainBatch


class Observer(Protocol):
    """Is told what the trainer does."""

    def stage_started(self, stage: Stage, done: int) -> None:
        """A stage starts, or goes on after `done` steps."""
        ...

    def step_done(self, stage: Stage, step: int, losses: Mapping[str, float]) -> None:
        """Step number `step` (from 1) is done with these losses."""
        ...

    def before_checkpoint(self) -> None:
        """A checkpoint of everything reported so far is about to be written.

        Keep it now: a resumed fit reports again what came after its checkpoint, and nothing else.
        """
        ...


@dataclass(frozen=True, slots=True)
class TrainingSummary:
    """What a finished training took.

    Attributes:
        seconds: Time in training steps, over all resumes.
        steps: All stages' steps.
        identity_images: Images that went through the identity loss.
    """

    seconds: float
    steps: int
    identity_images: int


class _StageRun:
    """One stage under way: its samplers and augmenters, and the step function."""

    def __init__(
        self, stage: Stage, records: Sequence[Record], bank: ImageBank, device: Device, seed: int
    ) -> None:
        self.stage = stage
        self._bank = bank
        self._device = device
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

    def step(self, index: int) -> dict[str, float]:
        """Run step `index` (from 0) and return its losses."""
        self._set_rates(index)
        batches = {name: self._batch(name) for name in self.stage.streams}
        with self._device.accelerator.autocast():
            losses = self.stage.train_step(batches, self._update)
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def _update(self, optimiser: str, loss: Tensor) -> None:
        chosen = self.stage.optimisers[optimiser]
        chosen.zero_grad(set_to_none=True)
        self._device.accelerator.backward(loss)
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


class Trainer:
    """Trains one method on one list of records.

    Args:
        method: Built, with its initial weights loaded.
        records: The training records.
        bank: Their images, decoded.
        device: Where to train.
        seed: Of everything that is drawn.
    """

    def __init__(
        self, method: Method, records: Sequence[Record], bank: ImageBank, device: Device, seed: int
    ) -> None:
        self._method = method
        self._records = records
        self._bank = bank
        self._device = device
        self._seed = seed
        for network in method.networks.values():
            network.to(device.torch).to(memory_format=torch.channels_last)
        self._stages = list(method.stages())
        self._seconds = 0.0

    @property
    def steps(self) -> int:
        """Steps of all stages."""
        return sum(stage.steps for stage in self._stages)

    def seconds_per_step(self, timed: int = 3) -> float:
        """Return the mean time of a step over the stages, from a few steps that change the model.

        Only for a method that is thrown away afterwards.
        """
        total = 0.0
        for index in range(len(self._stages)):
            if self._stages[index].steps == 0:
                continue
            run = self._begin(index)
            run.step(0)
            start = time.perf_counter()
            for _ in range(timed):
                run.step(0)
            total += run.stage.steps * (time.perf_counter() - start) / timed
        return total / max(1, self.steps)

    def train(
        self, place: CheckpointPlace, observer: Observer, stop: StopRequest
    ) -> TrainingSummary:
        """Train from the last checkpoint, or from the start, to the last step.

        Raises:
            TrainingError: If a loss is NaN or infinite; the last checkpoint is kept.
            Interrupted: If a stop was requested; a checkpoint is written first.
        """
        checkpoint = find_checkpoint(place.folder)
        first, done = (checkpoint.stage, checkpoint.step) if checkpoint else (0, 0)
        for index in range(first, len(self._stages)):
            run = self._begin(index)
            if checkpoint is not None:
                self._restore(run, checkpoint)
            observer.stage_started(run.stage, done)
            self._run_stage(run, index, done, (place, observer, stop))
            checkpoint, done = None, 0
        return TrainingSummary(
            self._seconds,
            self.steps,
            sum(stage.steps * stage.identity_images for stage in self._stages),
        )

    def _begin(self, index: int) -> _StageRun:
        stage = self._stages[index]
        for name, network in self._method.networks.items():
            network.train(name in stage.trains)
            network.requires_grad_(name in stage.trains)
        return _StageRun(
            stage, self._records, self._bank, self._device, self._seed + 1000 * (index + 1)
        )

    def _run_stage(
        self,
        run: _StageRun,
        index: int,
        done: int,
        around: tuple[CheckpointPlace, Observer, StopRequest],
    ) -> None:
        place, observer, stop = around
        saved = time.perf_counter()
        for step in range(done, run.stage.steps):
            start = time.perf_counter()
            losses = run.step(step)
            self._seconds += time.perf_counter() - start
            _refuse_not_finite(run.stage, step + 1, losses, place)
            observer.step_done(run.stage, step + 1, losses)
            if stop.requested or time.perf_counter() - saved > place.every:
                observer.before_checkpoint()
                write_checkpoint(place.folder, self._checkpoint(run, index, step + 1))
                saved = time.perf_counter()
            if stop.requested:
                raise Interrupted(
                    f"Stopped in stage {run.stage.name!r} after step {step + 1} of "
                    f"{run.stage.steps}; a checkpoint is written.",
                    "The same command, without --fresh, resumes there.",
                )

    def _checkpoint(self, run: _StageRun, index: int, step: int) -> Checkpoint:
        rng = {"cpu": torch.get_rng_state()}
        if self._device.torch.type == "cuda":
            rng["cuda"] = torch.cuda.get_rng_state(self._device.torch)
        return Checkpoint(
            stage=index,
            step=step,
            seconds=self._seconds,
            networks={n: net.state_dict() for n, net in self._method.networks.items()},
            optimisers={n: o.state_dict() for n, o in run.stage.optimisers.items()},
            samplers={n: s.state() for n, s in run.samplers.items()},
            rng=rng,
        )

    def _restore(self, run: _StageRun, checkpoint: Checkpoint) -> None:
        for name, network in self._method.networks.items():
            network.load_state_dict(checkpoint.networks[name])
        for name, optimiser in run.stage.optimisers.items():
            optimiser.load_state_dict(checkpoint.optimisers[name])
        for name, sampler in run.samplers.items():
            sampler.restore(checkpoint.samplers[name])
        torch.set_rng_state(checkpoint.rng["cpu"])
        if "cuda" in checkpoint.rng:
            torch.cuda.set_rng_state(checkpoint.rng["cuda"], self._device.torch)
        self._seconds = checkpoint.seconds


def _refuse_not_finite(
    stage: Stage, step: int, losses: Mapping[str, float], place: CheckpointPlace
) -> None:
    broken = [f"{name} = {value}" for name, value in losses.items() if not math.isfinite(value)]
    if broken:
        raise TrainingError(
            f"Stage {stage.name!r}, step {step} of {stage.steps}: the loss {', '.join(broken)}.",
            "Lower the learning rate (`--set lr=...`) or train with `--precision float32`; "
            f"what the last checkpoint held is kept in {place.folder}.",
        )
