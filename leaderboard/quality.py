"""The rows of image quality: what a method restored, its input, and the difference of the two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.definitions import METRICS, in_unit
from harness.store import ScoreView
from harness.types import Interval, MetricInput, MetricSpec
from leaderboard.estimates import Estimates, MetricAt
from leaderboard.wording import ABSENT, MINUS

_SPECS = {spec.name: spec for spec in METRICS if spec.input is MetricInput.RESTORED}
_INPUT = "_input"


@dataclass(frozen=True, slots=True)
class Number:
    """A number with its interval, in words; without ends where there are none."""

    text: str
    ends: str | None


@dataclass(frozen=True, slots=True)
class QualityRow:
    """One metric of restored images over all trials.

    Attributes:
        spec: The metric.
        restored: Of the restored images.
        before: Of the same queries before they were restored.
        change: The paired difference, restored less before.
        interval: How the intervals were computed.
        notes: What the scores say of it.
    """

    spec: MetricSpec
    restored: Number
    before: Number
    change: Number
    interval: str
    notes: Sequence[str]


def is_quality(metric: str) -> bool:
    """Return whether the metric of that full name is one of restored images."""
    return metric in _SPECS


def make_quality(estimates: Estimates, scores: Sequence[ScoreView]) -> list[QualityRow]:
    """Return the rows of the metrics that every score has, in the order of the catalogue."""
    stored = [{metric.name for metric in score.metrics} for score in scores]
    return [
        _row(estimates, scores, spec, _SPECS[f"{spec.key}{_INPUT}@{spec.version}"])
        for name, spec in _SPECS.items()
        if not spec.key.endswith(_INPUT) and stored and all(name in names for names in stored)
    ]


def _row(
    estimates: Estimates, scores: Sequence[ScoreView], spec: MetricSpec, floor: MetricSpec
) -> QualityRow:
    after, before = MetricAt(spec.name, None), MetricAt(floor.name, None)
    restored = estimates.of(scores, after)
    notes = (m.note for score in scores for m in score.metrics if m.name == spec.name)
    return QualityRow(
        spec=spec,
        restored=_number(restored, spec),
        before=_number(estimates.of(scores, before), spec),
        change=_number(estimates.change(scores, after, before), spec, "+"),
        interval=restored.method,
        notes=list(dict.fromkeys(note for note in notes if note)),
    )


def _number(estimate: Interval | None, spec: MetricSpec, plus: str = "") -> Number:
    if estimate is None or estimate.value is None:
        return Number(ABSENT, None)
    value, low, high = (_text(x, spec, plus) for x in (estimate.value, estimate.low, estimate.high))
    return Number(value, None if estimate.low is None else f"[{low}, {high}]")


def _text(value: float | None, spec: MetricSpec, plus: str) -> str:
    text = in_unit(value, spec.unit)
    sign = plus if value is not None and value > 0 else ""
    return f"{sign}{text}".replace("-", MINUS)
