"""The evidence of ranking while it is gathered, block by block.

Axes: Q queries, A queries of a block, G gallery images, M matches of all queries.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt

from harness.evaluation.counting import close_rows
from harness.evaluation.matches import Search
from harness.evaluation.single_shot import close_single_shot
from harness.evaluation.tables import TOP, Block, Gallery
from harness.evaluation.threads import in_threads
from harness.types import Evidence

Int = npt.NDArray[np.int64]

SINGLE_RANKS = 20
"""Single-shot is kept for ranks 1 to this."""

_NOBODY = np.iinfo(np.int64).max


class Results:
    """The evidence of all queries, filled block by block."""

    def __init__(self, search: Search) -> None:
        self._search = search
        queries = len(search.valid)
        self.referred = 0
        self._nearer = np.empty(len(search.matches), dtype=np.int64)
        self._equal = np.empty(len(search.matches), dtype=np.int64)
        self._top_index = np.full((queries, TOP), -1)
        self._top_distance = np.full((queries, TOP), np.nan)
        self._single_cmc = np.full((queries, SINGLE_RANKS), np.nan)
        self._single_reciprocal = np.full(queries, np.nan)

    def close(self, gallery: Gallery, block: Block, queries: slice) -> None:
        """Take what was counted for a block."""
        span = slice(self._search.offsets[queries.start], self._search.offsets[queries.stop])
        rows = len(block.pids)
        near = np.full(block.near.shape, _NOBODY), np.full(block.near.shape, np.inf)
        in_threads(partial(close_rows, gallery, block, self._nearer[span], near), rows)
        index, distance = near
        order = np.lexsort((index, distance))[:, :TOP]
        index = np.take_along_axis(index, order, axis=1)
        distance = np.take_along_axis(distance, order, axis=1)
        self._top_index[queries] = np.where(index == _NOBODY, -1, index)
        self._top_distance[queries] = np.where(index == _NOBODY, np.nan, distance)
        self._equal[span] = block.equal
        self.referred += int(block.referred.sum())
        if block.tally.size:
            kind = self._search.kind[queries]
            images_of = self._search.images_of
            results = self._single_cmc[queries], self._single_reciprocal[queries]
            in_threads(
                partial(close_single_shot, block.tally, images_of, kind, block.start, results), rows
            )

    def settle(self, query: int, distances: npt.NDArray[np.floating], valid: Int) -> None:
        """Find the nearest of a query among all its distances.

        Args:
            query: The query.
            distances: (G,), exact.
            valid: Indices of the gallery images that are not junk, ascending.
        """
        few = min(TOP, len(valid))
        bound = np.partition(distances[valid], few - 1)[few - 1]
        near = valid[distances[valid] <= bound]
        near = near[np.argsort(distances[near], kind="stable")][:TOP]
        self._top_index[query, :few] = near
        self._top_distance[query, :few] = distances[near]

    def evidence(self) -> Evidence:
        """Return the whole."""
        return Evidence(
            offsets=self._search.offsets,
            nearer=self._nearer,
            equal=self._equal,
            valid=self._search.valid,
            identities=self._search.identities,
            top_index=self._top_index,
            top_distance=_narrowed(self._top_distance),
            single_cmc=self._single_cmc,
            single_reciprocal=self._single_reciprocal,
        )


def _narrowed(distances: npt.NDArray[np.float64]) -> npt.NDArray[np.floating]:
    """Return distances in float32 where that is what they are, as reference distances do."""
    narrow = distances.astype(np.float32)
    return narrow if np.array_equal(narrow, distances, equal_nan=True) else distances
