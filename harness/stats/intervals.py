"""Intervals by resampling identities: of a row, and of the difference of two rows.

The queries of one person succeed and fail together, so an interval that resamples queries is too
narrow. Here an identity is drawn with all its queries in all trials and seeds.

The number of a row is the mean over its trials of the mean over the queries of the trial. Its
interval is the bias-corrected and accelerated one (BCa) of Efron, Better Bootstrap Confidence
Intervals, JASA 82, 1987, as scipy computes it; percentile where BCa is not defined. It speaks of
these trials: the splits of a data set share identities and are no independent sample, so with fewer
than 5 of them the method says "these splits only".

Axes: T trials, I identities, B resamples.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.stats import bootstrap

from harness.errors import Inconclusive, IntegrityError, UsageError
from harness.types import Interval

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]

RESAMPLES = 9999
ENOUGH_SPLITS = 5

_BATCH_CELLS = 4_000_000  # T x B x I held at a time, 32 MB in float64


@dataclass(frozen=True, slots=True)
class PerQuery:
    """A metric of one trial, query by query.

    Attributes:
        values: (Q,), fractions, NaN where a query has no value.
        pids: (Q,), the identity of each query.
        split: The split of the trial.
        seed: The seed of the trial.
        protocol: The id of the protocol.
    """

    values: Float
    pids: Int
    split: int
    seed: int
    protocol: str


def interval(
    trials: Sequence[PerQuery], *, level: float = 0.95, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """Return the number of a row with its interval.

    Without an end where one identity only has queries (nothing is known of how identities differ),
    and without a value where a trial has none (the metric is not defined for its gallery).

    Args:
        trials: The trials of one row, of one protocol.
        level: Coverage, in (0, 1).
        seed: Of the resampling.
        resamples: B.

    Raises:
        UsageError: If there is no trial, or the trials are of several protocols.
        IntegrityError: If a trial has not one identity for each value, or occurs twice.
    """
    _check_trials(trials)
    sums, counts = _by_identity(trials)
    row = Interval(
        value=None,
        low=None,
        high=None,
        level=level,
        method="none: a trial has no value",
        n_identities=sums.shape[1],
        n_trials=len(trials),
        n_seeds=len({trial.seed for trial in trials}),
    )
    if not counts.any(axis=1).all():
        return row
    value = float(_mean_of_trials(sums, counts))
    if row.n_identities == 1:
        return replace(row, value=value, method="none: one identity")
    low, high, method = _resample(sums, counts, level, seed, resamples)
    if len({trial.split for trial in trials}) < ENOUGH_SPLITS:
        method += ", these splits only"
    return replace(row, value=value, low=low, high=high, method=method)


def paired(
    a: Sequence[PerQuery],
    b: Sequence[PerQuery],
    *,
    level: float = 0.95,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Interval:
    """Return a - b, query by query over the trials that both have, with its interval.

    Args:
        a: The trials of one row.
        b: The trials of another row under the same protocol.
        level: Coverage, in (0, 1).
        seed: Of the resampling.
        resamples: B.

    Raises:
        UsageError: If a row has no trial, or the rows are of different protocols.
        Inconclusive: If they have no trial (split and seed) in common.
        IntegrityError: If a common trial has other queries, or other queries with a value.
    """
    _check_trials(a)
    _check_trials(b)
    _check_one_protocol([*a, *b])
    others = {(trial.split, trial.seed): trial for trial in b}
    common = [
        (trial, others[trial.split, trial.seed])
        for trial in a
        if (trial.split, trial.seed) in others
    ]
    if not common:
        raise Inconclusive(
            "The two rows have no trial (split and seed) in common.",
            "Run both over the same splits and seeds.",
        )
    differences = [_subtract(one, other) for one, other in common]
    return interval(differences, level=level, seed=seed, resamples=resamples)


def _subtract(a: PerQuery, b: PerQuery) -> PerQuery:
    """Return the difference of a trial, query by query."""
    same_queries = np.array_equal(a.pids, b.pids)
    if not same_queries or not np.array_equal(np.isnan(a.values), np.isnan(b.values)):
        raise IntegrityError(
            f"The two rows have different queries in split {a.split}, seed {a.seed}, under "
            f"protocol {a.protocol}.",
            "Score both rows again with this version of the harness.",
        )
    return replace(a, values=a.values - b.values)


def _by_identity(trials: Sequence[PerQuery]) -> tuple[Float, Float]:
    """Return the sum and the number of the values of each identity in each trial, both (T, I)."""
    kept = [~np.isnan(trial.values) for trial in trials]
    pids = [trial.pids[keep] for trial, keep in zip(trials, kept, strict=True)]
    identities = np.unique(np.concatenate(pids))
    sums = np.zeros((len(trials), len(identities)))
    counts = np.zeros_like(sums)
    for t, (trial, keep) in enumerate(zip(trials, kept, strict=True)):
        column = np.searchsorted(identities, pids[t])
        np.add.at(sums[t], column, trial.values[keep])
        np.add.at(counts[t], column, 1)
    return sums, counts


def _mean_of_trials(sums: Float, counts: Float) -> Float:
    """Return the mean over trials of the mean over queries.

    A trial none of whose identities was drawn is left out of the mean.

    Args:
        sums: (T, ..., I), sums of values of the identities that were drawn.
        counts: (T, ..., I), numbers of these values.

    Returns:
        The means, (...).
    """
    total, number = sums.sum(axis=-1), counts.sum(axis=-1)
    drawn = number > 0
    means: Float = np.divide(total, number, out=np.zeros_like(total), where=drawn)
    return np.asarray(means.sum(axis=0) / drawn.sum(axis=0))


def _resample(
    sums: Float, counts: Float, level: float, seed: int, resamples: int
) -> tuple[float, float, str]:
    """Return low, high and the name of the method."""
    trials, identities = sums.shape

    def statistic(drawn: Int, axis: int = -1) -> Float:
        del axis  # scipy puts the identities last
        # In one order, so that a set drawn twice is a tie to the last bit: BCa counts ties.
        drawn = np.sort(drawn, axis=-1)
        return _mean_of_trials(sums[:, drawn], counts[:, drawn])

    everyone = (np.arange(identities),)
    batch = max(1, _BATCH_CELLS // (trials * identities))
    percentile = bootstrap(
        everyone,
        statistic,
        n_resamples=resamples,
        batch=batch,
        confidence_level=level,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore")  # says that BCa is undefined, which NaN says as well
        bca = bootstrap(
            everyone,
            statistic,
            n_resamples=0,
            batch=batch,
            confidence_level=level,
            method="BCa",
            bootstrap_result=percentile,
        )
    low, high = bca.confidence_interval
    if np.isfinite(low) and np.isfinite(high):
        return float(low), float(high), "BCa over identities"
    low, high = percentile.confidence_interval
    return float(low), float(high), "percentile over identities"


def _check_trials(trials: Sequence[PerQuery]) -> None:
    if not trials:
        raise UsageError("There is no trial to take an interval of.", "Run at least one.")
    _check_one_protocol(trials)
    for trial in trials:
        if trial.values.shape != trial.pids.shape:
            raise IntegrityError(
                f"Split {trial.split}, seed {trial.seed} has {len(trial.values)} values and "
                f"{len(trial.pids)} identities.",
                "Score it again.",
            )
    distinct = {(trial.split, trial.seed) for trial in trials}
    if len(distinct) < len(trials):
        raise IntegrityError(
            f"{len(trials)} trials have {len(distinct)} different splits and seeds.",
            "Give the newest repeat of each.",
        )


def _check_one_protocol(trials: Sequence[PerQuery]) -> None:
    protocols = sorted({trial.protocol for trial in trials})
    if len(protocols) > 1:
        raise UsageError(
            f"The trials are of different protocols: {', '.join(protocols)}.",
            "Compare rows of one protocol only.",
        )
