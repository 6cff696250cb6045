"""All valid pairs of a query and a gallery image, a block of queries at a time.

For what needs the distances themselves: verification, and single-shot by draws. The matrix is never
held.

Axes: Q queries, G gallery images, A queries of a block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.definitions.rules import Rule
from harness.errors import DataError
from harness.evaluation.inputs import Labels, check_distances, check_queries
from harness.evaluation.rows import DistanceRows

Bool = npt.NDArray[np.bool_]

MEMORY = 2**28  # bytes of working memory, where nothing else is said

_BYTES_PER_PAIR = 32  # distances, masks, and a sorted copy of the negatives


@dataclass(frozen=True, slots=True)
class PairBlock:
    """The pairs of some queries with the whole gallery; each array (A, G).

    Attributes:
        queries: Which queries.
        distances: Smaller is nearer.
        match: Whether the image is a true match.
        negative: Whether it is a valid image of another identity.
    """

    queries: slice
    distances: npt.NDArray[np.floating]
    match: Bool
    negative: Bool


def stream(
    distances: DistanceRows, query: Labels, gallery: Labels, *, rule: Rule, max_memory: int = MEMORY
) -> Iterator[PairBlock]:
    """Yield the pairs of all queries, block by block.

    Args:
        distances: Of each query to each gallery image.
        query: Who is searched for, all with an identity above 0.
        gallery: Who is searched in.
        rule: What is junk.
        max_memory: Bytes of working memory; at least one query at a time.

    Raises:
        DataError: If shapes and labels disagree, a query has no identity, or a distance is NaN.
    """
    check_distances(distances.shape, query, gallery)
    check_queries(query)
    size = max(1, max_memory // (_BYTES_PER_PAIR * len(gallery.pids)))
    for start in range(0, len(query.pids), size):
        queries = slice(start, min(start + size, len(query.pids)))
        rows = distances.rows(queries)
        if np.isnan(rows).any():
            raise DataError(
                f"{np.isnan(rows).sum()} distances of queries {queries.start} to "
                f"{queries.stop - 1} are NaN.",
                "Compute the distances again; features that hold NaN give such distances.",
            )
        block = Labels(query.pids[queries], query.camids[queries])
        match, negative = masks(block, gallery, rule)
        yield PairBlock(queries, rows, match, negative)


def masks(query: Labels, gallery: Labels, rule: Rule) -> tuple[Bool, Bool]:
    """Return which images are true matches and which are negatives of each query, both (A, G)."""
    same: Bool = query.pids[:, None] == gallery.pids
    by_own_camera = query.camids[:, None] == gallery.camids
    valid = np.broadcast_to(gallery.pids >= 0, same.shape)
    if rule.junk == "same-camera":
        valid = valid & ~by_own_camera
    if rule.junk == "same-camera-match":
        valid = valid & ~(by_own_camera & same)
    return same & valid, ~same & valid
