"""Distances, some rows at a time: of a matrix at hand, or the reference distances of features."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from harness.evaluation.exact import exact_distances
from harness.evaluation.inputs import PreparedSide, Side, check_features, prepare
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
        """Return the distances of some queries, (A, G); half precision is widened."""
        rows = np.asarray(self._matrix[queries])
        return rows if rows.dtype in (np.float32, np.float64) else rows.astype(np.float32)


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
        features = self._query.rows(queries)
        parts = [
            exact_distances(features, self._gallery.rows(slice(at, at + _BLOCK)), self._distance)
            for at in range(0, self.shape[1], _BLOCK)
        ]
        return np.concatenate(parts, axis=1)


_BLOCK = 4096  # gallery features in float64 at a time
