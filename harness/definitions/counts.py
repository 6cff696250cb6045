"""The formulas of the built-in metrics: evidence in, one value for each query out.

Axes: Q queries, M true matches of all queries together, n true matches of one query. Values are
fractions; NaN where a query has no value. The words are in `harness.definitions`. The formulas take
ties pessimistically: evidence without `equal` gives their optimistic values, and
`harness.definitions.ties` their expectations.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt

from harness.types import Evidence

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]


def cmc_single(evidence: Evidence, k: int | None) -> Float:
    """Return P(rank <= k) over single-shot draws, (Q,); NaN with fewer than k identities."""
    assert k is not None
    return np.where(evidence.identities >= k, evidence.single_cmc[:, k - 1], np.nan)


def cmc_multi(evidence: Evidence, k: int | None) -> Float:
    """Return 1 where the first match has rank <= k, else 0, (Q,); NaN with fewer than k images."""
    assert k is not None
    _, _, rank = match_ranks(evidence)
    has_value = has_match(evidence) & (evidence.valid >= k)
    values = np.full(evidence.queries, np.nan)
    values[has_value] = rank[evidence.offsets[:-1][has_value]] <= k
    return values


def cmc_all_shots(evidence: Evidence, k: int | None) -> Float:
    """Return the share of matches with fewer than k negatives before, (Q,).

    NaN with fewer than k candidates, which are the negatives and one match.
    """
    assert k is not None
    query, _, _ = match_ranks(evidence)
    within = evidence.nearer + evidence.equal < k
    return np.where(
        shot_candidates(evidence) >= k, mean_of_matches(evidence, query, within), np.nan
    )


def map_sum_precision(evidence: Evidence, _k: int | None = None) -> Float:
    """Return AP = (1/n) sum_i i / rank_i, (Q,)."""
    query, i, rank = match_ranks(evidence)
    return mean_of_matches(evidence, query, i / rank)


def map_trapezoid(evidence: Evidence, _k: int | None = None) -> Float:
    """Return AP = (1/n) sum_i (p_old + p_i) / 2, (Q,)."""
    query, i, rank = match_ranks(evidence)
    p = i / rank
    p_old = np.where(rank == 1, 1.0, (i - 1) / np.maximum(rank - 1, 1))
    return mean_of_matches(evidence, query, (p_old + p) / 2)


def map_single(evidence: Evidence, _k: int | None = None) -> Float:
    """Return the expected 1 / rank over single-shot draws, (Q,)."""
    return evidence.single_reciprocal


def minp(evidence: Evidence, _k: int | None = None) -> Float:
    """Return INP = n / rank_n, (Q,)."""
    _, i, rank = match_ranks(evidence)
    found = has_match(evidence)
    last = evidence.offsets[1:][found] - 1
    values = np.full(evidence.queries, np.nan)
    values[found] = i[last] / rank[last]
    return values


def fnir(evidence: Evidence, _k: int | None = None, *, one_in: int) -> Float:
    """Return 1 where the nearest valid image is no true match or not accepted, else 0, (Q,).

    Args:
        evidence: Of the score.
        one_in: FPIR = 1 / one_in.
    """
    first = evidence.offsets[:-1]
    found = has_match(evidence)
    values = np.full(evidence.queries, np.nan)
    hit = evidence.nearer[first[found]] + evidence.equal[first[found]] == 0
    values[found] = ~(hit & accepted(evidence, one_in)[found])
    return values


fnir_1e1 = partial(fnir, one_in=10)
fnir_1e2 = partial(fnir, one_in=100)
fnir_1e3 = partial(fnir, one_in=1000)


def accepted(evidence: Evidence, one_in: int) -> Bool:
    """Return the queries accepted at the largest threshold with FPIR <= 1 / one_in, (Q,).

    With U queries without a match the threshold accepts U // one_in of them at most: it lies just
    below the distance of the next one. One without any valid image is never accepted.
    """
    nearest = np.nan_to_num(evidence.top_distance[:, 0], nan=np.inf)
    unknown = np.sort(nearest[~has_match(evidence)])  # (U,)
    if len(unknown) < one_in:
        return np.zeros(evidence.queries, dtype=np.bool_)
    is_accepted: Bool = nearest < unknown[len(unknown) // one_in]
    return is_accepted


def tied_share(evidence: Evidence) -> float | None:
    """Return the share of true matches that tie with a negative, None without a match."""
    return float((evidence.equal > 0).mean()) if len(evidence.equal) else None


def has_match(evidence: Evidence) -> Bool:
    """Return whether each query has a true match, (Q,)."""
    return np.diff(evidence.offsets) > 0


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


def mean_of_matches(evidence: Evidence, query: Int, x: npt.NDArray[np.generic]) -> Float:
    """Return the sum of x over the matches of each query, divided by their number, (Q,).

    Args:
        evidence: Of the score.
        query: (X,), the query of each x.
        x: (X,), one for each match, or for several of one query together.
    """
    matches = np.diff(evidence.offsets)
    total = np.bincount(query, weights=x, minlength=evidence.queries)
    return np.where(matches > 0, total / np.maximum(matches, 1), np.nan)


def shot_candidates(evidence: Evidence) -> Int:
    """Return the negatives of each query and one match, (Q,)."""
    return evidence.valid - np.diff(evidence.offsets) + 1
