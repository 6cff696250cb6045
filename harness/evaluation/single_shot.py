"""Exact single-shot evaluation of one query: expectations over every draw, without drawing.

A draw takes one image of each gallery identity, uniformly and independently. Beside a given true
match, another identity g ranks before it with probability p_g = (images of g at its distance or
nearer) / (images of g), so the number N of identities before it is a sum of independent coins: a
Poisson-binomial variable, whose distribution a dynamic programme over the identities gives.

Axes: n true matches of the query, F identities, K ranks.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]

_NEGLIGIBLE = 1e-25  # a probability below which an end of the distribution is cut off


@njit(cache=True, nogil=True)
def expected_single_shot(p: Float, always: Int, ranks: int) -> tuple[Float, float]:
    """Return the expected CMC and the expected reciprocal rank of a query.

    The match that is drawn is each of the n with the same probability.

    Args:
        p: (n, F), probability that an identity ranks before a match.
        always: (n,), further identities that are before a match in every draw.
        ranks: K.

    Returns:
        The probability of a rank of at most 1, ..., K, (K,), and the expectation of 1 / rank.
    """
    cmc = np.zeros(ranks)
    reciprocal = 0.0
    for i in range(len(p)):
        sure = always[i] + np.count_nonzero(p[i] == 1.0)
        first, pmf = poisson_binomial(p[i][(p[i] > 0.0) & (p[i] < 1.0)])
        for place in range(len(pmf)):
            rank = 1 + sure + first + place
            reciprocal += pmf[place] / rank
            for k in range(rank, ranks + 1):
                cmc[k - 1] += pmf[place]
    return np.minimum(cmc / len(p), 1.0), reciprocal / len(p)


@njit(cache=True, nogil=True)
def poisson_binomial(p: Float) -> tuple[int, Float]:
    """Return the distribution of the sum N of independent coins, where it is not negligible.

    Args:
        p: (C,), the probabilities of the coins.

    Returns:
        The least N, and P(N), P(N + 1), ... from there on.
    """
    pmf = np.zeros(len(p) + 1)
    pmf[0] = 1.0
    low, high = 0, 0  # the places that are in use, both included
    for head in p:
        pmf[high + 1] = 0.0
        for place in range(high + 1, low, -1):
            pmf[place] = pmf[place] * (1.0 - head) + pmf[place - 1] * head
        pmf[low] *= 1.0 - head
        high += 1
        while pmf[low] < _NEGLIGIBLE and low < high:
            low += 1
        while pmf[high] < _NEGLIGIBLE and high > low:
            high -= 1
    return low, pmf[low : high + 1]


@njit(cache=True, nogil=True)
def close_single_shot(
    tally: npt.NDArray[np.int32],
    images_of: Int,
    kind: Int,
    start: Int,
    results: tuple[Float, Float],
    rows: tuple[int, int],
) -> None:
    """Turn the tallies of some queries into their single-shot expectations.

    Args:
        tally: (m + A, F + 1), negatives that lie before so many matches of a query (n + 1 rows for
            n matches), by identity; distractors in the last column.
        images_of: (C, F), valid images of each identity, for C kinds of queries.
        kind: (A,), the kind of each query.
        start: (A + 1,), the matches of query a are start[a]:start[a + 1].
        results: CMC, (A, K), and reciprocal rank, (A,), where they are written.
        rows: The first query, and the one after the last.
    """
    cmc, reciprocal = results
    people = tally.shape[1] - 1
    for a in range(rows[0], rows[1]):
        n = start[a + 1] - start[a]
        if n == 0:
            continue
        images = images_of[kind[a]]
        before = np.zeros(people + 1)
        p = np.empty((n, people))
        always = np.empty(n, dtype=np.int64)
        totals = np.empty(n)
        for i in range(n - 1, -1, -1):
            before += tally[start[a] + a + i + 1]
            for g in range(people):
                p[i, g] = before[g] / images[g] if before[g] else 0.0
            always[i] = int(before[people])
            totals[i] = before.sum()
        order = np.argsort(totals)  # whoever has as many before it has the same: a sum of one order
        cmc[a], reciprocal[a] = expected_single_shot(p[order], always[order], cmc.shape[1])
