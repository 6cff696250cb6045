"""The engine of ranking: blocks of queries, tiles of nearness, counts, evidence.

Axes: Q queries, G gallery images, A x B one tile, m matches of a block, I gallery identities
without distractors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
import numpy.typing as npt

from harness.definitions.rules import Junk, Rule
from harness.errors import DataError, UsageError
from harness.evaluation.inputs import Labels
from harness.evaluation.kernels import (
    NO_CAMERA,
    PLACES,
    SAME_CAMERA,
    SAME_CAMERA_MATCH,
    Block,
    Gallery,
    close_rows,
    count_tile,
)
from harness.evaluation.matches import Search, find_matches
from harness.evaluation.rows import DistanceRows
from harness.evaluation.single_shot import close_single_shot
from harness.evaluation.threads import in_threads
from harness.types import Evidence

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]

TOP = 10
SINGLE_RANKS = 20
MEMORY = 192 * 2**20
"""Bytes of working memory beside the features, unless said otherwise."""

_MOST_QUERIES = 4096  # of a block: more make no product faster
_JUNK: dict[Junk, int] = {
    "same-camera-match": SAME_CAMERA_MATCH,
    "same-camera": SAME_CAMERA,
    "none": NO_CAMERA,
}


class Opened(Protocol):
    """A block of queries, ready to be ranked.

    Attributes:
        reference: (A, d), features as the reference distance takes them.
        margin: (A,), of nearness, within which tiles decide nothing; 0 where they are exact.
    """

    @property
    def reference(self) -> Float: ...

    @property
    def margin(self) -> Float: ...

    def tile(self, part: slice, room: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """Return what scale and bias make a nearness, (A, B), in the room given."""
        ...

    def matches(self, start: Int, match: Int) -> npt.NDArray[np.floating]:
        """Return the nearness of each query and each of its matches, (m,)."""
        ...


class Nearness(Protocol):
    """Where tiles come from: a product of features, or distances at hand.

    Attributes:
        exact: Whether tiles are the truth.
        cosine: Whether the reference distance is the cosine one.
        dtype: Of the tiles.
        width: Gallery images of a tile.
        features: Of the gallery, (G, d), and what the reference divides them by, (G,).
        scale: (G,), a tile is multiplied by this...
        bias: (G,), ...and lessened by this to be a nearness.
    """

    exact: bool
    cosine: bool
    dtype: type[np.floating]
    width: int
    features: tuple[npt.NDArray[np.floating], Float]
    scale: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]

    @property
    def bytes_per_query(self) -> int:
        """Working memory for one query."""
        ...

    def open(self, queries: slice) -> Opened:
        """Return a block of queries."""
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """What is ranked, and how.

    Attributes:
        query: Who is searched for.
        gallery: Who is searched in.
        rule: What is junk.
        max_memory: Bytes of working memory.
        single_shot: Whether to compute the single-shot expectations.
    """

    query: Labels
    gallery: Labels
    rule: Rule
    max_memory: int
    single_shot: bool


@dataclass(frozen=True, slots=True)
class Ranked:
    """What ranking found, and at what price.

    Attributes:
        evidence: Of every query.
        compared: Pairs of a query and a gallery image.
        referred: Comparisons of a negative and a match that went to the reference distance.
    """

    evidence: Evidence
    compared: int
    referred: int


def run(nearness: Nearness, exact: DistanceRows, task: Task) -> Ranked:
    """Rank every query.

    Args:
        nearness: Where tiles come from.
        exact: The reference distances, for a row whose nearest are too many to tell apart.
        task: What is ranked, and how.

    Raises:
        DataError: If no query has a match.
        UsageError: If one query needs more than the memory allowed.
    """
    search = find_matches(task.query, task.gallery, task.rule.junk)
    _check_matches(search)
    features, lengths = nearness.features
    gallery = Gallery(
        features=features,
        lengths=lengths,
        scale=nearness.scale,
        bias=nearness.bias,
        pids=task.gallery.pids,
        camids=task.gallery.camids,
        column=search.column,
    )
    results = _Results(search)
    for queries in _blocks(nearness, search, task):
        opened = nearness.open(queries)
        block = _open_block(nearness, opened, search, task, queries)
        _count(nearness, opened, gallery, block)
        results.close(gallery, block, queries)
        for a in np.flatnonzero(block.kept < 0):
            query = queries.start + int(a)
            distances = exact.rows(slice(query, query + 1))[0]
            valid = ~_is_junk(task, query)
            results.settle(query, distances, np.flatnonzero(valid))
    return Ranked(
        evidence=results.evidence(),
        compared=len(task.query.pids) * len(task.gallery.pids),
        referred=results.referred,
    )


def _is_junk(task: Task, query: int) -> npt.NDArray[np.bool_]:
    """Return what is junk for a query, (G,)."""
    junk = task.gallery.pids < 0
    if task.rule.junk == "none":
        return junk
    by_own_camera = task.gallery.camids == task.query.camids[query]
    if task.rule.junk == "same-camera-match":
        by_own_camera &= task.gallery.pids == task.query.pids[query]
    return junk | by_own_camera


def _check_matches(search: Search) -> None:
    if not len(search.matches):
        raise DataError(
            f"None of the {len(search.valid)} queries has a match in the gallery from another "
            "camera.",
            "Check the cameras and identity lists of the protocol: a query is never matched "
            "with an image by its own camera.",
        )


def _blocks(nearness: Nearness, search: Search, task: Task) -> Iterator[slice]:
    """Cut the queries into blocks whose working memory fits.

    Raises:
        UsageError: If one query does not.
    """
    places = np.diff(search.offsets) + 1
    of_query = nearness.bytes_per_query + PLACES * 16 + places * 64  # bytes
    if task.single_shot:
        of_query = of_query + places * 4 * (search.images_of.shape[1] + 1)
    if of_query.max() > task.max_memory:
        raise UsageError(
            f"One query needs {of_query.max() / 2**20:.1f} MB of working memory, and "
            f"{task.max_memory / 2**20:.1f} MB are allowed.",
            f"Allow at least {np.ceil(of_query.max() / 2**20):.0f} MB.",
        )
    total = np.concatenate([[0], np.cumsum(of_query)])
    start = 0
    while start < len(of_query):
        stop = int(np.searchsorted(total, total[start] + task.max_memory, side="right")) - 1
        stop = min(stop, start + _MOST_QUERIES)
        yield slice(start, stop)
        start = stop


def _open_block(
    nearness: Nearness, opened: Opened, search: Search, task: Task, queries: slice
) -> Block:
    """Return a block with nothing counted yet."""
    offsets = search.offsets[queries.start : queries.stop + 1]
    start = offsets - offsets[0]
    match = search.matches[offsets[0] : offsets[-1]]
    cut = opened.matches(start, match).astype(nearness.dtype)
    A, m = len(start) - 1, len(match)
    order = np.lexsort((cut, np.repeat(np.arange(A), np.diff(start))))
    columns = search.images_of.shape[1] + 1
    return Block(
        features=opened.reference,
        pids=task.query.pids[queries],
        camids=task.query.camids[queries],
        junk=_JUNK[task.rule.junk],
        cosine=nearness.cosine,
        exact=nearness.exact,
        margin=opened.margin,
        start=start,
        match=match[order],
        cut=cut[order],
        distance=np.full(m, np.nan),
        bins=np.zeros(m + A, dtype=np.int64),
        equal=np.zeros(m, dtype=np.int64),
        tally=np.zeros((m + A, columns) if task.single_shot else (0, 0), dtype=np.int32),
        referred=np.zeros(A, dtype=np.int64),
        near=np.empty((A, PLACES), dtype=nearness.dtype),
        near_index=np.empty((A, PLACES), dtype=np.int64),
        kept=np.zeros(A, dtype=np.int64),
        floor=np.full(A, -np.inf),
    )


def _count(nearness: Nearness, opened: Opened, gallery: Gallery, block: Block) -> None:
    """Stream the gallery past a block."""
    size, queries = len(gallery.pids), len(block.pids)
    room = np.empty(queries * nearness.width, dtype=nearness.dtype)
    for begin in range(0, size, nearness.width):
        tile = opened.tile(slice(begin, min(begin + nearness.width, size)), room)
        in_threads(partial(count_tile, tile, begin, gallery, block, TOP), queries)


class _Results:
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
        top = self._top_index[queries], self._top_distance[queries]
        rows = len(block.pids)
        in_threads(partial(close_rows, gallery, block, self._nearer[span], top), rows)
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
            top_distance=self._top_distance.astype(np.float32),
            single_cmc=self._single_cmc,
            single_reciprocal=self._single_reciprocal,
        )
