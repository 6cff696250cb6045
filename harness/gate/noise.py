"""How far repeats of the same work lie apart: the noise floor, below which nothing is a loss.

On a CPU a fit is repeated to the same bits; on a GPU, or on another machine, it is not. Repeats of
one fit tell by how much: those of `harness run --fresh`, also on other machines whose bundles were
imported. The floor is the 99th percentile of the absolute differences of all pairs of at least 5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, count
from typing import TYPE_CHECKING

import numpy as np

from harness.definitions.measure import measure
from harness.gate.sides import model_of
from harness.types import MetricSpec

if TYPE_CHECKING:
    from harness.store import FitView, Row, RowScore, Store

ENOUGH_REPEATS = 5
PERCENTILE = 99


@dataclass(frozen=True, slots=True)
class Noise:
    """How far the numbers of repeats lie apart.

    Attributes:
        repeats: How many there are.
        same_model: Floor of pairs with the same models, a fraction; None where there is no pair.
        any_model: Floor of all pairs, a fraction.
    """

    repeats: int
    same_model: float | None
    any_model: float


def learn_noise(
    store: Store, row: Row, metrics: Mapping[str, tuple[MetricSpec, int | None]]
) -> dict[str, Noise]:
    """Return the noise of a row by the short name of each metric; empty with too few repeats.

    Args:
        store: Holds the repeats.
        row: Each of whose trials must have been repeated 5 times.
        metrics: By short name, with the rank.
    """
    repeats = [list(_repeats(store, row, each)) for each in row.trials]
    number = min(map(len, repeats), default=0)
    if number < ENOUGH_REPEATS:
        return {}
    models = [tuple(model_of(of_trial[r][0]) for of_trial in repeats) for r in range(number)]
    values = _values(store, repeats, metrics, number)
    return {name: _floor(found, models) for name, found in values.items()}


def _repeats(store: Store, row: Row, trial: RowScore) -> Iterator[tuple[FitView, str]]:
    """Yield the repeats of a trial's fit that were scored alike, with the ids of their scores."""
    for repeat in count():
        fit = store.find_fit(trial.fit.key, repeat=repeat)
        if fit is None:
            return
        score = store.find_score(fit.id, row.protocol.id, row.variant)
        if score is not None:
            yield fit, score.id


def _values(
    store: Store,
    repeats: Sequence[Sequence[tuple[FitView, str]]],
    metrics: Mapping[str, tuple[MetricSpec, int | None]],
    number: int,
) -> dict[str, list[float]]:
    """Return the number of the row by each metric, once for each repeat."""
    found: dict[str, list[float]] = {name: [] for name in metrics}
    for repeat in range(number):
        evidence = [store.load_evidence(of_trial[repeat][1]) for of_trial in repeats]
        for name, (spec, k) in metrics.items():
            values = [measure(spec, each, k).value for each in evidence]
            found[name].append(float(np.mean([np.nan if v is None else v for v in values])))
    return found


def _floor(values: Sequence[float], models: Sequence[tuple[str, ...]]) -> Noise:
    pairs = list(combinations(range(len(values)), 2))
    apart = [abs(values[a] - values[b]) for a, b in pairs]
    alike = [gap for gap, (a, b) in zip(apart, pairs, strict=True) if models[a] == models[b]]
    return Noise(
        repeats=len(values),
        same_model=float(np.percentile(alike, PERCENTILE)) if alike else None,
        any_model=float(np.percentile(apart, PERCENTILE)),
    )
