"""When a training has gone wrong for good: the rules that end a fit.

A loss or gradient that is not finite has spoilt the weights, and a gradient that explodes has
thrown them far from all that was learnt. A discriminator D that is at chance, or that is certain
of every image, teaches its generator nothing; one batch says little, so its means over many steps
are judged. The rules read numbers that the trainer has at hand; they change nothing.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Literal

from harness.errors import PluginError
from harness.types import Adversary, Stage

AT_CHANCE = 0.02
"""|p(real) - p(fake)| below which D tells nothing apart [probability]."""

CERTAIN = 0.01
"""p(fake) below which, with p(real) above its target less this, D is saturated [probability]: of
the gradient of log(1 - D), which has D as a factor, less than 1 % reaches the generator."""

WINDOWS = 20
"""Windows that a stage has time for: D is judged by its means over the last 1/20, 5 %, of it."""

SHORTEST_WINDOW = 20
"""Steps of a window at least, since a D that starts to learn is at chance for a few."""

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
    """Say how D has left the game, in one step or on average over many, or None while it plays.

    Args:
        real: Its mean probability that real images are real.
        fake: Its mean probability that generated images are real.
        target: What it is taught to say of a real image, beyond which it need not go.
    """
    if abs(real - fake) < AT_CHANCE:
        return "at chance"
    return "saturated" if real > target - CERTAIN and fake < CERTAIN else None


def window_length(steps: int) -> int:
    """Return over how many of the last steps D is judged in a stage of `steps` steps [steps]."""
    return max(SHORTEST_WINDOW, math.ceil(steps / WINDOWS))


def has_exploded(norm: float, before: Sequence[float]) -> bool:
    """Say whether an update's gradient norm is out of all proportion to those before it."""
    if not math.isfinite(norm):
        return True
    return len(before) >= FEWEST_NORMS and norm > EXPLODED * max(median(before), RESTING_NORM)


class CollapseWatch:
    """Watches one stage, from its start or from a checkpoint.

    No checkpoint is written at a step that looks suspicious by itself, so a watch begins without
    suspicion. After a resume the probabilities and the norms are gathered anew.

    Args:
        stage: The stage.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._norms = {name: deque[float](maxlen=NORMS) for name in stage.optimisers}
        length = window_length(stage.steps)
        self._real, self._fake = deque[float](maxlen=length), deque[float](maxlen=length)
        self._play: Play | None = None
        self._since = 0

    @property
    def suspicion(self) -> str | None:
        """What looks wrong with D at the last step and since when, in words, or None."""
        return self._play and _in_words(self._play, self._since)

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
        self._real.append(real)
        self._fake.append(fake)
        play = judge_discriminator(real, fake, adversary.target)
        if play != self._play:
            self._play, self._since = play, step
        return self._judge_window(step, adversary.target)

    def _judge_window(self, step: int, target: float) -> Fault | None:
        if len(self._real) < window_length(self._stage.steps):
            return None
        real, fake = fmean(self._real), fmean(self._fake)
        play = judge_discriminator(real, fake, target)
        if play is None or (play == "at chance" and step <= self._stage.steps // LEARNING):
            return None
        since = step - len(self._real) + 1
        if play == self._play:
            since = min(since, self._since)
        whose = "generator" if play == "at chance" else "discriminator"
        return Fault(
            f"{_in_words(play, since)}, {step - since + 1} steps: it takes real images for real "
            f"with probability {real:.3f} and generated images with {fake:.3f}.",
            "Lower the weight of the adversarial loss or the learning rate of the "
            f"{whose} (`--set KEY=...`)",
        )


def _in_words(play: Play, since: int) -> str:
    return f"the discriminator has been {play} since step {since}"


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
