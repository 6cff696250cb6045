"""Rank-k, and formulas that are the same but for one fault each."""

from __future__ import annotations

import numpy as np

WORDS = "no function"


def rank(evidence, k):
    """Return whether the nearest match is among the k nearest, NaN without a match."""
    values = np.full(evidence.queries, np.nan)
    for q, (start, end) in enumerate(zip(evidence.offsets, evidence.offsets[1:], strict=False)):
        if end > start:
            values[q] = evidence.nearer[start] + evidence.equal[start] < k
    return values


def per_cent(evidence, k):
    return 100 * rank(evidence, k)


def too_few(evidence, k):
    return rank(evidence, k)[:-1]


def raises(evidence, k):
    raise IndexError("list index out of range")


def by_position(evidence, k):
    return rank(evidence, k) * np.linspace(1, 0.5, evidence.queries)


def writes(evidence, k):
    evidence.single_cmc[:] = 0
    return rank(evidence, k)


def random(evidence, k):
    return rank(evidence, k) * np.random.default_rng().uniform(0.5, 1, evidence.queries)


def zero(evidence, k):
    return np.nan_to_num(rank(evidence, k))


def constant(evidence, k):
    return 0 * rank(evidence, k) + 0.5


def half(evidence, k):
    return rank(evidence, k) / 2
