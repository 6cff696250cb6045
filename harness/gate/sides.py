"""What a gate holds against each other: a row of a store, or a feature file, with its evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.definitions import short_name
from harness.definitions.measure import is_measurable
from harness.errors import IntegrityError, UnknownName, UsageError
from harness.stats.trials import PerQuery, per_query
from harness.types import Evidence, MetricSpec, Variant

if TYPE_CHECKING:
    from harness.gate.entries import RowEntry
    from harness.store import FitView, Row, ScoreView, Store

HEADLINE_RANK = "rank1"
DEFAULT_METRICS = (HEADLINE_RANK, "map_sum_precision")
"""Short names of the metrics that a gate holds a row by, unless others are asked for."""

_PACKAGES = ("torch", "torchvision", "kornia", "numpy", "pillow")


@dataclass(frozen=True, slots=True)
class SideTrial:
    """One trial of a side, with what it left of each query.

    Attributes:
        split: Of the trial.
        seed: Of the trial.
        protocol_id: What decides a number, hashed.
        model: What tells the model from others: its SHA-256, or what it was initialised with.
        environment: Device and versions that features were extracted with.
        evidence: Of the score.
        pids: (Q,), the identity of each query.
    """

    split: int
    seed: int
    protocol_id: str
    model: str
    environment: Mapping[str, Any]
    evidence: Evidence
    pids: Sequence[int]


@dataclass(frozen=True, slots=True)
class Side:
    """A row or a feature file.

    Attributes:
        dataset: Key of the data set, or the name of the file.
        headline: Full name of the metric whose rank-1 is the headline.
        code: What must be equal so that equal models have equal ranks: version, config, variant.
        trained: Whether its models were trained, so that another training may give others.
        exact: Whether its ranks are the same on every machine: those of given features are.
        trials: By split, then seed.
    """

    dataset: str
    headline: str
    code: Mapping[str, Any]
    trained: bool
    exact: bool
    trials: tuple[SideTrial, ...]

    def per_query(self, spec: MetricSpec, k: int | None) -> list[PerQuery]:
        """Return a metric of each trial, query by query."""
        return [per_query(spec, k, each.evidence, each.pids, each) for each in self.trials]


def load_row(store: Store, row: Row) -> Side:
    """Return a row of a store with its evidence.

    Raises:
        IntegrityError: If evidence is missing or damaged.
    """
    variant = row.variant
    code = _code(row.method_version, row.config_hash, variant)
    trials = [(each.score, each.fit) for each in row.trials]
    return _load(store, trials, row.dataset, row.protocol.headline, code)


def load_entry(store: Store, entry: RowEntry) -> Side:
    """Return a row of a baseline with its evidence.

    Args:
        store: Holds the runs of the baseline.
        entry: The row.

    Raises:
        IntegrityError: If evidence is missing or damaged.
    """
    runs = [run.id for run in store.where_runs()]
    fits = {fit.id: fit for run in runs for fit in store.where_fits(run)}
    scores = {score.id: score for run in runs for score in store.where_scores(run)}
    missing = [name for name in entry.scores if name not in scores]
    if missing:
        raise IntegrityError(
            f"The baseline has no score {missing[0]} of its row {entry.name}.",
            "Accept the baseline anew.",
        )
    trials = [(scores[name], fits[scores[name].fit_id]) for name in entry.scores]
    code = _code(entry.method_version, entry.config_hash, trials[0][0].variant)
    return _load(store, trials, entry.dataset, entry.headline, code)


def _load(
    store: Store,
    trials: Sequence[tuple[ScoreView, FitView]],
    dataset: str,
    headline: str,
    code: Mapping[str, Any],
) -> Side:
    loaded = [
        SideTrial(
            split=score.split,
            seed=score.seed,
            protocol_id=score.protocol_id,
            model=model_of(fit),
            environment=environment_of(fit),
            evidence=store.load_evidence(score.id),
            pids=store.load_records(score.protocol_id, score.split)[0].pids,
        )
        for score, fit in trials
    ]
    trained = any(fit.model_sha256 is not None for _, fit in trials)
    return Side(dataset, headline, code, trained=trained, exact=False, trials=tuple(loaded))


def _code(method_version: int, config_hash: str, variant: Variant) -> dict[str, Any]:
    return {"version": method_version, "config": config_hash, "variant": variant}


def model_of(fit: FitView) -> str:
    """Return what tells the model of a fit from others; an untrained one by its initial weights."""
    return fit.model_sha256 or f"{fit.weights.sha256 or 'random'}, split {fit.split}, {fit.seed}"


def environment_of(fit: FitView) -> dict[str, Any]:
    """Return the part of where a fit was made that its bits may depend on."""
    return bits_depend_on(fit.device, fit.provenance.get("environment", {}))


def bits_depend_on(device: Mapping[str, Any], described: Mapping[str, Any]) -> dict[str, Any]:
    """Return what bits may depend on.

    Args:
        device: Type and name, and whatever else is known.
        described: As `harness.run.environment.describe_environment` does.
    """
    packages = described.get("packages", {})
    return {
        **device,
        "system": described.get("system"),
        **{name: packages.get(name) for name in _PACKAGES},
    }


def find_metrics(
    names: Sequence[str], side: Side, metrics: Mapping[str, MetricSpec]
) -> dict[str, tuple[MetricSpec, int | None]]:
    """Return metrics by their short names.

    Args:
        names: Those that are wanted.
        side: Whose evidence must have them.
        metrics: All that there are, by full name.

    Raises:
        UnknownName: If there is none of that name, or the side has no value of it.
        UsageError: If it is no fraction of which more is better.
    """
    known = {
        short_name(spec.name, k, side.headline): (spec, k)
        for spec in metrics.values()
        if all(is_measurable(spec, each.evidence) for each in side.trials)
        for k in spec.ranks or (None,)
    }
    for name in names:
        if name not in known:
            raise UnknownName("metric", name, known)
        spec, _ = known[name]
        if spec.unit != "fraction" or not spec.higher_is_better:
            raise UsageError(
                f"A gate cannot hold {name}: it is no fraction of which more is better.",
                f"Give others, such as {' and '.join(DEFAULT_METRICS)}.",
            )
    return {name: known[name] for name in names}


def find_spec(name: str, metrics: Mapping[str, MetricSpec]) -> MetricSpec:
    """Return the metric of a full name, version and all.

    Raises:
        IntegrityError: If there is none of that version.
    """
    if name in metrics:
        return metrics[name]
    key = name.partition("@")[0]
    others = ", ".join(other for other in metrics if other.partition("@")[0] == key)
    raise IntegrityError(
        f"The baseline was accepted by {name}; here is {others or 'no such metric'}, and versions "
        "of a metric are not compared.",
        "Accept a baseline with this version of the harness, or install that which it was "
        "accepted with.",
    )


def mean_of(trials: Sequence[PerQuery]) -> float:
    """Return the mean over trials of the mean over queries; NaN where a trial has none."""
    if any(np.isnan(trial.values).all() for trial in trials):
        return float("nan")
    return float(np.mean([np.nanmean(trial.values) for trial in trials]))
