"""The loops of ranking, compiled: count what lies before each true match, keep the nearest.

A tile holds the nearness of A queries to B gallery images: larger is nearer. It may be off by the
error of a float32 product (`harness.evaluation.product`), so each query has a *margin*: two values
that differ by more are in the order of their reference distances. The others are looked at again:
by a float64 product, whose margin is a thousandth, and where that leaves doubt by the reference
distances themselves. Where a tile is *exact* it is the truth, and equal values are ties.

Every loop writes to the rows `rows[0]` to `rows[1]` and to nothing else, so threads share the
arrays without locks and the result does not depend on their number. What the loops call is in this
file, since a compiled loop that is kept on disk is renewed when its own file changes, no other.

Axes: A queries of a block, B gallery images of a tile, m true matches of the block.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from harness.evaluation.tables import (
    NO_CAMERA,
    SAME_CAMERA,
    SAME_CAMERA_MATCH,
    TOP,
    Block,
    Gallery,
    Tile,
)

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]

_NO_CAMERA_AT_ALL = np.iinfo(np.int64).min


@njit(cache=True, nogil=True)
def reference_distance(u: Float, v: npt.NDArray[np.floating], length: float, cosine: bool) -> float:
    """Return the reference distance of u, (d,), and of v / length, (d,): rounded to float32."""
    squared = 0.0
    for i in range(len(u)):
        difference = u[i] - v[i] / length
        squared += difference * difference
    return float(np.float32(squared / 2 if cosine else np.sqrt(squared)))


@njit(cache=True, nogil=True)
def count_tile(tile: Tile, gallery: Gallery, block: Block, rows: tuple[int, int]) -> None:
    """Count the images of a tile for the queries of some rows.

    Args:
        tile: Products; made nearness in place.
        gallery: What is known of the gallery.
        block: The queries; what is counted is added to it.
        rows: The first row, and the one after the last.
    """
    size = tile.values.shape[1]
    scale = gallery.scale[tile.begin : tile.begin + size]
    bias = gallery.bias[tile.begin : tile.begin + size]
    candidates = np.empty(size, dtype=np.int64)
    for a in range(rows[0], rows[1]):
        _to_nearness(tile.values[a], scale, bias)
        first, last = block.start[a], block.start[a + 1]
        lowest = block.cut[first] - block.margin[a] if last > first else np.inf
        found = _at_least(tile.values[a], min(lowest, block.floor[a]), candidates)
        _keep_nearest(tile, candidates[:found], gallery, block, a)
        if last > first:
            _count_negatives(tile, candidates[:found], gallery, block, a)


@njit(cache=True, nogil=True)
def _to_nearness(
    values: npt.NDArray[np.floating],
    scale: npt.NDArray[np.float32],
    bias: npt.NDArray[np.float32],
) -> None:
    for c in range(len(values)):
        values[c] = values[c] * scale[c] - bias[c]


@njit(cache=True, nogil=True)
def _at_least(values: npt.NDArray[np.floating], bound: float, found: Int) -> int:
    """Write the places of the values of at least a bound, ascending, and return how many."""
    n = 0
    for c in range(len(values)):
        found[n] = c
        n += values[c] >= bound
    return n


@njit(cache=True, nogil=True)
def _count_negatives(tile: Tile, candidates: Int, gallery: Gallery, block: Block, a: int) -> None:
    """Count the negatives among some images before the matches that they are nearer than.

    Arrays have names of their own in the loop: reaching into a tuple there costs more than the
    work. The images in doubt are put first among the candidates and looked at again at the end.
    """
    values, cut, bins, tally = tile.values[a], block.cut, block.bins, block.tally
    pids, camids, column = gallery.pids, gallery.camids, gallery.column
    pid, margin, begin = block.pids[a], block.margin[a], tile.begin
    junk_camera = block.camids[a] if block.junk == SAME_CAMERA else _NO_CAMERA_AT_ALL
    first, last = block.start[a], block.start[a + 1]
    doubtful = 0
    for k in range(len(candidates)):
        c = candidates[k]
        j = begin + c
        if pids[j] == pid or pids[j] < 0 or camids[j] == junk_camera:
            continue
        before = _first_not_below(cut, first, last, values[c] - margin)
        # Each earlier query has one bin more than matches, so bin k of this one is a + first + k.
        bins[a + before] += 1
        if tally.size:
            tally[a + before, column[j]] += 1
        if before < last and cut[before] <= values[c] + margin:
            candidates[doubtful] = c
            doubtful += 1
    if block.exact:
        _count_ties(tile, candidates[:doubtful], gallery, block, a)
    else:
        _look_again(tile, candidates[:doubtful], gallery, block, a)


@njit(cache=True, nogil=True)
def _first_not_below(values: npt.NDArray[np.floating], first: int, last: int, bound: float) -> int:
    """Return the first place from first to last whose value is not below a bound; they ascend."""
    while first < last:
        middle = (first + last) // 2
        if values[middle] < bound:
            first = middle + 1
        else:
            last = middle
    return first


@njit(cache=True, nogil=True)
def _count_ties(tile: Tile, tied: Int, gallery: Gallery, block: Block, a: int) -> None:
    """Count negatives at the distance of some matches, by an exact tile."""
    first, last = block.start[a], block.start[a + 1]
    for c in tied:
        value = tile.values[a, c]
        i = _first_not_below(block.cut, first, last, value)
        while i < last and block.cut[i] == value:
            _add_before_one(block, a, i, gallery.column[tile.begin + c], 0)
            i += 1


@njit(cache=True, nogil=True)
def _look_again(tile: Tile, doubtful: Int, gallery: Gallery, block: Block, a: int) -> None:
    """Compare negatives with the matches within the margin: by a float64 product, else exactly."""
    cut, fine, match = block.cut, block.fine, block.match
    u, features, lengths, half = block.features[a], gallery.features, gallery.lengths, gallery.half
    margin, fine_margin, last = block.margin[a], block.fine_margin[a], block.start[a + 1]
    for c in doubtful:
        value, j = tile.values[a, c], tile.begin + c
        nearness = _dot(u, features[j]) / lengths[j] - half[j]
        distance = np.nan
        i = _first_not_below(cut, block.start[a], last, value - margin)
        while i < last and cut[i] <= value + margin:
            if np.isnan(fine[i]):
                fine[i] = _dot(u, features[match[i]]) / lengths[match[i]] - half[match[i]]
            order = int(nearness - fine[i] < -fine_margin) - int(nearness - fine[i] > fine_margin)
            if order == 0:
                distance = _distance(gallery, block, a, j) if np.isnan(distance) else distance
                order = _compare(distance, gallery, block, a, i)
            if order <= 0:
                _add_before_one(block, a, i, gallery.column[j], order)
            block.referred[a] += 1
            i += 1


@njit(cache=True, nogil=True)
def _add_before_one(block: Block, a: int, i: int, column: int, order: int) -> None:
    """Count a negative before match i alone, or at its distance where `order` is 0.

    What is added to one bin is taken from the one below, so that it cancels for all other matches.
    """
    if order < 0:
        block.bins[a + i + 1] += 1
        block.bins[a + i] -= 1
    else:
        block.equal[i] += 1
    if block.tally.size:
        block.tally[a + i + 1, column] += 1
        block.tally[a + i, column] -= 1


@njit(cache=True, nogil=True)
def _compare(distance: float, gallery: Gallery, block: Block, a: int, i: int) -> int:
    """Return the sign of a reference distance less that of match i."""
    if np.isnan(block.distance[i]):
        block.distance[i] = _distance(gallery, block, a, block.match[i])
    return int(distance > block.distance[i]) - int(distance < block.distance[i])


@njit(cache=True, nogil=True)
def _distance(gallery: Gallery, block: Block, a: int, j: int) -> float:
    u, v = block.features[a], gallery.features[j]
    distance: float = reference_distance(u, v, gallery.lengths[j], block.cosine)
    return distance


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _dot(u: Float, v: npt.NDArray[np.floating]) -> float:
    """Return u.v accumulated in float64, in any order: the margin covers it."""
    total = 0.0
    for d in range(len(u)):
        total += u[d] * v[d]
    return total


@njit(cache=True, nogil=True)
def _keep_nearest(tile: Tile, candidates: Int, gallery: Gallery, block: Block, a: int) -> None:
    """Put those of some images that may be among the nearest to the others that may be."""
    values, floor = tile.values[a], block.floor
    for c in candidates:
        if values[c] >= floor[a] and not _is_junk(gallery, block, a, tile.begin + c):
            _keep(block, a, values[c], tile.begin + c)


@njit(cache=True, nogil=True)
def _is_junk(gallery: Gallery, block: Block, a: int, j: int) -> bool:
    if gallery.pids[j] < 0:
        return True
    if block.junk == NO_CAMERA or (
        block.junk == SAME_CAMERA_MATCH and gallery.pids[j] != block.pids[a]
    ):
        return False
    return bool(gallery.camids[j] == block.camids[a])


@njit(cache=True, nogil=True)
def _keep(block: Block, a: int, value: float, j: int) -> None:
    """Put an image among the nearest; make room first where all places are taken."""
    places = block.near.shape[1]
    if block.kept[a] == places:
        _drop_far(block, a)
        if block.kept[a] == places:  # all of them may be: too many to tell apart here
            block.kept[a] = -1
            block.floor[a] = np.inf
        if value < block.floor[a]:
            return
    block.near[a, block.kept[a]] = value
    block.near_index[a, block.kept[a]] = j
    block.kept[a] += 1


@njit(cache=True, nogil=True)
def _drop_far(block: Block, a: int) -> None:
    """Drop what is certainly not among the nearest, and raise the floor to that."""
    n = block.kept[a]
    if n < TOP:
        return
    block.floor[a] = np.sort(block.near[a, :n])[n - TOP] - block.margin[a]
    kept = 0
    for w in range(n):
        if block.near[a, w] >= block.floor[a]:
            block.near[a, kept] = block.near[a, w]
            block.near_index[a, kept] = block.near_index[a, w]
            kept += 1
    block.kept[a] = kept


@njit(cache=True, nogil=True)
def close_rows(
    gallery: Gallery, block: Block, nearer: Int, near: tuple[Int, Float], rows: tuple[int, int]
) -> None:
    """Turn the bins of some rows into counts, nearest match first, and measure their nearest.

    Args:
        gallery: What is known of the gallery.
        block: The queries; `equal` is put in the order of `nearer`.
        nearer: (m,), where the negatives nearer than each match are written.
        near: Gallery index and distance of what may be among the nearest, (A, W) each, where they
            are written in no order.
        rows: The first row, and the one after the last.
    """
    index, distance = near
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
        _drop_far(block, a)
        for w in range(block.kept[a]):
            j = block.near_index[a, w]
            index[a, w] = j
            distance[a, w] = -block.near[a, w] if block.exact else _distance(gallery, block, a, j)
