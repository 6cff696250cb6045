"""Real evidence for the gate: the runs in `results`, and VIPeR's ten splits from real features."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial

import numpy as np
import numpy.typing as npt

from benchmarks.real import ROOT, Labelled, real_features
from harness.definitions import find_or_raise
from harness.evaluation import inputs
from harness.evaluation.ranks import evaluate
from harness.gate.bundles import store_of
from harness.gate.loss import Loss, loss_of_methods, loss_of_models
from harness.gate.questions import Question, settle
from harness.gate.sides import Side, SideTrial, load_row, mean_of
from harness.gate.verdict import Check, Tier
from harness.specs import load_protocol
from harness.stats.trials import PerQuery, pair

METRICS = {"rank1": ("cmc_single@1", 1), "map_sum_precision": ("map_sum_precision@1", None)}
MARGIN = 0.005

Values = Mapping[str, Sequence[PerQuery]]
"""The trials of a row by each metric."""

Compare = Callable[[Sequence[PerQuery], Sequence[PerQuery], float], Loss]

RESAMPLES = 499  # fewer than the gate takes: hundreds of repeats stand behind each number

of_models: Compare = partial(loss_of_models, resamples=RESAMPLES)
of_methods: Compare = partial(loss_of_methods, resamples=RESAMPLES)


def values_of(side: Side) -> Values:
    """Return the trials of a row by each metric."""
    return {name: side.per_query(find_or_raise(full), k) for name, (full, k) in METRICS.items()}


def stored(dataset: str) -> dict[str, Values]:
    """Return the rows in `results` on a data set."""
    bundles = [path.read_text().splitlines() for path in sorted((ROOT / "results").glob("*.jsonl"))]
    with store_of(*bundles, name="results") as store:
        return {
            f"{row.method}/{row.config_hash[:8]}": values_of(load_row(store, row))
            for row in store.where_rows(dataset)
        }


def common(a: Values, b: Values) -> tuple[Values, Values]:
    """Return two rows over the trials that both have."""
    pairs = {name: pair(a[name], b[name]) for name in METRICS}
    return (
        {name: [one for one, _ in found] for name, found in pairs.items()},
        {name: [other for _, other in found] for name, found in pairs.items()},
    )


def viper(noise: float, rng: np.random.Generator, *, each_split: bool = False) -> Values:
    """Return VIPeR's ten splits by features with noise.

    Args:
        noise: Its length, as a share of that of a feature.
        rng: Of the noise.
        each_split: Whether each split has noise of its own, as models trained apart would.
    """
    known = _viper_features()
    splits = load_protocol("viper").splits
    features = _noisy(known.features, noise, rng)
    trials = []
    for split, lists in enumerate(splits):
        if each_split:
            features = _noisy(known.features, noise, rng)
        tested = np.isin(known.pids, [pid % 1000 + 1 for pid in lists.test])  # 000 is 1000 there
        query, gallery = (
            inputs.Side(features[here], known.pids[here], known.camids[here])
            for here in (tested & (known.camids == camera) for camera in (1, 2))
        )
        evidence = evaluate(query, gallery, distance="cosine")
        pids = query.pids.tolist()
        trials.append(SideTrial(split, 0, "viper", str(split), {}, evidence, pids))
    return values_of(
        Side("viper", "cmc_single@1", {}, trained=True, exact=False, trials=tuple(trials))
    )


def judge(new: Values, old: Values, tier: Tier, compare: Compare) -> list[Check]:
    """Return what the gate says of one row held against another, by each metric."""
    return settle(
        [
            Question(
                row="row",
                dataset="data",
                metric=name,
                tier=tier,
                baseline=mean_of(old[name]),
                new=mean_of(new[name]),
                loss=compare(new[name], old[name], MARGIN),
                asked=MARGIN,
                floor=0.0,
            )
            for name in METRICS
        ]
    )


def redrawn(new: Values, old: Values, rng: np.random.Generator) -> tuple[Values, Values]:
    """Return two rows of people drawn with replacement, each draw a person of its own."""
    people = np.unique(np.concatenate([trial.pids for trial in old["rank1"]]))
    drawn = rng.choice(people, len(people))
    return _of_people(new, drawn), _of_people(old, drawn)


def shifted(row: Values, by: Mapping[str, float]) -> Values:
    """Return a row with something added to each value of a metric."""
    return {
        name: [replace(trial, values=trial.values + by[name]) for trial in trials]
        for name, trials in row.items()
    }


def _of_people(row: Values, drawn: npt.NDArray[np.int64]) -> Values:
    return {name: [_of_trial(trial, drawn) for trial in trials] for name, trials in row.items()}


def _of_trial(trial: PerQuery, drawn: npt.NDArray[np.int64]) -> PerQuery:
    """Return a trial with the queries of drawn people, whose identities are their places."""
    queries = [np.flatnonzero(trial.pids == pid) for pid in drawn]
    places = np.repeat(np.arange(len(drawn)), [len(found) for found in queries])
    return replace(trial, values=trial.values[np.concatenate(queries)], pids=places)


@cache
def _viper_features() -> Labelled:
    return real_features("viper")


def _noisy(
    features: npt.NDArray[np.float32], noise: float, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Return features with normal noise of an expected length, a share of their own."""
    drawn = rng.standard_normal(features.shape, dtype=np.float32) / np.sqrt(features.shape[1])
    return features + noise * np.linalg.norm(features, axis=1, keepdims=True) * drawn
