"""The expectations of the metrics over uniform orders of images at the same distance.

Within a tie of t true matches and e negatives, w = t + e images wide, every order is as likely. The
tie takes the places b + 1, ..., b + w of the ranking, where b = m + (negatives nearer) and m is
the number of matches nearer. Then

- the place b + p holds a match with probability t / w;
- given that it does, m + (p - 1) c matches are expected before it, with c = (t - 1) / (w - 1);
- a sum over the places of 1 / (b + p) is a difference of harmonic numbers.

Source: McSherry and Najork, Computing Information Retrieval Performance Measures Efficiently in the
Presence of Tied Scores, ECIR 2008, for AP; the others follow in the same way.

Axes: Q queries, M true matches of all queries, T ties of all queries, a match that ties with no
negative being a tie of its own (t = w = 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from scipy.special import digamma

from harness.definitions.counts import (
    accepted,
    has_match,
    match_ranks,
    mean_of_matches,
    shot_candidates,
)
from harness.types import Evidence

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Ties:
    """The ties of true matches, nearest first within each query; each array (T,).

    Attributes:
        query: The query.
        m: Matches nearer.
        b: Images nearer.
        t: Matches in the tie.
        w: Images in the tie.
    """

    query: Int
    m: Int
    b: Int
    t: Int
    w: Int

    @property
    def c(self) -> Float:
        """Expected further matches before a match of the tie, for each place before it."""
        return (self.t - 1) / np.maximum(self.w - 1, 1)


def cmc_multi(evidence: Evidence, k: int | None) -> Float:
    """Return the probability that one of the nearest matches is within rank k, (Q,).

    Of the tie's images the s = k - b first hold no match with probability C(e, s) / C(w, s).
    """
    assert k is not None
    first = _where(ties := _find_ties(evidence), ties.m == 0)
    none = np.ones(len(first.query))
    for place in range(k):
        left = np.maximum(first.w - place, 1)
        is_negative = np.maximum(first.w - first.t - place, 0) / left
        none *= np.where(place < k - first.b, is_negative, 1.0)
    values = np.full(evidence.queries, np.nan)
    values[first.query] = 1 - none
    return np.where(evidence.valid >= k, values, np.nan)


def cmc_all_shots(evidence: Evidence, k: int | None) -> Float:
    """Return the expected share of matches with fewer than k negatives before, (Q,).

    Before one match of a tie, 0, ..., e of its negatives are equally likely.
    """
    assert k is not None
    query, _, _ = match_ranks(evidence)
    within = np.clip((k - evidence.nearer) / (evidence.equal + 1), 0, 1)
    return np.where(
        shot_candidates(evidence) >= k, mean_of_matches(evidence, query, within), np.nan
    )


def map_sum_precision(evidence: Evidence, _k: int | None = None) -> Float:
    """Return the expected AP by sum of precisions, (Q,)."""
    ties = _find_ties(evidence)
    return mean_of_matches(evidence, ties.query, _precision(ties))


def map_trapezoid(evidence: Evidence, _k: int | None = None) -> Float:
    """Return the expected AP by trapezoid, (Q,)."""
    ties = _find_ties(evidence)
    return mean_of_matches(evidence, ties.query, (_old_precision(ties) + _precision(ties)) / 2)


def minp(evidence: Evidence, _k: int | None = None) -> Float:
    """Return the expected n / rank_n, (Q,)."""
    ties = _find_ties(evidence)
    is_last = np.append(ties.query[1:] != ties.query[:-1], True)[: len(ties.query)]
    last = _where(ties, is_last)
    values = np.full(evidence.queries, np.nan)
    values[last.query] = (last.m + last.t) / (last.b + last.w)
    for i in np.flatnonzero(last.t < last.w):
        reciprocal = _expected_reciprocal_of_last(int(last.b[i]), int(last.t[i]), int(last.w[i]))
        values[last.query[i]] = (last.m[i] + last.t[i]) * reciprocal
    return values


def fnir(evidence: Evidence, _k: int | None = None, *, one_in: int) -> Float:
    """Return the probability that the nearest image is no match or is not accepted, (Q,)."""
    first = _where(ties := _find_ties(evidence), ties.m == 0)
    hit = np.zeros(evidence.queries)
    hit[first.query] = np.where(first.b == 0, first.t / first.w, 0.0)
    return np.where(has_match(evidence), 1 - hit * accepted(evidence, one_in), np.nan)


fnir_1e1 = partial(fnir, one_in=10)
fnir_1e2 = partial(fnir, one_in=100)
fnir_1e3 = partial(fnir, one_in=1000)


def _find_ties(evidence: Evidence) -> _Ties:
    """Group the matches by query and distance.

    Two matches that tie with negatives are at one distance where the same negatives are nearer:
    beyond a tie there are more.
    """
    query, i, _ = match_ranks(evidence)
    level = np.stack([query, evidence.nearer, evidence.equal], axis=1)
    new = np.ones(len(query), dtype=np.bool_)
    new[1:] = (level[1:] != level[:-1]).any(axis=1) | (evidence.equal[1:] == 0)
    start = np.flatnonzero(new)
    t = np.diff(np.append(start, len(query)))
    m = i[start] - 1
    b = m + evidence.nearer[start]
    return _Ties(query[start], m, b, t, t + evidence.equal[start])


def _where(ties: _Ties, chosen: npt.NDArray[np.bool_]) -> _Ties:
    return _Ties(ties.query[chosen], ties.m[chosen], ties.b[chosen], ties.t[chosen], ties.w[chosen])


def _precision(ties: _Ties) -> Float:
    """Return the expected sum of i / rank_i over the matches of each tie, (T,).

    (t / w) sum over p of (m + 1 + (p - 1) c) / (b + p), where the numerator is
    c (b + p) + m + 1 - (b + 1) c.
    """
    harmonic = _harmonic(ties.b, ties.w)
    return ties.t / ties.w * (ties.w * ties.c + (ties.m + 1 - (ties.b + 1) * ties.c) * harmonic)


def _old_precision(ties: _Ties) -> Float:
    """Return the expected sum of (i - 1) / (rank_i - 1) over the matches of each tie, (T,).

    (t / w) sum over p of (m + (p - 1) c) / (b + p - 1), where the numerator is c (b + p - 1) + m -
    b c; at rank 1 the precision before is 1.
    """
    at_top = ties.b == 0
    harmonic = _harmonic(np.maximum(ties.b, 1) - 1, ties.w)
    beyond = ties.w * ties.c + (ties.m - ties.b * ties.c) * harmonic
    return ties.t / ties.w * np.where(at_top, 1 + (ties.w - 1) * ties.c, beyond)


def _harmonic(b: Int, n: Int) -> Float:
    """Return 1 / (b + 1) + ... + 1 / (b + n)."""
    return np.where(n == 1, 1 / (b + 1), digamma(b + n + 1) - digamma(b + 1))


def _expected_reciprocal_of_last(b: int, t: int, n: int) -> float:
    """Return the expectation of 1 / (b + the last place of t matches among n images).

    P(last = n) = t / n, and P(last = p) / P(last = p + 1) = (p - t + 1) / p.
    """
    place = np.arange(n, t - 1, -1)  # (n - t + 1,), from the last
    ratio = (place[1:] - t + 1) / place[1:]
    probability = t / n * np.cumprod(np.append(1.0, ratio))
    return float((probability / (b + place)).sum())
