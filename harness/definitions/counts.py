"""The formulas of the built-in metrics: evidence in, one value for each query out.

Axes: Q queries, M true matches of all queries together, n true matches of one query. Values are
fractions; NaN where a query has no value. The words are in `harness.definitions`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.types import Evidence

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]


def cmc_single(evidence: Evidence, k: int | None) -> Float:
    """Return P(rank <= k) over single-shot draws, (Q,); NaN with fewer than k identities."""
    assert k is not None
    return np.where(evidence.identities >= k, evidence.single_cmc[:, k - 1], np.nan)


def cmc_multi(evidence: Evidence, k: int | None) -> Float:
    """Return 1 where the first match has rank <= k, else 0, (Q,); NaN with fewer than k images."""
    assert k is not None
    _, _, rank = match_ranks(evidence)
    has_value = (np.diff(evidence.offsets) > 0) & (evidence.valid >= k)
    values = np.full(evidence.queries, np.nan)
    values[has_value] = rank[evidence.offsets[:-1][has_value]] <= k
    return values


def map_sum_precision(evidence: Evidence, _k: int | None = None) -> Float:
    """Return AP = (1/n) sum_i i / rank_i, (Q,)."""
    query, i, rank = match_ranks(evidence)
    return _mean_of_matches(evidence, query, i / rank)


def map_trapezoid(evidence: Evidence, _k: int | None = None) -> Float:
    """Return AP = (1/n) sum_i (p_old + p_i) / 2, (Q,)."""
    query, i, rank = match_ranks(evidence)
    p = i / rank
    p_old = np.where(rank == 1, 1.0, (i - 1) / np.maximum(rank - 1, 1))
    return _mean_of_matches(evidence, query, (p_old + p) / 2)


def map_single(evidence: Evidence, _k: int | None = None) -> Float:
    """Return the expected 1 / rank over single-shot draws, (Q,)."""
    return evidence.single_reciprocal


def minp(evidence: Evidence, _k: int | None = None) -> Float:
    """Return INP = n / rank_n, (Q,)."""
    _, i, rank = match_ranks(evidence)
    has_match = np.diff(evidence.offsets) > 0
    last = evidence.offsets[1:][has_match] - 1
    values = np.full(evidence.queries, np.nan)
    values[has_match] = i[last] / rank[last]
    return values


def match_ranks(evidence: Evidence) -> tuple[Int, Int, Int]:
    """Return the pessimistic rank of every true match.

    Returns:
        For each of the M matches, nearest first within its query: the query, its place i among
        the matches of the query counted from 1, and its rank i + nearer + equal.
    """
    matches = np.diff(evidence.offsets)
    query = np.repeat(np.arange(evidence.queries), matches)
    i = np.arange(len(query)) - evidence.offsets[query] + 1
    return query, i, i + evidence.nearer + evidence.equal


def _mean_of_matches(evidence: Evidence, query: Int, x: Float) -> Float:
    """Return the mean of x, (M,), over the matches of each query, (Q,)."""
    matches = np.diff(evidence.offsets)
    total = np.bincount(query, weights=x, minlength=evidence.queries)
    return np.where(matches > 0, total / np.maximum(matches, 1), np.nan)
