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
    Room,
    Tile,
)

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]

_NO_CAMERA_AT_ALL = np.iinfo(np.int64).min


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
    room = Room(
        place=np.empty(size, dtype=np.int64),
        nearness=np.empty(size, dtype=tile.values.dtype),
        before=np.empty(size, dtype=np.int32),
        not_beyond=np.empty(size, dtype=np.int32),
    )
    for a in range(rows[0], rows[1]):
        values = tile.values[a]
        for c in range(size):
            values[c] = values[c] * scale[c] - bias[c]
        first, last = block.start[a], block.start[a + 1]
        lowest = block.cut[first] - block.margin[a] if last > first else np.inf
        found = _at_least(values, min(lowest, block.floor[a]), room.place)
        _keep_nearest(tile, room.place[:found], gallery, block, a)
        if last > first:
            _count_negatives(tile, found, room, gallery, block, a)


@njit(cache=True, nogil=True)
def _at_least(values: npt.NDArray[np.floating], bound: float, found: Int) -> int:
    """Write the places of the values of at least a bound, ascending, and return how many."""
    n = 0
    for c in range(len(values)):
        found[n] = c
        n += values[c] >= bound
    return n


@njit(cache=True, nogil=True)
def _count_negatives(
    tile: Tile, found: int, room: Room, gallery: Gallery, block: Block, a: int
) -> None:
    """Count the negatives among the candidates before the matches that they are nearer than."""
    place, bins, tally, column = room.place, block.bins, block.tally, gallery.column
    first = block.start[a]
    negatives = _sieve(tile, found, room, gallery, block, a)
    _compare_with_cuts(room, negatives, block.cut[first : block.start[a + 1]], block.margin[a])
    doubtful = 0
    for k in range(negatives):
        # Each earlier query has one bin more than matches, so bin k of this one is a + first + k.
        before = a + first + room.before[k]
        bins[before] += 1
        if tally.size:
            tally[before, column[tile.begin + place[k]]] += 1
        if room.not_beyond[k] > room.before[k]:
            place[doubtful] = place[k]
            room.before[doubtful] = room.before[k]
            room.not_beyond[doubtful] = room.not_beyond[k]
            doubtful += 1
    if block.exact:
        _count_ties(tile, room, doubtful, gallery, block, a)
    else:
        _look_again(tile, room, doubtful, gallery, block, a)


@njit(cache=True, nogil=True)
def _sieve(tile: Tile, found: int, room: Room, gallery: Gallery, block: Block, a: int) -> int:
    """Leave the negatives among the candidates, with their nearness, and return how many."""
    values, place, nearness = tile.values[a], room.place, room.nearness
    pids, camids = gallery.pids, gallery.camids
    pid, begin = block.pids[a], tile.begin
    lowest = block.cut[block.start[a]] - block.margin[a]
    junk_camera = block.camids[a] if block.junk == SAME_CAMERA else _NO_CAMERA_AT_ALL
    n = 0
    for k in range(found):
        c = place[k]
        j = begin + c
        place[n] = c
        nearness[n] = values[c]
        n += (values[c] >= lowest) & (pids[j] != pid) & (pids[j] >= 0) & (camids[j] != junk_camera)
    return n


@njit(cache=True, nogil=True)
def _compare_with_cuts(
    room: Room, n: int, cuts: npt.NDArray[np.floating], margin: np.floating
) -> None:
    """Write for n negatives how many matches are certainly, and how many perhaps, not nearer.

    Match by match over all negatives, which the processor compares many at a time.
    """
    nearness, before, not_beyond = room.nearness[:n], room.before[:n], room.not_beyond[:n]
    before[:] = 0
    not_beyond[:] = 0
    for cut in cuts:
        certain, possible = cut + margin, cut - margin
        for k in range(n):
            before[k] += nearness[k] > certain
            not_beyond[k] += nearness[k] >= possible


@njit(cache=True, nogil=True)
def _count_ties(tile: Tile, room: Room, tied: int, gallery: Gallery, block: Block, a: int) -> None:
    """Count negatives at the distance of some matches, by an exact tile."""
    first = block.start[a]
    for k in range(tied):
        column = gallery.column[tile.begin + room.place[k]]
        for i in range(first + room.before[k], first + room.not_beyond[k]):
            _add_before_one(block, a, i, column, 0)


@njit(cache=True, nogil=True)
def _look_again(
    tile: Tile, room: Room, doubtful: int, gallery: Gallery, block: Block, a: int
) -> None:
    """Compare negatives with the matches within the margin: by a float64 product, else exactly."""
    fine, match, first = block.fine, block.match, block.start[a]
    u, features, lengths, half = block.features[a], gallery.features, gallery.lengths, gallery.half
    fine_margin = block.fine_margin[a]
    for k in range(doubtful):
        j = tile.begin + room.place[k]
        nearness = _dot(u, features[j]) / lengths[j] - half[j]
        distance = np.nan
        for i in range(first + room.before[k], first + room.not_beyond[k]):
            if np.isnan(fine[i]):
                fine[i] = _dot(u, features[match[i]]) / lengths[match[i]] - half[match[i]]
            order = int(nearness - fine[i] < -fine_margin) - int(nearness - fine[i] > fine_margin)
            if order == 0:
                distance = _distance(gallery, block, a, j) if np.isnan(distance) else distance
                order = _compare(distance, gallery, block, a, i)
            if order <= 0:
                _add_before_one(block, a, i, gallery.column[j], order)
            block.referred[a] += 1


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
    """Return the reference distance, as `harness.evaluation.distance` does."""
    u, v, length, squared = block.features[a], gallery.features[j], gallery.lengths[j], 0.0
    for i in range(len(u)):
        difference = u[i] - v[i] / length
        squared += difference * difference
    return float(np.float32(squared / 2 if block.cosine else np.sqrt(squared)))


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
    if block.kept[a] == block.near.shape[1]:
        _drop_far(block, a)
        if block.kept[a] == block.near.shape[1]:  # all may be: too many to tell apart here
            block.kept[a] = -1
            block.floor[a] = np.inf
    if block.kept[a] < 0 or value < block.floor[a]:
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
