"""Distances after k-reciprocal re-ranking, some queries at a time.

    d* = (1 - lambda) d_J + lambda d

d_J is the Jaccard distance of the k-reciprocal features of a query and a gallery image,
and d their distance, each as `harness.evaluation.rerank.variants` says. The features are sparse and
only query x gallery rows are ever made, so memory is that of the lists and of some rows, where the
released codes hold several N x N matrices.

Axes: Q queries, G gallery images, N images that take part, A x G one block of rows.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np
from scipy import sparse

from harness.errors import UsageError
from harness.evaluation.exact import Float, Float32, exact_distances
from harness.evaluation.inputs import Side, check_features, prepare
from harness.evaluation.nearness import MEMORY
from harness.evaluation.rerank.encoding import Index, Matrix, encode
from harness.evaluation.rerank.neighbours import Int, find_neighbours, join
from harness.evaluation.rerank.variants import RerankVariant
from harness.types.method import Distance

_ROWS, _COLUMNS = 256, 2048  # of a piece whose distances are computed at a time


@dataclass
class Reranked:
    """The re-ranked distances of features, (Q, G), computed when asked for; smaller is nearer.

    Construction finds the neighbours of everybody and encodes them. In a variant where junk does
    not take part, its columns hold distances of no meaning: junk is passed over in ranking.

    Attributes:
        query: The images to search for.
        gallery: The images to search in.
        variant: Whose re-ranking.
        distance: `euclidean` or `cosine`.
        k1: Neighbours that have to find each other.
        k2: Neighbours whose features are averaged; 1 for none.
        lambda_: The weight of the original distance, from 0 to 1.
        max_memory: Bytes for a block of distances while neighbours are found, beside the features
            and what is kept of each image; changes time, never the result.

    Raises:
        DataError: If the sides do not fit together.
        TrainingError: If features are not finite, or have no direction under `cosine`.
        UsageError: If a setting is out of range, or there is no such distance.
    """

    query: Side
    gallery: Side
    _: KW_ONLY
    variant: RerankVariant
    distance: Distance
    k1: int = 20
    k2: int = 6
    lambda_: float = 0.3
    max_memory: int = MEMORY

    def __post_init__(self) -> None:
        """Check, find neighbours, encode."""
        for name in ("k1", "k2", "max_memory"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}.", f"Give {name} of 1 or more.")
        if not 0 <= self.lambda_ <= 1:
            raise UsageError(f"lambda is {self.lambda_}.", "Give a lambda from 0 to 1.")
        check_features(self.query, self.gallery, self.distance)
        self._query = prepare(self.query, "query", self.distance)
        self._gallery = prepare(self.gallery, "gallery", self.distance)
        self._members = np.flatnonzero((self.gallery.pids >= 0) | self.variant.junk)
        self._everybody = join(self._query, self._gallery, self._members)
        depth = self.variant.depth(self.k1, self.k2)
        found = find_neighbours(self._everybody, self.distance, depth, self.max_memory)
        self._farthest = found.farthest.astype(np.float64)
        features = encode(found.lists, self.k1, self.k2, self._weight_distances)
        self._query_features = features[: self.shape[0]]
        self._gallery_features = features[self.shape[0] :].tocsc()

    @property
    def shape(self) -> tuple[int, int]:
        """Queries and gallery images, (Q, G)."""
        return len(self.query.pids), len(self.gallery.pids)

    def rows(self, queries: slice) -> Float:
        """Return the re-ranked distances of some queries, (A, G)."""
        images = np.arange(*queries.indices(self.shape[0]))
        rows = np.empty((len(images), self.shape[1]))
        for at in range(0, self.shape[1], _COLUMNS):
            self._mix_in(rows[:, at : at + _COLUMNS], images, slice(at, at + _COLUMNS))
        rows *= self.lambda_
        for row, q in zip(rows, images.tolist(), strict=True):
            jaccard = np.ones(len(row))
            jaccard[self._members] = jaccard_distances(
                self._query_features, q, self._gallery_features
            )
            row += (1 - self.lambda_) * jaccard
        return rows

    def _mix_in(self, rows: Float, queries: Int, columns: slice) -> None:
        """Write the distances of some queries and columns as lambda mixes them in."""
        y = self._gallery.rows(columns)
        raw = not self.variant.scaled and self.distance == "cosine"
        for at in range(0, len(queries), _ROWS):
            some = queries[at : at + _ROWS]
            reference = exact_distances(self._query.rows(some), y, self.distance)
            rows[at : at + _ROWS] = reference if raw else self._original(some[:, None], reference)

    def _weight_distances(self, image: int, others: Index) -> Float:
        """Return the distances of one image to others, (n,), as the weights take them."""
        x = self._everybody.rows(slice(image, image + 1))
        y = self._everybody.rows(others.astype(np.int64))
        return self._original(np.array(image), exact_distances(x, y, self.distance)[0])

    def _original(self, images: Int, reference: Float32) -> Float:
        """Return distances of the variant from reference distances; of images that broadcast."""
        squared = _squared(reference.astype(np.float64), self.distance)
        if self.variant.scaled:
            largest = _squared(self._farthest[images], self.distance)
            squared /= np.where(largest > 0, largest, 1)
        squared **= self.variant.power
        return squared


def jaccard_distances(query: Matrix, q: int, gallery: sparse.csc_array[np.float64]) -> Float:
    """Return the Jaccard distance of one query to all, (G,): 1 - sum min / sum max.

    Features sum to 1, so that the sum of the larger values is 2 less that of the smaller ones.

    Args:
        query: (Q, N), features V.
        q: The query.
        gallery: (G, N), features V by columns, so that only images that share a column are read.
    """
    own = slice(query.indptr[q], query.indptr[q + 1])
    columns, values = query.indices[own], query.data[own]
    lengths = np.diff(gallery.indptr)[columns]
    starts = gallery.indptr[columns]
    skipped = starts - (np.cumsum(lengths) - lengths)
    at = np.repeat(skipped, lengths) + np.arange(lengths.sum())
    smaller = np.minimum(np.repeat(values, lengths), gallery.data[at])
    shared = np.bincount(gallery.indices[at], weights=smaller, minlength=gallery.shape[0])
    return np.maximum(1 - shared / (2 - shared), 0)


def _squared(reference: Float, distance: Distance) -> Float:
    """Return |u - v|^2 of reference distances."""
    return 2 * reference if distance == "cosine" else reference**2
