"""The nearest images of every image, queries and gallery together, and how far its farthest is.

Everybody is compared with everybody by a float32 product, some rows at a time. Its margin
(`harness.evaluation.product`) leaves a few images of a row that may be among the nearest, or the
farthest; their reference distances decide. Equal distances are ordered by index.

Axes: N images, d dimensions, A rows of a block, K neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.evaluation.exact import exact_distances
from harness.evaluation.inputs import Labels, PreparedSide
from harness.evaluation.product import Product, ProductBlock
from harness.types.method import Distance

Int = npt.NDArray[np.int64]
Index = npt.NDArray[np.int32]
Float32 = npt.NDArray[np.float32]

_MOST_ROWS = 1024  # of a block: more do not make a product faster
_TILE = 4096  # columns that are multiplied at a time


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The neighbours of everybody.

    Attributes:
        lists: (N, K), of each image the K nearest, itself among them, nearest first.
        farthest: (N,), the reference distance of its farthest image.
    """

    lists: Index
    farthest: Float32


def join(query: PreparedSide, gallery: PreparedSide, members: Int) -> PreparedSide:
    """Return the queries and some gallery images as one side of N images.

    Args:
        query: The queries, images 0 to Q - 1.
        gallery: The gallery.
        members: (N - Q,), gallery indices.
    """
    size = len(query.features) + len(members)
    kind = np.result_type(query.features, gallery.features)
    features = np.empty((size, query.features.shape[1]), dtype=kind)
    features[: len(query.features)] = query.features
    np.take(gallery.features, members, axis=0, out=features[len(query.features) :], mode="clip")
    return PreparedSide(
        features,
        np.concatenate([query.lengths, gallery.lengths[members]]),
        np.concatenate([query.scale, gallery.scale[members]]),
        Labels(
            np.concatenate([query.labels.pids, gallery.labels.pids[members]]),
            np.concatenate([query.labels.camids, gallery.labels.camids[members]]),
        ),
    )


def find_neighbours(
    everybody: PreparedSide, distance: Distance, depth: int, max_memory: int
) -> Neighbours:
    """Return the lists of all images, each of min(depth, N) images.

    Args:
        everybody: The N images.
        distance: `euclidean` or `cosine`.
        depth: How long the lists are to be.
        max_memory: Bytes for a block of rows; changes time, never the result.
    """
    size = len(everybody.features)
    lists = np.empty((size, min(depth, size)), dtype=np.int32)
    farthest = np.empty(size, dtype=np.float32)
    for image, columns in _candidates(everybody, distance, lists.shape[1], max_memory):
        x, y = everybody.rows(slice(image, image + 1)), everybody.rows(columns)
        reference = exact_distances(x, y, distance)[0]
        nearest = np.argsort(reference, kind="stable")[: lists.shape[1]]
        lists[image] = columns[nearest]
        farthest[image] = reference.max()
    return Neighbours(lists, farthest)


def _candidates(
    everybody: PreparedSide, distance: Distance, count: int, max_memory: int
) -> Iterator[tuple[int, Int]]:
    """Yield each image with those, ascending, that may be among its `count` nearest or farthest."""
    size = len(everybody.features)
    product = Product(everybody, everybody, distance)
    step = min(max(max_memory // (8 * size), 1), _MOST_ROWS)  # a row of nearness, and its copy
    for start in range(0, size, step):
        block = product.open(slice(start, min(start + step, size)))
        for a, columns in enumerate(_candidates_of(block, product, count)):
            yield start + a, columns


def _candidates_of(block: ProductBlock, product: Product, count: int) -> Iterator[Int]:
    """Yield the candidates of each image of a block."""
    nearness = _nearness(block, product)
    place = nearness.shape[1] - count
    last = np.partition(nearness, place, axis=1)[:, place].copy()
    for row, nth, margin in zip(nearness, last, block.margin, strict=True):
        yield np.flatnonzero((row >= nth - margin) | (row <= row.min() + margin))


def _nearness(block: ProductBlock, product: Product) -> Float32:
    """Return the nearness of some images to all, (A, N): larger is nearer."""
    rows, size = len(block.features), len(product.scale)
    nearness = np.empty((rows, size), dtype=np.float32)
    for start in range(0, size, _TILE):
        part = slice(start, min(start + _TILE, size))
        products = block.features @ product.part(part).T
        nearness[:, part] = products * product.scale[part] - product.bias[part]
    return nearness
