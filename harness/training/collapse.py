"""When a training has gone wrong for good: the rules that end a fit.

A loss or gradient that is not finite has spoilt the weights, and a gradient that explodes has
thrown them far from all that was learnt. A discriminator D that is at chance, or that is certain
of every image, teaches its generator nothing. The rules read numbers that the trainer has at hand;
they change nothing.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from harness.errors import PluginError
from harness.types import Adversary, Stage

AT_CHANCE = 0.02
"""|p(real) - p(fake)| below which D tells nothing apart [probability]."""

CERTAIN = 0.01
"""p(fake) below which, with p(real) above its target less this, D is saturated [probability]: of
the gradient of log(1 - D), which has D as a factor, less than 1 % reaches the generator."""

STREAKS = 20
"""A stage has time for so many streaks: one in unbroken succession for 1/20, 5 %, of it ends it."""

SHORTEST_STREAK = 20
"""Steps that a streak lasts at least, since a D that starts to learn is at chance for a few."""

LEARNING = 4
"""A stage's first quarter, in which D, untaught or facing a new generator, may be at chance."""

EXPLODED = 1000.0
"""Ratio of an update's gradient norm to the median of those before it that no hard batch gives."""

NORMS = 100
"""Norms of an optimiser that are remembered: a window that follows the schedule."""

FEWEST_NORMS = 20
"""Norms before a median is trusted."""

RESTING_NORM = 0.01
"""A lower median counts as this. Where a margin is met or D is certain, gradients are nearly zero,
and the first batch that wakes them is no explosion."""

Play = Literal["at chance", "saturated"]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a fit cannot go on.

    Attributes:
        what: What was seen, with its values, to follow "Stage ..., step ...: ".
        advice: What to change, without a full stop.
    """

    what: str
    advice: str


def judge_discriminator(real: float, fake: float, target: float) -> Play | None:
    """Say how D has left the game in one step, or None while it plays.

    Args:
        real: Its mean probability that real images are real.
        fake: Its mean probability that generated images are real.
        target: What it is taught to say of a real image, beyond which it need not go.
    """
    if abs(real - fake) < AT_CHANCE:
        return "at chance"
    return "saturated" if real > target - CERTAIN and fake < CERTAIN else None


def streak_limit(steps: int) -> int:
    """Return the length of the streak that ends a stage of `steps` steps [steps]."""
    return max(SHORTEST_STREAK, math.ceil(steps / STREAKS))


def has_exploded(norm: float, before: Sequence[float]) -> bool:
    """Say whether an update's gradient norm is out of all proportion to those before it."""
    if not math.isfinite(norm):
        return True
    return len(before) >= FEWEST_NORMS and norm > EXPLODED * max(median(before), RESTING_NORM)


class CollapseWatch:
    """Watches one stage, from its start or from a checkpoint.

    No checkpoint is written while a streak is under way, so a watch begins without one. After a
    resume the norms are gathered anew.

    Args:
        stage: The stage.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._norms = {name: deque[float](maxlen=NORMS) for name in stage.optimisers}
        self._play: Play | None = None
        self._since = 0

    @property
    def suspicion(self) -> str | None:
        """What is wrong with D and since which step, in words, or None while it plays."""
        return self._play and f"the discriminator has been {self._play} since step {self._since}"

    def find_fault(
        self, step: int, losses: Mapping[str, float], norms: Mapping[str, Sequence[float]]
    ) -> Fault | None:
        """Return why the fit cannot go on after a step, or None.

        Args:
            step: From 1; steps come in order.
            losses: All that the training step returned.
            norms: By optimiser, the norm of the gradient of each of the step's updates.

        Raises:
            PluginError: If what the stage names as its adversary's is no probability.
        """
        return (
            _find_broken_loss(losses)
            or self._find_explosion(norms)
            or self._find_collapse(step, losses)
        )

    def _find_explosion(self, norms: Mapping[str, Sequence[float]]) -> Fault | None:
        for optimiser, values in norms.items():
            before = self._norms[optimiser]
            for norm in values:
                if has_exploded(norm, before):
                    usual = f", after a median of {median(before):.3g}" if before else ""
                    return Fault(
                        f"the gradient of optimiser {optimiser!r} exploded: "
                        f"its norm is {norm:.3g}{usual}.",
                        "Lower the learning rate (`--set lr=...`) or the weight of the newest loss",
                    )
                before.append(norm)
        return None

    def _find_collapse(self, step: int, losses: Mapping[str, float]) -> Fault | None:
        adversary = self._stage.adversary
        if adversary is None:
            return None
        real, fake = _probabilities(self._stage.name, adversary, losses)
        play = judge_discriminator(real, fake, adversary.target)
        if play != self._play:
            self._play, self._since = play, step
        if play is None or step - self._since + 1 < streak_limit(self._stage.steps):
            return None
        if play == "at chance" and step <= self._stage.steps // LEARNING:
            return None
        whose = "generator" if play == "at chance" else "discriminator"
        return Fault(
            f"{self.suspicion}, {step - self._since + 1} steps: it takes real images for real with "
            f"probability {real:.3f} and generated images with {fake:.3f}.",
            "Lower the weight of the adversarial loss or the learning rate of the "
            f"{whose} (`--set KEY=...`)",
        )


def _find_broken_loss(losses: Mapping[str, float]) -> Fault | None:
    broken = [f"{name} = {value}" for name, value in losses.items() if not math.isfinite(value)]
    if not broken:
        return None
    return Fault(
        f"the loss {', '.join(broken)}.",
        "Lower the learning rate (`--set lr=...`) or train with `--precision float32`",
    )


def _probabilities(
    stage: str, adversary: Adversary, losses: Mapping[str, float]
) -> tuple[float, float]:
    for name in (adversary.real, adversary.fake):
        if name not in losses:
            raise PluginError(
                f"Stage {stage!r} names {name!r} as a probability of its discriminator, but its "
                f"training step returned {', '.join(losses) or 'nothing'}.",
                "Return it among the losses, or name another in `Stage.adversary`.",
            )
        if not 0 <= losses[name] <= 1:
            raise PluginError(
                f"Stage {stage!r} names {name!r} as a probability of its discriminator, but its "
                f"value is {losses[name]:.3g}.",
                "Return the mean of the sigmoid of D's output, in [0, 1].",
            )
    return losses[adversary.real], losses[adversary.fake]
