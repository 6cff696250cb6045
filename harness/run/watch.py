"""Watches a fit: drives its bar, and keeps its losses for the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack

from harness.run.progress import RunProgress
from harness.store import Loss
from harness.types import Stage

POINTS = 200  # of each loss of each stage that are kept


class FitWatch:
    """An observer of the trainer.

    Losses are handed over before each checkpoint and at the end; what a resumed fit reports again
    replaces what was stored of the same steps.

    Args:
        title: Of the bar.
        progress: Where to draw it.
        record: Takes the losses, and replaces those of the same steps.
    """

    def __init__(
        self, title: str, progress: RunProgress, record: Callable[[list[Loss]], None]
    ) -> None:
        self._title = title
        self._progress = progress
        self._record = record
        self._pending: list[Loss] = []
        self._bar = ExitStack()
        self._advance: Callable[..., None] = lambda _n, detail="": None

    def stage_started(self, stage: Stage, done: int) -> None:
        """Draw a new bar."""
        self._bar.close()
        name = f"{self._title}, {stage.name}"
        self._advance = self._bar.enter_context(self._progress.bar(name, stage.steps))
        self._advance(done)

    def step_done(self, stage: Stage, step: int, losses: Mapping[str, float]) -> None:
        """Advance the bar; keep the losses of every few steps and of the last."""
        self._advance(1, "  ".join(f"{name} {value:.3f}" for name, value in losses.items()))
        every = max(1, stage.steps // POINTS)
        if step % every == 0 or step in (1, stage.steps):
            self._pending += [Loss(stage.name, step, n, value) for n, value in losses.items()]

    def before_checkpoint(self) -> None:
        """Hand over what the checkpoint will cover."""
        self._record(self._pending)
        self._pending = []

    def close(self) -> None:
        """Remove the bar and hand over the rest."""
        self._bar.close()
        self.before_checkpoint()
