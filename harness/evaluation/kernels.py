"""The loops of ranking, compiled: count what lies before each true match, keep the nearest.

A tile holds the nearness of A queries to B gallery images: larger is nearer. It may be off by the
error of a float32 product (`harness.evaluation.product`), so each query has a *margin*: two values
that differ by more are in the order of their reference distances, and of the others the reference
distances are computed here, once for a match and once for each image beside it. Where a tile is
*exact* it is the truth, and equal values are ties.

Every loop runs over the rows `first` to `last` and writes to nothing else, so threads share the
arrays without locks and the result does not depend on their number.

Axes: A queries of a block, B gallery images of a tile, m true matches of the block, I gallery
identities, W places for the nearest.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]

SAME_CAMERA_MATCH, SAME_CAMERA, NO_CAMERA = 0, 1, 2
"""What is junk, as the loops know it."""

PLACES = 64  # W: the nearest by the tile, with those that the margin leaves in doubt


class Gallery(NamedTuple):
    """What the loops know of every gallery image, each (G,); `features` is (G, d).

    Attributes:
        features: As given, float32 or float64; (0, 0) where a tile is the truth.
        lengths: By which the features are divided.
        scale: A product is multiplied by this and lessened by `bias` to be a nearness.
        bias: As above.
        pids: Identities.
        camids: Cameras.
        column: Of the identity in a tally: its place among the identities, or I for a distractor.
    """

    features: npt.NDArray[np.floating]
    lengths: Float
    scale: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    pids: Int
    camids: Int
    column: Int


class Block(NamedTuple):
    """A block of queries and what has been counted for it.

    Attributes:
        features: (A, d), divided by their lengths.
        pids: (A,).
        camids: (A,).
        junk: What is junk.
        cosine: Whether the reference distance is the cosine one.
        exact: Whether tiles are the truth.
        margin: (A,), in the unit of the tile; 0 where it is exact.
        start: (A + 1,), the matches of query a are start[a]:start[a + 1].
        match: (m,), gallery index of each match, by its nearness in the tile, ascending.
        cut: (m,), nearness of each match.
        distance: (m,), reference distance of a match, NaN until it is needed.
        bins: (m + A,), negatives that lie before so many matches of a query: n + 1 bins for n.
        equal: (m,), negatives at the reference distance of a match.
        tally: (m + A, I + 1), as `bins`, by identity and with equal ones; (0, 0) where not asked.
        referred: (A,), comparisons that went to the reference.
        near: (A, W), nearness of what may be among the nearest.
        near_index: (A, W), its gallery index.
        kept: (A,), how many of the W places are taken; -1 where they did not suffice.
        floor: (A,), what is below is not among the nearest.
    """

    features: Float
    pids: Int
    camids: Int
    junk: int
    cosine: bool
    exact: bool
    margin: Float
    start: Int
    match: Int
    cut: npt.NDArray[np.floating]
    distance: Float
    bins: Int
    equal: Int
    tally: npt.NDArray[np.int32]
    referred: Int
    near: npt.NDArray[np.floating]
    near_index: Int
    kept: Int
    floor: Float


@njit(cache=True, nogil=True)
def reference_distance(u: Float, v: npt.NDArray[np.floating], length: float, cosine: bool) -> float:
    """Return the reference distance of u, (d,), and of v / length, (d,): rounded to float32."""
    squared = 0.0
    for i in range(len(u)):
        difference = u[i] - v[i] / length
        squared += difference * difference
    return float(np.float32(squared / 2 if cosine else np.sqrt(squared)))


@njit(cache=True, nogil=True)
def count_tile(
    tile: npt.NDArray[np.floating],
    begin: int,
    gallery: Gallery,
    block: Block,
    top: int,
    rows: tuple[int, int],
) -> None:
    """Count the images of a tile for the queries of some rows.

    Args:
        tile: (A, B), products; made nearness in place.
        begin: The gallery index of its first column.
        gallery: What is known of the gallery.
        block: The queries; what is counted is added to it.
        top: How many nearest images are wanted.
        rows: The first row, and the one after the last.
    """
    candidates = np.empty(tile.shape[1], dtype=np.int64)
    stop = begin + tile.shape[1]
    for a in range(rows[0], rows[1]):
        _to_nearness(tile[a], gallery.scale[begin:stop], gallery.bias[begin:stop])
        first, last = block.start[a], block.start[a + 1]
        lowest = block.cut[first] - block.margin[a] if last > first else np.inf
        wanted = min(lowest, block.floor[a]) if top > 0 else lowest
        for c in candidates[: _at_least(tile[a], wanted, candidates)]:
            j = begin + c
            own = gallery.pids[j] == block.pids[a]
            if _is_junk(gallery, block, a, j, own):
                continue
            if top > 0 and tile[a, c] >= block.floor[a]:
                _keep(block, a, tile[a, c], j, top)
            if not own and tile[a, c] >= lowest:
                _count(tile[a, c], j, gallery, block, a)


@njit(cache=True, nogil=True)
def _to_nearness(
    values: npt.NDArray[np.floating],
    scale: npt.NDArray[np.float32],
    bias: npt.NDArray[np.float32],
) -> None:
    for c in range(len(values)):
        values[c] = values[c] * scale[c] - bias[c]


@njit(cache=True, nogil=True, fastmath=True)
def match_products(
    query: npt.NDArray[np.float32],
    features: npt.NDArray[np.floating],
    start: Int,
    match: Int,
    products: npt.NDArray[np.floating],
    rows: tuple[int, int],
) -> None:
    """Write the product of each query of some rows and each of its matches, (m,).

    Summed in any order: the margin covers it.
    """
    for a in range(rows[0], rows[1]):
        for i in range(start[a], start[a + 1]):
            total = np.float32(0)
            row = features[match[i]]
            for d in range(len(row)):
                total += query[a, d] * np.float32(row[d])
            products[i] = total


@njit(cache=True, nogil=True)
def squared_lengths(
    features: npt.NDArray[np.floating], squared: Float, rows: tuple[int, int]
) -> None:
    """Write the squared length of each feature of some rows, (N,), accumulated in float64.

    Always in the same four partial sums, so that it is the same on every machine.
    """
    d = features.shape[1]
    whole = d - d % 4
    for n in range(rows[0], rows[1]):
        row = features[n]
        s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
        for i in range(0, whole, 4):
            x0, x1 = np.float64(row[i]), np.float64(row[i + 1])
            x2, x3 = np.float64(row[i + 2]), np.float64(row[i + 3])
            s0 += x0 * x0
            s1 += x1 * x1
            s2 += x2 * x2
            s3 += x3 * x3
        for i in range(whole, d):
            s0 += np.float64(row[i]) * np.float64(row[i])
        squared[n] = (s0 + s1) + (s2 + s3)


@njit(cache=True, nogil=True)
def _at_least(values: npt.NDArray[np.floating], bound: float, found: Int) -> int:
    """Write the places of the values of at least a bound, ascending, and return how many."""
    n = 0
    for c in range(len(values)):
        found[n] = c
        n += values[c] >= bound
    return n


@njit(cache=True, nogil=True)
def _is_junk(gallery: Gallery, block: Block, a: int, j: int, own: bool) -> bool:
    if gallery.pids[j] < 0:
        return True
    if block.junk == NO_CAMERA or (block.junk == SAME_CAMERA_MATCH and not own):
        return False
    return bool(gallery.camids[j] == block.camids[a])


@njit(cache=True, nogil=True)
def _count(value: float, j: int, gallery: Gallery, block: Block, a: int) -> None:
    """Count a negative before the matches that it is nearer than; refer what is in doubt."""
    first, last = block.start[a], block.start[a + 1]
    margin = block.margin[a]
    before = first + np.searchsorted(block.cut[first:last], value - margin)
    own_bins = first + a  # each earlier query has one bin more than matches
    block.bins[own_bins + before - first] += 1
    column = gallery.column[j] if block.tally.size else -1
    if column >= 0:
        block.tally[own_bins + before - first, column] += 1
    distance = np.nan
    for i in range(before, last):
        if block.cut[i] > value + margin:
            break
        order = 0  # of the negative and the match: -1 nearer, 0 equal, 1 farther
        if not block.exact:
            if np.isnan(distance):
                distance = reference_distance(
                    block.features[a], gallery.features[j], gallery.lengths[j], block.cosine
                )
            order = _compare(distance, i, gallery, block, a)
            block.referred[a] += 1
        if order < 0:  # before this match alone: the sums over later bins cancel for all others
            block.bins[a + i + 1] += 1
            block.bins[a + i] -= 1
        elif order == 0:
            block.equal[i] += 1
        if order <= 0 and column >= 0:
            block.tally[a + i + 1, column] += 1
            block.tally[a + i, column] -= 1


@njit(cache=True, nogil=True)
def _compare(distance: float, i: int, gallery: Gallery, block: Block, a: int) -> int:
    """Return the sign of a reference distance less that of match i."""
    if np.isnan(block.distance[i]):
        j = block.match[i]
        block.distance[i] = reference_distance(
            block.features[a], gallery.features[j], gallery.lengths[j], block.cosine
        )
    return int(distance > block.distance[i]) - int(distance < block.distance[i])


@njit(cache=True, nogil=True)
def _keep(block: Block, a: int, value: float, j: int, top: int) -> None:
    """Put an image among the nearest; make room first where all places are taken."""
    if block.kept[a] < 0:
        return
    if block.kept[a] == block.near.shape[1]:
        _make_room(block, a, top)
        if block.kept[a] < 0 or value < block.floor[a]:
            return
    block.near[a, block.kept[a]] = value
    block.near_index[a, block.kept[a]] = j
    block.kept[a] += 1


@njit(cache=True, nogil=True)
def _make_room(block: Block, a: int, top: int) -> None:
    """Drop what is certainly not among the nearest, and raise the floor; -1 where all may be."""
    n = block.kept[a]
    ordered = np.sort(block.near[a, :n])
    block.floor[a] = ordered[n - top] - block.margin[a]
    kept = 0
    for w in range(n):
        if block.near[a, w] >= block.floor[a]:
            block.near[a, kept] = block.near[a, w]
            block.near_index[a, kept] = block.near_index[a, w]
            kept += 1
    block.kept[a] = kept if kept < n else -1
    if kept == n:
        block.floor[a] = np.inf


@njit(cache=True, nogil=True)
def close_rows(
    gallery: Gallery, block: Block, nearer: Int, top: tuple[Int, Float], rows: tuple[int, int]
) -> None:
    """Turn the bins of some rows into counts, nearest match first, and order their nearest.

    Args:
        gallery: What is known of the gallery.
        block: The queries; `equal` is put in the order of `nearer`.
        nearer: (m,), where the negatives nearer than each match are written.
        top: Index and distance of the nearest, (A, TOP) each, where they are written.
        rows: The first row, and the one after the last.
    """
    for a in range(rows[0], rows[1]):
        first, last = block.start[a], block.start[a + 1]
        total = 0
        for i in range(last - 1, first - 1, -1):
            total += block.bins[a + i + 1]
            nearer[i] = total
        keys = nearer[first:last] * (len(gallery.pids) + 1.0) + block.equal[first:last]
        order = np.argsort(keys)
        nearer[first:last] = nearer[first:last][order]
        block.equal[first:last] = block.equal[first:last][order]
        if block.kept[a] >= 0:
            _order_nearest(gallery, block, a, top)


@njit(cache=True, nogil=True)
def _order_nearest(gallery: Gallery, block: Block, a: int, top: tuple[Int, Float]) -> None:
    """Order the kept images of a row by reference distance, equal ones by index."""
    index, distance = top
    for w in range(block.kept[a]):
        j, value = block.near_index[a, w], -block.near[a, w]
        if not block.exact:
            value = reference_distance(
                block.features[a], gallery.features[j], gallery.lengths[j], block.cosine
            )
        place = index.shape[1]
        while place > 0 and (
            index[a, place - 1] < 0
            or value < distance[a, place - 1]
            or (value == distance[a, place - 1] and j < index[a, place - 1])
        ):
            place -= 1
            if place + 1 < index.shape[1]:
                index[a, place + 1] = index[a, place]
                distance[a, place + 1] = distance[a, place]
        if place < index.shape[1]:
            index[a, place] = j
            distance[a, place] = value
