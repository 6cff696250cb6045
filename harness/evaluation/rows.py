"""Distances, some rows at a time: of a matrix at hand, or the reference distances of features."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from harness.evaluation.exact import exact_distances
from harness.evaluation.inputs import PreparedSide, Side, check_features, prepare, widened
from harness.types.method import Distance


class DistanceRows(Protocol):
    """Whatever gives the distances of a few queries to the whole gallery at a time."""

    @property
    def shape(self) -> tuple[int, int]:
        """Queries and gallery images, (Q, G)."""
        ...

    def rows(self, queries: slice) -> npt.NDArray[np.floating]:
        """Return the distances of some queries, (A, G), float32 or float64; smaller is nearer."""
        ...


class MatrixRows:
    """The rows of a distance matrix, (Q, G), in memory or mapped from a file."""

    def __init__(self, matrix: npt.NDArray[np.floating]) -> None:
        self._matrix = matrix

    @property
    def shape(self) -> tuple[int, int]:
        """Queries and gallery images, (Q, G)."""
        queries, gallery = self._matrix.shape
        return queries, gallery

    def rows(self, queries: slice) -> npt.NDArray[np.floating]:
        """Return the distances of some queries, (A, G), in a type that holds them."""
        return widened(np.asarray(self._matrix[queries]))


class ExactRows:
    """The reference distances of features, computed when asked for.

    Args:
        query: The images to search for.
        gallery: The images to search in.
        distance: `euclidean` or `cosine`.
    """

    def __init__(self, query: PreparedSide, gallery: PreparedSide, distance: Distance) -> None:
        self._query, self._gallery, self._distance = query, gallery, distance

    @classmethod
    def of(cls, query: Side, gallery: Side, distance: Distance) -> ExactRows:
        """Return the rows of two sides.

        Raises:
            DataError: If the sides do not fit together.
            TrainingError: If features are not finite, or have no direction under `cosine`.
            UsageError: If there is no such distance.
        """
        check_features(query, gallery, distance)
        sides = prepare(query, "query", distance), prepare(gallery, "gallery", distance)
        return cls(*sides, distance)

    @property
    def shape(self) -> tuple[int, int]:
        """Queries and gallery images, (Q, G)."""
        return len(self._query.features), len(self._gallery.features)

    def rows(self, queries: slice) -> npt.NDArray[np.float32]:
        """Return the reference distances of some queries, (A, G)."""
        start, stop, _ = queries.indices(self.shape[0])
        distances = np.empty((stop - start, self.shape[1]), dtype=np.float32)
        step = max(_BYTES // (8 * self._gallery.features.shape[1]), 1)
        for at in range(0, self.shape[1], step):
            gallery = self._gallery.rows(slice(at, at + step))
            for first in range(start, stop, _ROWS):
                some = slice(first, min(first + _ROWS, stop))
                distances[some.start - start : some.stop - start, at : at + step] = exact_distances(
                    self._query.rows(some), gallery, self._distance
                )
        return distances


_BYTES = 2**23  # of gallery features in float64 at a time
_ROWS = 256  # queries at a time
