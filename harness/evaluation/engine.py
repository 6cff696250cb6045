"""The engine of ranking: blocks of queries, tiles of nearness, counts, evidence.

Axes: Q queries, G gallery images, A x B one tile, m matches of a block, I gallery identities
without distractors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.definitions.rules import Junk, Rule
from harness.errors import DataError, UsageError
from harness.evaluation.counting import count_tile
from harness.evaluation.inputs import Labels
from harness.evaluation.matches import Search, find_matches
from harness.evaluation.nearness import Fill, Nearness, Opened
from harness.evaluation.results import Results
from harness.evaluation.rows import DistanceRows
from harness.evaluation.tables import (
    NO_CAMERA,
    PLACES,
    SAME_CAMERA,
    SAME_CAMERA_MATCH,
    Block,
    Gallery,
    Tile,
)
from harness.evaluation.threads import in_threads, one_thread_each
from harness.types import Evidence

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]

_MOST_QUERIES = 4096  # of a block: more make no product faster
_JUNK: dict[Junk, int] = {
    "same-camera-match": SAME_CAMERA_MATCH,
    "same-camera": SAME_CAMERA,
    "none": NO_CAMERA,
}


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
        compared: Comparisons of a negative and a match, over all queries.
        referred: Those of them that the product left in doubt.
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
    _check_matches(search, task.rule)
    features, lengths, half = nearness.features
    gallery = Gallery(
        features=features,
        lengths=lengths,
        half=half,
        scale=nearness.scale,
        bias=nearness.bias,
        pids=task.gallery.pids,
        camids=task.gallery.camids,
        column=search.column,
    )
    matches = np.diff(search.offsets)
    results = Results(search)
    for queries in _blocks(nearness, search, task):
        opened = nearness.open(queries)
        block = _open_block(nearness, opened, search, task, queries)
        with one_thread_each():
            _count(nearness, opened, gallery, block)
        results.close(gallery, block, queries)
        _settle(results, exact, task, queries.start + np.flatnonzero(block.kept < 0))
    return Ranked(
        evidence=results.evidence(),
        compared=int((matches * (search.valid - matches)).sum()),
        referred=results.referred,
    )


def _settle(results: Results, exact: DistanceRows, task: Task, queries: Int) -> None:
    """Find the nearest of queries with too many of them, by all their distances, runs at a time."""
    most = max(task.max_memory // (32 * len(task.gallery.pids)), 1)
    while len(queries):
        run_length = int(np.argmin(np.append(np.diff(queries) == 1, False))) + 1
        some, queries = np.split(queries, [min(run_length, most)])
        for query, row in zip(some, exact.rows(slice(some[0], some[-1] + 1)), strict=True):
            results.settle(int(query), row, _find_valid(task, int(query)))


def _find_valid(task: Task, query: int) -> Int:
    """Return the gallery images that are not junk for a query, by index, ascending."""
    junk = task.gallery.pids < 0
    if task.rule.junk != "none":
        by_own_camera = task.gallery.camids == task.query.camids[query]
        own = task.gallery.pids == task.query.pids[query]
        junk = junk | (by_own_camera if task.rule.junk == "same-camera" else by_own_camera & own)
    return np.flatnonzero(~junk)


def _check_matches(search: Search, rule: Rule) -> None:
    if not len(search.matches):
        by_another = "" if rule.junk == "none" else " by another camera"
        and_cameras = (
            ""
            if rule.junk == "none"
            else ", and the cameras: a query is never matched with an image by its own"
        )
        raise DataError(
            f"None of the {len(search.valid)} queries has a match in the gallery{by_another}.",
            f"Check that identities mean the same on both sides{and_cameras}.",
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
    allowed = task.max_memory - nearness.fixed_bytes
    if of_query.max() > allowed:
        least = of_query.max() + nearness.fixed_bytes
        enough = 2 * least  # tiles widen with what is allowed, by less than half of it
        raise UsageError(
            f"One query needs {least / 2**20:.3f} MB of working memory, and "
            f"{task.max_memory / 2**20:.3f} MB are allowed.",
            f"Allow {np.ceil(enough / 2**20):.0f} MB, which is enough.",
        )
    total = np.concatenate([[0], np.cumsum(of_query)])
    start = 0
    while start < len(of_query):
        stop = int(np.searchsorted(total, total[start] + allowed, side="right")) - 1
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
    cut = opened.matches(start, match)
    rows, m = len(start) - 1, len(match)
    order = np.lexsort((cut, np.repeat(np.arange(rows), np.diff(start))))
    columns = search.images_of.shape[1] + 1
    return Block(
        features=opened.reference,
        pids=task.query.pids[queries],
        camids=task.query.camids[queries],
        junk=_JUNK[task.rule.junk],
        cosine=nearness.cosine,
        exact=nearness.exact,
        margin=opened.margin,
        fine_margin=opened.fine_margin,
        start=start,
        match=match[order],
        cut=cut[order],
        fine=np.full(m, np.nan),
        distance=np.full(m, np.nan),
        bins=np.zeros(m + rows, dtype=np.int64),
        equal=np.zeros(m, dtype=np.int64),
        tally=np.zeros((m + rows, columns) if task.single_shot else (0, 0), dtype=np.int32),
        referred=np.zeros(rows, dtype=np.int64),
        near=np.empty((rows, PLACES), dtype=nearness.dtype),
        near_index=np.empty((rows, PLACES), dtype=np.int64),
        kept=np.zeros(rows, dtype=np.int64),
        floor=np.full(rows, -np.inf),
    )


def _count(nearness: Nearness, opened: Opened, gallery: Gallery, block: Block) -> None:
    """Stream the gallery past a block."""
    size, queries = len(gallery.pids), len(block.pids)
    room = np.empty(queries * nearness.width, dtype=nearness.dtype)
    for begin in range(0, size, nearness.width):
        part = slice(begin, min(begin + nearness.width, size))
        columns = part.stop - begin
        tile = Tile(room[: queries * columns].reshape(queries, columns), begin)
        fill = opened.fill(part)

        def count(rows: tuple[int, int], tile: Tile = tile, fill: Fill = fill) -> None:
            fill(tile.values, rows)
            count_tile(tile, gallery, block, rows)

        in_threads(count, queries)
