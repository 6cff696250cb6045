"""Is the code slower than when the baseline was accepted?

Of each benchmark the ratio of medians, new over baseline, with an interval from resampled rounds of
both sides (percentile bootstrap). It fails where the lower end of the interval exceeds
1 + tolerance, passes where the upper end does not, and is undecided between. Of n benchmarks each
has an interval of coverage 1 - 0.05 / n (Bonferroni), so that many raise no more false alarms than
one.

Seconds of two machines are not compared; ratios to a reference that was timed beside each round
are, and that the machines differ is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
from scipy.stats import bootstrap

from harness.gate.timings import Timing, Timings
from harness.gate.verdict import Check, IntervalJson

TOLERANCE = 0.10
ENOUGH_ROUNDS = 5
RESAMPLES = 9999
ALPHA = 0.05

_DIGITS = 4
_MEASURE = "Run `pytest --benchmark-only --benchmark-json=FILE` again"
_ACCEPT = "look for what became slower, or accept the new times with a reason"


def compare_speed(old: Timings, new: Timings, *, tolerance: float = TOLERANCE) -> list[Check]:
    """Return one check for each benchmark of the baseline.

    Args:
        old: Those of the baseline.
        new: Those held against it.
        tolerance: The largest slowdown that passes, a fraction.
    """
    found = {timing.name: timing for timing in new.timings}
    level = 1 - ALPHA / max(1, len(old.timings))
    same_machine = old.machine == new.machine
    return [
        _check(one, found.get(one.name), tolerance, level, same_machine=same_machine)
        for one in old.timings
    ]


def machines_differ(old: Timings, new: Timings) -> list[str]:
    """Return a sentence where the machines differ."""
    if old.machine == new.machine:
        return []
    return [f"The machine differs: {old.machine} in the baseline, {new.machine} here."]


def ratio_of_medians(
    new: Sequence[float], old: Sequence[float], *, level: float, seed: int = 0
) -> tuple[float, float, float]:
    """Return median(new) / median(old) with its interval.

    Args:
        new: The rounds of one side, two at least.
        old: Those of the other.
        level: Coverage of the interval, in (0, 1).
        seed: Of the resampling.
    """
    resampled = bootstrap(
        (np.asarray(new), np.asarray(old)),
        _ratio,
        n_resamples=RESAMPLES,
        confidence_level=level,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    low, high = resampled.confidence_interval
    return float(np.median(new) / np.median(old)), float(low), float(high)


def _ratio(
    new: npt.NDArray[np.float64], old: npt.NDArray[np.float64], axis: int = -1
) -> npt.NDArray[np.float64]:
    return np.asarray(np.median(new, axis=axis) / np.median(old, axis=axis))


def _check(
    old: Timing, new: Timing | None, tolerance: float, level: float, *, same_machine: bool
) -> Check:
    say = partial(
        Check,
        row=old.name,
        dataset="",
        metric=f"time [{old.unit}]",
        tier="speed",
        baseline=_rounded(float(np.median(old.rounds))),
        margin=_rounded(1 + tolerance),
    )
    if new is None:
        return say(
            outcome="missing",
            what="The benchmark is in the baseline, and not in the file.",
            next_step="Run it, or accept a baseline without it.",
        )
    say = partial(say, new=_rounded(float(np.median(new.rounds))))
    if new.unit != old.unit:
        return say(
            outcome="refused",
            what=f"It is in {new.unit} and the baseline in {old.unit}.",
            next_step="Accept the new times with a reason.",
        )
    rounds = min(len(old.rounds), len(new.rounds))
    if rounds < ENOUGH_ROUNDS:
        return say(
            outcome="inconclusive",
            what=f"{rounds} rounds are too few to tell; {ENOUGH_ROUNDS} are enough.",
            next_step="Give the benchmark more rounds.",
        )
    if old.unit == "s" and not same_machine:
        return say(
            outcome="inconclusive",
            what="Seconds of two machines are not compared.",
            next_step=f"{_MEASURE} on the baseline's machine, or accept the times of this one.",
        )
    return _decide(say, old, new, tolerance, level)


def _decide(say: partial[Check], old: Timing, new: Timing, tolerance: float, level: float) -> Check:
    """Return the check of two timings that can be compared."""
    value, low, high = ratio_of_medians(new.rounds, old.rounds, level=level)
    delta = IntervalJson(
        value=_rounded(value),
        low=_rounded(low),
        high=_rounded(high),
        unit="x",
        level=level,
        method=f"percentile over {len(new.rounds)} and {len(old.rounds)} rounds",
        n_identities=0,
        n_trials=0,
        n_seeds=0,
    )
    most = f"{1 + tolerance:.2f} times the baseline"
    if low > 1 + tolerance:
        return say(
            outcome="fail",
            delta=delta,
            what=f"It takes more than {most}.",
            next_step=f"{_MEASURE} if the machine was busy; else {_ACCEPT}.",
        )
    if high <= 1 + tolerance:
        return say(outcome="pass", delta=delta, what=f"It takes at most {most}.")
    return say(
        outcome="inconclusive",
        delta=delta,
        what=f"Whether it takes more than {most} cannot be told from these rounds.",
        next_step=f"{_MEASURE} with more rounds, on an idle machine.",
    )


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
