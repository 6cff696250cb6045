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
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.stats import bootstrap

from harness.stats.trials import PerQuery, differences, mean_of_trials, sums_by_identity
from harness.types import Interval

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]

RESAMPLES = 9999
ENOUGH_SPLITS = 5
THESE_SPLITS = ", these splits only"
"""What a method says in the end where fewer splits enter."""

_BATCH_CELLS = 4_000_000  # T x B x I held at a time, 32 MB in float64


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
    sums, counts = sums_by_identity(trials)
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
    value = float(mean_of_trials(sums, counts))
    if row.n_identities == 1:
        return replace(row, value=value, method="none: one identity")
    low, high, method = _resample(sums, counts, level, seed, resamples)
    if len({trial.split for trial in trials}) < ENOUGH_SPLITS:
        method += THESE_SPLITS
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
    return interval(differences(a, b), level=level, seed=seed, resamples=resamples)


def _resample(
    sums: Float, counts: Float, level: float, seed: int, resamples: int
) -> tuple[float, float, str]:
    """Return low, high and the name of the method."""
    trials, identities = sums.shape

    def statistic(drawn: Int, axis: int = -1) -> Float:
        del axis  # scipy puts the identities last
        # In one order, so that a set drawn twice is a tie to the last bit: BCa counts ties.
        drawn = np.sort(drawn, axis=-1)
        return mean_of_trials(sums[:, drawn], counts[:, drawn])

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
