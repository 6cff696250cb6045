"""Numbers of several scores with their intervals, recomputed from the evidence in the store.

A metric that is not built in has no formula here: its value is the mean of the stored ones, without
an interval.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from harness.definitions import METRICS
from harness.stats.intervals import interval, paired
from harness.stats.trials import PerQuery, per_query
from harness.store import RecordIds, ScoreView, Store
from harness.types import Evidence, Interval, MetricInput

LEVEL = 0.95

_IN_MEMORY = 64  # scores whose evidence is held at a time

_RECOMPUTED = (MetricInput.COUNTS, MetricInput.RESTORED)
_FORMULAS = {spec.name: spec for spec in METRICS if spec.input in _RECOMPUTED}


@dataclass(frozen=True, slots=True)
class MetricAt:
    """A metric at a rank.

    Attributes:
        name: The full name ("cmc_single@1").
        k: The rank, or None where the metric has none.
    """

    name: str
    k: int | None


class Estimates:
    """Intervals of rows, runs and differences; each is computed once in the life of the object.

    Args:
        store: Holds the evidence.
    """

    def __init__(self, store: Store) -> None:
        self._load_evidence = lru_cache(_IN_MEMORY)(store.load_evidence)
        self._load_records = lru_cache(_IN_MEMORY)(store.load_records)
        self._known: dict[Hashable, Interval] = {}

    def evidence(self, score: ScoreView) -> Evidence:
        """Return the evidence of a score."""
        return self._load_evidence(score.id)

    def records(self, score: ScoreView) -> tuple[RecordIds, RecordIds]:
        """Return the query and the gallery records of a score, in the order of its evidence."""
        return self._load_records(score.protocol_id, score.split)

    def of(self, scores: Sequence[ScoreView], metric: MetricAt) -> Interval:
        """Return a metric over the trials of one row or run.

        Args:
            scores: Done scores of one protocol and variant, one for each split and seed.
            metric: What to compute.
        """
        key = (metric, _ids(scores))
        if key not in self._known:
            recompute = is_built_in(metric.name)
            compute = self._from_evidence if recompute else _from_stored_values
            self._known[key] = compute(scores, metric)
        return self._known[key]

    def difference(
        self, a: Sequence[ScoreView], b: Sequence[ScoreView], metric: MetricAt
    ) -> Interval | None:
        """Return a - b, query by query, or None where they have no trial in common.

        Args:
            a: The scores of one row.
            b: The scores of another row under the same protocol.
            metric: A built-in metric.
        """
        if not {(s.split, s.seed) for s in a} & {(s.split, s.seed) for s in b}:
            return None
        key = (metric, _ids(a), _ids(b))
        if key not in self._known:
            self._known[key] = paired(
                self._per_query(a, metric), self._per_query(b, metric), level=LEVEL
            )
        return self._known[key]

    def change(
        self, scores: Sequence[ScoreView], after: MetricAt, before: MetricAt
    ) -> Interval | None:
        """Return after - before, query by query, or None where one of them has no value.

        Args:
            scores: Of one row or run.
            after: A built-in metric.
            before: Another one, of the same unit.
        """
        key = (after, before, _ids(scores))
        if None in (self.of(scores, after).value, self.of(scores, before).value):
            return None
        if key not in self._known:
            self._known[key] = paired(
                self._per_query(scores, after), self._per_query(scores, before), level=LEVEL
            )
        return self._known[key]

    def _from_evidence(self, scores: Sequence[ScoreView], metric: MetricAt) -> Interval:
        return interval(self._per_query(scores, metric), level=LEVEL)

    def _per_query(self, scores: Sequence[ScoreView], metric: MetricAt) -> list[PerQuery]:
        spec = _FORMULAS[metric.name]
        return [
            per_query(spec, metric.k, self.evidence(score), self.records(score)[0].pids, score)
            for score in scores
        ]


def is_built_in(metric: str) -> bool:
    """Return whether the metric of that full name can be recomputed from evidence."""
    return metric in _FORMULAS


def stored_value(score: ScoreView, metric: MetricAt) -> float | None:
    """Return the value of a metric that is stored with a score, or None where there is none."""
    for stored in score.metrics:
        if (stored.name, stored.k) == (metric.name, metric.k):
            return stored.value
    return None


def by_seed(scores: Sequence[ScoreView], metric: MetricAt) -> tuple[float, ...]:
    """Return a metric for each seed, the mean over its splits.

    Empty where the seeds were run over different splits or a score has no value: means over
    different splits differ by more than the seed.
    """
    of_seed: dict[int, dict[int, float]] = {}
    for score in scores:
        value = stored_value(score, metric)
        if value is None:
            return ()
        of_seed.setdefault(score.seed, {})[score.split] = value
    if len({frozenset(of_split) for of_split in of_seed.values()}) > 1:
        return ()
    return tuple(sum(of_split.values()) / len(of_split) for of_split in of_seed.values())


def _from_stored_values(scores: Sequence[ScoreView], metric: MetricAt) -> Interval:
    values = [stored_value(score, metric) for score in scores]
    defined = [value for value in values if value is not None]
    complete = len(defined) == len(values)
    return Interval(
        value=sum(defined) / len(defined) if defined and complete else None,
        low=None,
        high=None,
        level=LEVEL,
        method="none: not a built-in metric",
        n_identities=0,
        n_trials=len(scores),
        n_seeds=len({score.seed for score in scores}),
    )


def _ids(scores: Sequence[ScoreView]) -> tuple[Any, ...]:
    return tuple(score.id for score in scores)
