"""Learning-rate schedules as functions of progress, so that they scale with a recipe's steps.

Each returns a function from progress in [0, 1) to the factor of the learning rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

Schedule = Callable[[float], float]


def constant() -> Schedule:
    """Return the schedule that leaves the rate as it is."""
    return lambda _progress: 1.0


def warmup_cosine(warmup: float, floor: float = 0.0) -> Schedule:
    """Return a linear rise over the first share `warmup`, then half a cosine down to `floor`.

    Args:
        warmup: Share of the steps, in [0, 1).
        floor: The factor at the end.
    """

    def factor(progress: float) -> float:
        if progress < warmup:
            return 0.1 + 0.9 * progress / warmup
        along = (progress - warmup) / (1 - warmup)
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * along))

    return factor


def multistep(milestones: Sequence[float], gamma: float = 0.1) -> Schedule:
    """Return the schedule that multiplies the rate by gamma at each milestone (share of steps)."""
    return lambda progress: gamma ** sum(progress >= milestone for milestone in milestones)
