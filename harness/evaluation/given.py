"""Nearness of distances that are at hand: their negatives, which are the truth.

Axes: A queries of a block, G gallery images, m matches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import DataError
from harness.evaluation.nearness import Fill
from harness.evaluation.rows import DistanceRows

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]


class Given:
    """The nearness of rows of distances.

    Attributes:
        exact: True: equal distances are ties.
        scale: (G,), -1: a distance times this...
        bias: (G,), ...less this, 0, is a nearness.
    """

    exact = True
    dtype: type[np.float32] | type[np.float64] = np.float64
    cosine = False  # and no features: nothing goes to a reference
    features: tuple[npt.NDArray[Any], Float, Float] = np.zeros((0, 0)), np.zeros(0), np.zeros(0)

    def __init__(self, distances: DistanceRows) -> None:
        self._distances = distances
        self.width = distances.shape[1]
        self.scale = np.full(self.width, -1, dtype=np.float32)
        self.bias = np.zeros(self.width, dtype=np.float32)

    @property
    def fixed_bytes(self) -> int:
        """Working memory whatever the queries: that of whoever makes the rows."""
        return 0

    @property
    def bytes_per_query(self) -> int:
        """Working memory for one query: its row as it is made, as it comes, and in float64."""
        return 24 * self.width

    def open(self, queries: slice) -> GivenBlock:
        """Return the rows of some queries.

        Raises:
            DataError: If a distance is not a number.
        """
        rows = self._distances.rows(queries)
        broken = np.count_nonzero(np.isnan(rows) | (rows == -np.inf))
        if broken:
            raise DataError(
                f"{broken} distances of queries {queries.start} to {queries.stop - 1} are NaN or "
                "minus infinity.",
                "Compute the distances again; features that hold NaN give such distances.",
            )
        none = np.zeros(len(rows))
        return GivenBlock(rows, none, none, np.zeros((0, 0)))


@dataclass(frozen=True, slots=True)
class GivenBlock:
    """The distances of some queries, (A, G), with a margin of 0 and no features."""

    rows: npt.NDArray[np.floating]
    margin: Float
    fine_margin: Float
    reference: Float

    def fill(self, part: slice) -> Fill:
        """Return what copies the distances to a part of the gallery."""

        def fill(tile: npt.NDArray[np.floating], rows: tuple[int, int]) -> None:
            tile[slice(*rows)] = self.rows[slice(*rows), part]

        return fill

    def matches(self, start: Int, match: Int) -> npt.NDArray[np.floating]:
        """Return the nearness of each query and each of its matches, (m,)."""
        row = np.repeat(np.arange(len(self.rows)), np.diff(start))
        return -self.rows[row, match].astype(np.float64)
