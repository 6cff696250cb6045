"""Whether a number that was reproduced is the one that was published, and why it is said.

A published number comes without its queries, so no test can be made against it. What is said is
from the numbers alone:

    match               it lies in our interval, which reaches 3 points at most to either side
    close               it is within 1 point of ours, or within 2 standard deviations over seeds
    differs             it lies outside our interval, and is not close
    too wide to tell    it lies in our interval, which is wider than that, or we have none
    not comparable      ours is of another data set or protocol
    not run             we have none, or only a score in which the metric has no value
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import stdev
from typing import Literal

from harness.types import Interval

VerdictName = Literal["match", "close", "differs", "too wide to tell", "not comparable", "not run"]

WIDEST = 0.03
"""How far an interval may reach to either side of its number for a match."""

CLOSE = 0.01
"""Numbers this near are close whatever the interval."""

SEED_DEVIATIONS = 2
"""Numbers this many standard deviations over seeds apart are close."""

ENOUGH_SEEDS = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of a reproduced number.

    Attributes:
        name: The verdict.
        reason: Why, in one sentence, in per cent and points.
    """

    name: VerdictName
    reason: str


def judge(
    published: float,
    ours: Interval | None,
    *,
    by_seed: Sequence[float] = (),
    otherwise: str | None = None,
) -> Verdict:
    """Return the verdict on one number.

    Args:
        published: The published number, a fraction.
        ours: The reproduced one; None, or without a value, where there is none.
        by_seed: Our number for each seed over the same splits, fractions; fewer than 3 say nothing.
        otherwise: In which way ours is of another data set or protocol; None where it is not.
    """
    if ours is None:
        return Verdict("not run", "No score is stored.")
    if ours.value is None:
        return Verdict("not run", "A score is stored, but the metric has no value.")
    if otherwise is not None:
        return Verdict("not comparable", f"{otherwise[:1].upper()}{otherwise[1:]}.")
    return _compare(published, ours, ours.value, by_seed)


def qualify(
    *, recipe: str, narrowed: str, weights: str, splits: int, of_splits: int
) -> tuple[str, ...]:
    """Return what stands beside every verdict on a row: in what it was made with less.

    Args:
        recipe: Name of the recipe.
        narrowed: What it narrows, or is set otherwise; empty for the paper's own settings.
        weights: Name of the initial weights.
        splits: How many splits were run.
        of_splits: How many the protocol has; 0 where that is not known.

    >>> qualify(recipe="quick", narrowed="128 x 64", weights="none", splits=3, of_splits=10)
    ('reduced recipe quick', 'random weights', '3 of 10 splits')
    """
    found = []
    if narrowed:
        found.append(
            f"recipe paper with {narrowed}" if recipe == "paper" else f"reduced recipe {recipe}"
        )
    if weights != "imagenet":
        found.append("random weights" if weights == "none" else f"weights {weights}")
    if splits < of_splits:
        found.append(f"{splits} of {of_splits} splits")
    return tuple(found)


def _compare(published: float, ours: Interval, value: float, by_seed: Sequence[float]) -> Verdict:
    """Return the verdict on two numbers that mean the same."""
    close = _close(_round(abs(value - published)), by_seed)
    if ours.low is None or ours.high is None:
        return close or Verdict("too wide to tell", "Our number has no interval.")
    ends = f"our interval, {100 * ours.low:.1f} to {100 * ours.high:.1f}"
    low, high = _round(ours.low - published), _round(ours.high - published)
    reach = _round(max(value - ours.low, ours.high - value))
    if low <= 0 <= high and reach <= WIDEST:
        return Verdict("match", f"It lies in {ends}.")
    if close is not None:
        return close
    if low <= 0 <= high:
        return Verdict(
            "too wide to tell",
            f"It lies in {ends}, but that reaches {_points(reach)} to one side, more than "
            f"{_points(WIDEST)}.",
        )
    return Verdict("differs", f"It lies outside {ends}.")


def _close(distance: float, by_seed: Sequence[float]) -> Verdict | None:
    """Return `close` where two numbers are, else None."""
    if distance <= CLOSE:
        return Verdict("close", f"{_points(distance)} apart, within {_points(CLOSE)}.")
    if len(by_seed) < ENOUGH_SEEDS:
        return None
    allowed = _round(SEED_DEVIATIONS * stdev(by_seed))
    if distance > allowed:
        return None
    return Verdict(
        "close",
        f"{_points(distance)} apart, within {SEED_DEVIATIONS} standard deviations over "
        f"{len(by_seed)} seeds, {_points(allowed)}.",
    )


def _round(number: float) -> float:
    """Return a difference of fractions without its rounding error: 0.44 - 0.43 is one point."""
    return round(number, 9)


def _points(fraction: float) -> str:
    """Return a distance in points.

    >>> _points(0.01), _points(0.0234)
    ('1 point', '2.34 points')
    """
    number = f"{100 * fraction:.2f}".rstrip("0").rstrip(".")
    return f"{number} point" if number == "1" else f"{number} points"
