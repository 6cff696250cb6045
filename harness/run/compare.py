"""Two runs or rows of the store under one protocol, compared by every metric that both have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from harness.definitions import short_name
from harness.definitions.measure import is_measurable
from harness.errors import UnknownName, UsageError
from harness.run.contestants import Contestant
from harness.stats.comparison import Difference, compare
from harness.stats.correlation import Agreement
from harness.stats.power import ALPHA, POWER
from harness.stats.trials import PerQuery, pair, per_query
from harness.stats.wins import IdentityPair, Tally, Wins, count_wins
from harness.store import RecordIds, ScoreView, Store
from harness.types import Evidence, MetricSpec, Trial, Unit
from harness.types.results import outer_value

_AtRank = tuple[MetricSpec, int | None]


@dataclass(frozen=True, slots=True)
class ComparedMetric:
    """Two rows by one metric.

    Attributes:
        name: The short name, `rank1` for the headline.
        spec: The metric.
        k: The rank, or None where it has none.
        difference: A - B.
    """

    name: str
    spec: MetricSpec
    k: int | None
    difference: Difference

    @property
    def better(self) -> str | None:
        """`a` or `b`; None where they are tied or it cannot be told."""
        delta = self.difference.delta.value
        if self.difference.tied is not False or delta is None:
            return None
        return "a" if (delta > 0) == self.spec.higher_is_better else "b"

    def as_json(self) -> dict[str, Any]:
        """Return the JSON form; fractions in per cent, the p-value and the correlations as such."""
        found, unit = self.difference, self.spec.unit
        return {
            "metric": self.spec.name,
            "a": outer_value(found.a, unit),
            "b": outer_value(found.b, unit),
            "delta": found.delta.as_json(unit),
            "p": found.test.p if found.test else None,
            "p_method": found.test.method if found.test else None,
            "tied": found.tied,
            "better": self.better,
            "detectable": outer_value(found.detectable, unit),
            "agreement": {
                "a": _agreement_json(found.agreement_a),
                "b": _agreement_json(found.agreement_b),
                "delta": _agreement_json(found.agreement_delta),
            },
        }


@dataclass(frozen=True, slots=True)
class ComparisonReport:
    """Two rows compared.

    Attributes:
        a: One of them.
        b: The other.
        trials: Those that both have.
        metrics: By every metric that both have, the headline first; or by the one asked for.
        only_a: Names of the metrics that only A has.
        only_b: Names of those that only B has.
        wins: Who wins where by the first of the metrics; None where a trial has no value.
        query_ids: By split, the record id of each query.
    """

    a: Contestant
    b: Contestant
    trials: tuple[Trial, ...]
    metrics: tuple[ComparedMetric, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    wins: Wins | None
    query_ids: Mapping[int, tuple[str, ...]]

    def as_json(self) -> dict[str, Any]:
        """Return the report as one JSON object; fractions in per cent."""
        return {
            "a": _contestant_json(self.a),
            "b": _contestant_json(self.b),
            "protocol_id": self.a.protocol_id,
            "headline": self.a.headline,
            "trials": [{"split": trial.split, "seed": trial.seed} for trial in self.trials],
            "alpha": ALPHA,
            "power": POWER,
            "metrics": {metric.name: metric.as_json() for metric in self.metrics},
            "only_a": list(self.only_a),
            "only_b": list(self.only_b),
            "wins": None if self.wins is None else self._wins_json(self.wins),
        }

    def _wins_json(self, wins: Wins) -> dict[str, Any]:
        first = self.metrics[0]
        unit = first.spec.unit
        return {
            "metric": first.name,
            "identities": _tally_json(wins.identities),
            "queries": _tally_json(wins.queries),
            "largest": {
                "a": [self._identity_json(identity, unit) for identity in wins.of_a],
                "b": [self._identity_json(identity, unit) for identity in wins.of_b],
            },
        }

    def _identity_json(self, identity: IdentityPair, unit: Unit) -> dict[str, Any]:
        return {
            "pid": identity.pid,
            "delta": outer_value(identity.delta, unit),
            "queries": [
                {
                    "id": self.query_ids[query.split][query.index],
                    "split": query.split,
                    "seed": query.seed,
                    "a": outer_value(query.a, unit),
                    "b": outer_value(query.b, unit),
                }
                for query in identity.queries
            ],
        }


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A score with what was kept of its queries."""

    score: ScoreView
    evidence: Evidence
    query: RecordIds


def compare_contestants(
    store: Store,
    a: Contestant,
    b: Contestant,
    metrics: Iterable[MetricSpec],
    only: str | None = None,
) -> ComparisonReport:
    """Compare two runs or rows, query by query, over the trials that both have.

    Args:
        store: Holds their evidence.
        a: One of them.
        b: The other, under the same protocol.
        metrics: All that there are.
        only: The short name of the one to compare by; all unless given.

    Raises:
        UsageError: If they are under different protocols, or one lacks the metric asked for.
        UnknownName: If there is no metric of that name.
        Inconclusive: If they have no trial in common.
        IntegrityError: If their queries differ.
    """
    if a.protocol_id != b.protocol_id:
        raise UsageError(
            f"{a.name} was scored on {a.dataset} under protocol {a.protocol_id[:8]}, {b.name} on "
            f"{b.dataset} under protocol {b.protocol_id[:8]}.",
            "Compare runs or rows of one protocol.",
        )
    common = pair(a.scores, b.scores)
    ours, theirs = [_load(store, s) for s, _ in common], [_load(store, s) for _, s in common]
    named = _named(metrics, a.headline)
    of_a, of_b = _measurable(named, ours), _measurable(named, theirs)
    both = [name for name in of_a if name in of_b]
    if only is not None and only not in both:
        offered = [name for name in both if _has_values(named[name], [*ours, *theirs])]
        _refuse(only, named, {a.name: of_a, b.name: of_b}, offered)
    chosen = both if only is None else [only]
    compared = tuple(
        ComparedMetric(name, *named[name], _difference(named[name], ours, theirs))
        for name in chosen
    )
    return ComparisonReport(
        a=a,
        b=b,
        trials=tuple(Trial(score.split, score.seed) for score, _ in common),
        metrics=compared,
        only_a=tuple(name for name in of_a if name not in of_b),
        only_b=tuple(name for name in of_b if name not in of_a),
        wins=_wins(compared[0], ours, theirs),
        query_ids={each.score.split: each.query.ids for each in ours},
    )


def _load(store: Store, score: ScoreView) -> _Loaded:
    query, _ = store.load_records(score.protocol_id, score.split)
    return _Loaded(score, store.load_evidence(score.id), query)


def _named(metrics: Iterable[MetricSpec], headline: str) -> dict[str, _AtRank]:
    """Return every metric at every rank by its short name, the headline first."""
    ordered = sorted(metrics, key=lambda spec: spec.name != headline)
    return {
        short_name(spec.name, k, headline): (spec, k)
        for spec in ordered
        for k in spec.ranks or (None,)
    }


def _measurable(named: Mapping[str, _AtRank], loaded: Sequence[_Loaded]) -> list[str]:
    return [
        name
        for name, (spec, _) in named.items()
        if all(is_measurable(spec, each.evidence) for each in loaded)
    ]


def _has_values(metric: _AtRank, loaded: Sequence[_Loaded]) -> bool:
    """Say whether a query of every trial has a value."""
    return not any(np.isnan(trial.values).all() for trial in _values(metric, loaded))


def _refuse(
    only: str, named: Iterable[str], known: Mapping[str, Sequence[str]], offered: Sequence[str]
) -> NoReturn:
    """Refuse a metric that there is not, or that one side lacks, and offer others."""
    if only not in named:
        raise UnknownName("metric", only, offered)
    lacking = next(side for side, names in known.items() if only not in names)
    raise UsageError(
        f"{lacking} has no {only}.", f"Compare by a metric that both have: {', '.join(offered)}."
    )


def _values(metric: _AtRank, loaded: Sequence[_Loaded]) -> list[PerQuery]:
    spec, k = metric
    return [per_query(spec, k, each.evidence, each.query.pids, each.score) for each in loaded]


def _difference(metric: _AtRank, a: Sequence[_Loaded], b: Sequence[_Loaded]) -> Difference:
    return compare(_values(metric, a), _values(metric, b))


def _wins(metric: ComparedMetric, a: Sequence[_Loaded], b: Sequence[_Loaded]) -> Wins | None:
    """Return who wins where by a metric; None where a trial has no value."""
    if metric.difference.delta.value is None:
        return None
    at_rank = metric.spec, metric.k
    return count_wins(
        _values(at_rank, a), _values(at_rank, b), higher_is_better=metric.spec.higher_is_better
    )


def _contestant_json(side: Contestant) -> dict[str, Any]:
    return {
        "name": side.name,
        "kind": side.kind,
        "method": side.method,
        "dataset": side.dataset,
        "recipe": side.recipe,
        "runs": list(side.runs),
    }


def _tally_json(tally: Tally) -> dict[str, int]:
    return {"a": tally.a, "b": tally.b, "equal": tally.equal}


def _agreement_json(found: Agreement) -> dict[str, float | None]:
    numbers = (found.icc, found.queries_each, found.design_effect)
    names = ("icc", "queries_each", "design_effect")
    return {
        name: None if number is None else round(number, 4)
        for name, number in zip(names, numbers, strict=True)
    }
