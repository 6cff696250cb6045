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

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]


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
    certain = np.all((p == 0) | (p == 1), axis=0)  # (F,), no coin to toss
    pmf = poisson_binomial(p[:, ~certain])  # (n, C + 1) with C coins
    sure = always + np.count_nonzero(p[:, certain], axis=1)  # (n,)

    cdf = np.minimum(np.cumsum(pmf, axis=1), 1.0)
    allowed = np.arange(ranks) - sure[:, None]  # (n, K), coins that may fall within rank k
    within = np.take_along_axis(cdf, np.clip(allowed, 0, cdf.shape[1] - 1), axis=1)
    cmc = np.where(allowed >= 0, within, 0.0).mean(axis=0)

    rank = 1 + sure[:, None] + np.arange(pmf.shape[1])  # (n, C + 1)
    return cmc, float((pmf / rank).sum(axis=1).mean())


def poisson_binomial(p: Float) -> Float:
    """Return P(N = 0), ..., P(N = C) for N the sum of independent coins.

    Args:
        p: (n, C), the probabilities of the coins, a row for each variable N.

    Returns:
        The distributions, (n, C + 1).
    """
    n, coins = p.shape
    pmf = np.zeros((n, coins + 1))
    pmf[:, 0] = 1.0
    for c in range(coins):
        head = p[:, c, None]
        pmf[:, 1 : c + 2] = pmf[:, 1 : c + 2] * (1 - head) + pmf[:, : c + 1] * head
        pmf[:, 0] *= 1 - head[:, 0]
    return pmf
