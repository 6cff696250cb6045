"""Evidence of rankings that are written down: by the ranks of the matches, or level by level."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, combinations, product

import numpy as np

from harness.types import Evidence

Level = tuple[int, int]
"""Images at one distance: how many true matches, how many negatives."""


def evidence_of_ranks(ranks: Sequence[Sequence[int]], valid: int = 100) -> Evidence:
    """Return evidence of queries whose true matches have these ranks, without ties."""
    before = [[rank - i for i, rank in enumerate(of_query, start=1)] for of_query in ranks]
    return evidence_of_counts(before, [[0] * len(of_query) for of_query in ranks], valid)


def evidence_of_levels(queries: Sequence[Sequence[Level]], valid: int = 100) -> Evidence:
    """Return evidence of queries that see images at these levels, the nearest first."""
    nearer: list[list[int]] = []
    equal: list[list[int]] = []
    for levels in queries:
        before = [0, *accumulate(negatives for _, negatives in levels)]
        nearer.append([b for b, (t, _) in zip(before, levels, strict=False) for _ in range(t)])
        equal.append([e for t, e in levels for _ in range(t)])
    return evidence_of_counts(nearer, equal, valid)


def evidence_of_counts(
    nearer: Sequence[Sequence[int]], equal: Sequence[Sequence[int]], valid: int
) -> Evidence:
    """Return evidence of queries with these negatives nearer and equal, for each match."""
    queries = len(nearer)
    return Evidence(
        offsets=np.array([0, *accumulate(map(len, nearer))]),
        nearer=np.array([n for of_query in nearer for n in of_query], dtype=np.int64),
        equal=np.array([e for of_query in equal for e in of_query], dtype=np.int64),
        valid=np.full(queries, valid),
        identities=np.full(queries, 20),
        top_index=np.full((queries, 10), -1),
        top_distance=np.full((queries, 10), np.nan, dtype=np.float32),
        single_cmc=np.tile(np.linspace(0.05, 1.0, 20), (queries, 1)),
        single_reciprocal=np.full(queries, 0.25),
    )


def orders(levels: Sequence[Level]) -> Iterator[list[int]]:
    """Yield the ranks of the matches in every order of the images within each level."""
    places = [list(combinations(range(t + e), t)) for t, e in levels]
    starts = [0, *accumulate(t + e for t, e in levels)]
    for chosen in product(*places):
        yield [
            start + place + 1
            for start, of_level in zip(starts, chosen, strict=False)
            for place in of_level
        ]
