"""What a baseline says of a row by each metric: number, margin, noise, and what loss it shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from harness.errors import DataError
from harness.gate.entries import Metric
from harness.gate.loss import smallest_found
from harness.gate.noise import Noise
from harness.gate.sides import Side, mean_of
from harness.stats.power import standard_error
from harness.stats.trials import PerQuery, differences, identities_of
from harness.types import MetricSpec

AtRank = tuple[MetricSpec, int | None]

_DIGITS = 4  # of per cent and points
_ROUNDING = 1e-12  # a standard error below that is zero


def describe(
    name: str,
    side: Side,
    metrics: Mapping[str, AtRank],
    margins: Mapping[str, float],
    noise: Mapping[str, Noise],
    others: Sequence[Side] = (),
) -> dict[str, Metric]:
    """Return what is said of a row by each metric.

    Args:
        name: Of the row, for errors.
        side: The row.
        metrics: By short name.
        margins: In points, by short name.
        noise: What is known of it, by short name.
        others: Other rows, of which some may be of the same protocol.

    Raises:
        DataError: If a metric has no value in one of the trials.
    """
    return {
        metric: Metric(
            metric=at_rank[0].name,
            k=at_rank[1],
            value=_percent(_value(name, metric, side.per_query(*at_rank))),
            margin=margins[metric],
            repeats=noise[metric].repeats if metric in noise else 0,
            noise_same_model=_points(noise[metric].same_model) if metric in noise else None,
            noise=_points(noise[metric].any_model) if metric in noise else None,
            shows=_points(_shown(side, others, at_rank, margins[metric] / 100)),
        )
        for metric, at_rank in metrics.items()
    }


def _value(name: str, metric: str, trials: Sequence[PerQuery]) -> float:
    """Return the number of a row, or refuse one that has none."""
    value = mean_of(trials)
    if math.isnan(value):
        raise DataError(
            f"{name} has no {metric} in one of its trials.", "Hold it by another metric."
        )
    return value


def _shown(side: Side, others: Sequence[Side], at_rank: AtRank, margin: float) -> float | None:
    """Return the smallest loss that is seen against a model as the nearest of the other rows."""
    ours = side.per_query(*at_rank)
    found = []
    for other in others:
        theirs = other.per_query(*at_rank) if _is_comparable(side, other) else []
        if {(t.split, t.seed) for t in ours} & {(t.split, t.seed) for t in theirs}:
            between = differences(ours, theirs)
            error = standard_error(between)
            if error is not None and error > _ROUNDING:
                found.append(smallest_found(error, len(identities_of(between)) - 1, margin))
    return min(found, default=None)


def _is_comparable(a: Side, b: Side) -> bool:
    return a.trials[0].protocol_id == b.trials[0].protocol_id


def _points(fraction: float | None) -> float | None:
    return None if fraction is None else _percent(fraction)


def _percent(fraction: float) -> float:
    return round(100 * fraction, _DIGITS)
