"""The trainer: runs a method's stages step by step, watches them, writes checkpoints.

It knows nothing of any method: a stage brings its streams, optimisers and training step. What is
drawn at random comes from the samplers and from torch's generators, whose states are in the
checkpoint, so that a resumed fit goes on as if it had never stopped: to the same bits on CPU.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from harness.data.images import ImageBank
from harness.errors import Interrupted, TrainingError
from harness.training.checkpoint import (
    Checkpoint,
    CheckpointPlace,
    find_checkpoint,
    write_checkpoint,
)
from harness.training.collapse import CollapseWatch, Fault
from harness.training.device import Device
from harness.training.stage import StageRun
from harness.training.stopping import StopRequest
from harness.types import Method, Record, Stage


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
            TrainingError: If a rule of `collapse` ends the fit; the last good checkpoint is kept.
            Interrupted: If a stop was requested; a checkpoint is written first, unless the
                discriminator looks collapsed.
        """
        checkpoint = find_checkpoint(place.folder)
        first, done = (checkpoint.stage, checkpoint.step) if checkpoint else (0, 0)
        for index in range(first, len(self._stages)):
            run = self._begin(index)
            if checkpoint is not None:
                self._restore(run, checkpoint)
            elif index > 0 or run.stage.adversary is not None:
                self._save(run, index, 0, place, observer)  # whatever the stage comes to
            observer.stage_started(run.stage, done)
            self._run_stage(run, index, done, (place, observer, stop))
            checkpoint, done = None, 0
        return TrainingSummary(
            self._seconds,
            self.steps,
            sum(stage.steps * stage.identity_images for stage in self._stages),
        )

    def _begin(self, index: int) -> StageRun:
        stage = self._stages[index]
        for name, network in self._method.networks.items():
            network.train(name in stage.trains)
            network.requires_grad_(name in stage.trains)
        return StageRun(
            stage, self._records, self._bank, self._device, self._seed + 1000 * (index + 1)
        )

    def _run_stage(
        self,
        run: StageRun,
        index: int,
        done: int,
        around: tuple[CheckpointPlace, Observer, StopRequest],
    ) -> None:
        place, observer, stop = around
        watch = CollapseWatch(run.stage)
        saved = time.perf_counter()
        for step in range(done + 1, run.stage.steps + 1):
            start = time.perf_counter()
            result = run.step(step - 1)
            self._seconds += time.perf_counter() - start
            fault = watch.find_fault(step, result.losses, result.norms)
            if fault is not None:
                raise self._failure(run.stage, step, fault, place)
            observer.step_done(run.stage, step, result.losses)
            due = stop.requested or time.perf_counter() - saved > place.every
            if due and watch.suspicion is None:
                self._save(run, index, step, place, observer)
                saved = time.perf_counter()
            if stop.requested:
                raise _interruption(run.stage, step, watch.suspicion)

    def _save(
        self, run: StageRun, index: int, step: int, place: CheckpointPlace, observer: Observer
    ) -> None:
        observer.before_checkpoint()
        write_checkpoint(place.folder, self._checkpoint(run, index, step))

    def _checkpoint(self, run: StageRun, index: int, step: int) -> Checkpoint:
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

    def _restore(self, run: StageRun, checkpoint: Checkpoint) -> None:
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

    def _failure(
        self, stage: Stage, step: int, fault: Fault, place: CheckpointPlace
    ) -> TrainingError:
        kept = find_checkpoint(place.folder)
        where = (
            "no checkpoint had been written yet"
            if kept is None
            else f"the last good checkpoint (stage {self._stages[kept.stage].name!r}, "
            f"step {kept.step}) is kept in {place.folder}"
        )
        return TrainingError(
            f"Stage {stage.name!r}, step {step} of {stage.steps}: {fault.what}",
            f"{fault.advice}: the same command would only start over from the first step; {where}.",
        )


def _interruption(stage: Stage, step: int, suspicion: str | None) -> Interrupted:
    if suspicion is None:
        return Interrupted(
            f"Stopped in stage {stage.name!r} after step {step} of {stage.steps}; "
            "a checkpoint is written.",
            "The same command, without --fresh, resumes there.",
        )
    return Interrupted(
        f"Stopped in stage {stage.name!r} after step {step} of {stage.steps}; {suspicion}, "
        "so the checkpoint from before is kept.",
        "The same command, without --fresh, resumes from it.",
    )
