"""Rank the gallery for every query in one streamed pass: features in, evidence out. No torch.

The distance matrix is never held and the gallery never sorted: blocks of query x gallery distances
stream by, and for each true match the negatives at a smaller and at the same distance are counted.

The rules:

- Junk, ignored for a query: gallery images of its identity by its camera, and identity -1.
- Distractors, identity 0: negatives of every query. In single-shot each distractor image is an
  identity of its own, in every draw, since it shows nobody who is known to be anybody else; so a
  further distractor can only lower a score.
- Ties: equal distances (`harness.evaluation.distance`) are counted apart as `equal`; single-shot
  takes an identity at the same distance as ranked before the match.
- The top list orders equal distances by gallery index.

Axes: Q queries, G gallery images, d dimensions, A x B one block, n matches of one query, I gallery
identities without distractors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.errors import DataError
from harness.evaluation.distance import reference_distances
from harness.evaluation.inputs import PreparedSide, Side, check_sides, prepare
from harness.evaluation.single_shot import expected_single_shot
from harness.types import Evidence
from harness.types.method import Distance

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]
Bool = npt.NDArray[np.bool_]
Keys = npt.NDArray[np.uint64]

TOP = 10
SINGLE_RANKS = 20

_NO_KEY = np.uint64(np.iinfo(np.uint64).max)


def evaluate(
    query: Side,
    gallery: Side,
    *,
    distance: Distance,
    query_block: int = 64,
    gallery_block: int = 4096,
) -> Evidence:
    """Return the evidence of every query.

    Args:
        query: The images to search for, all of them with an identity above 0.
        gallery: The images to search in.
        distance: `euclidean` or `cosine`.
        query_block: A, queries ranked at a time; changes memory, never the result.
        gallery_block: B, gallery images at a time; changes memory, never the result.

    Raises:
        DataError: If a side is empty or its arrays disagree, a query has no identity, or no query
            has a match.
        TrainingError: If features are not finite, or have no direction under `cosine`.
        UsageError: If there is no such distance.
    """
    check_sides(query, gallery, distance)
    ranking = _Ranking(
        prepare(query, "query", distance, gallery_block),
        prepare(gallery, "gallery", distance, gallery_block),
        distance,
        gallery_block,
    )
    starts = range(0, len(query.pids), query_block)
    blocks = (ranking.rank(slice(start, start + query_block)) for start in starts)
    evidence = _join([one for block in blocks for one in block])
    _check_matches(evidence)
    return evidence


@dataclass(frozen=True, slots=True)
class _QueryEvidence:
    """The evidence of one query; the fields are those of `Evidence`."""

    nearer: Int
    equal: Int
    valid: int
    identities: int
    top: Keys
    single_cmc: Float
    single_reciprocal: float


class _Ranking:
    """Ranks blocks of queries against one gallery."""

    def __init__(
        self, query: PreparedSide, gallery: PreparedSide, distance: Distance, gallery_block: int
    ) -> None:
        self.query = query
        self.gallery = gallery
        self.distance = distance
        self.gallery_block = gallery_block
        pids = gallery.side.pids
        self.people, self.images_of = np.unique(pids[pids > 0], return_counts=True)  # (I,), (I,)
        self.usable = int(np.count_nonzero(pids >= 0))
        self.distractors = int(np.count_nonzero(pids == 0))
        # The column of each gallery image in a tally: its identity, or I for every distractor.
        self.column = np.where(pids > 0, np.searchsorted(self.people, pids), len(self.people))

    def rank(self, queries: slice) -> Iterator[_QueryEvidence]:
        """Stream the gallery past a block of queries and return the evidence of each."""
        features = self.query.rows(queries)  # (A, d)
        pids, camids = self.query.side.pids[queries], self.query.side.camids[queries]
        tallies = [self._open_tally(features[a], pids[a], camids[a]) for a in range(len(features))]
        top = np.full((len(features), TOP), _NO_KEY)
        for part in self._gallery_slices():
            gallery_pids = self.gallery.side.pids[part]
            same = pids[:, None] == gallery_pids  # (A, B)
            junk = same & (camids[:, None] == self.gallery.side.camids[part]) | (gallery_pids < 0)
            distances = reference_distances(features, self.gallery.rows(part), self.distance)
            top = nearest_keys(top, distances, junk, part.start)
            negative = ~same & (gallery_pids >= 0)
            for a, tally in enumerate(tallies):
                tally.add(distances[a, negative[a]], self.column[part][negative[a]])
        for a, tally in enumerate(tallies):
            yield self._close_tally(tally, top[a], int(pids[a]))

    def _gallery_slices(self) -> Iterator[slice]:
        size = len(self.gallery.side.pids)
        for start in range(0, size, self.gallery_block):
            yield slice(start, min(start + self.gallery_block, size))

    def _open_tally(self, feature: Float, pid: int, camid: int) -> _Tally:
        """Find the true matches of a query and their distances."""
        side = self.gallery.side
        matches = np.flatnonzero((side.pids == pid) & (side.camids != camid))
        rows = self.gallery.rows(matches)
        distances = reference_distances(feature[None], rows, self.distance)[0]
        return _Tally(np.sort(distances), columns=len(self.people) + 1)

    def _close_tally(self, tally: _Tally, top: Keys, pid: int) -> _QueryEvidence:
        """Turn the counts of a query into its evidence."""
        matches = len(tally.cuts)
        own_images = int(self.images_of[self.people == pid].sum())
        all_own_are_junk = own_images > 0 and matches == 0
        nearer, before = tally.counts()  # (n,), (n, I + 1)
        cmc, reciprocal = np.full(SINGLE_RANKS, np.nan), float("nan")
        if matches:
            cmc, reciprocal = expected_single_shot(
                before[:, :-1] / self.images_of, before[:, -1], SINGLE_RANKS
            )
        return _QueryEvidence(
            nearer=nearer,
            equal=before.sum(axis=1) - nearer,
            valid=self.usable - (own_images - matches),
            identities=len(self.people) + self.distractors - int(all_own_are_junk),
            top=top,
            single_cmc=cmc,
            single_reciprocal=reciprocal,
        )


class _Tally:
    """Counts the negatives before each true match of one query as blocks stream by.

    Args:
        cuts: (n,), the distances of the true matches, ascending.
        columns: I + 1, kinds of negatives that are counted apart.
    """

    def __init__(self, cuts: Float32, columns: int) -> None:
        self.cuts = cuts
        self.columns = columns
        # Row i holds the negatives whose first cut beyond them is i; row n those beyond all cuts.
        self.nearer_from = np.zeros(len(cuts) + 1, dtype=np.int64)
        self.before_from = np.zeros((len(cuts) + 1, columns), dtype=np.int64)

    def add(self, distances: Float32, column: Int) -> None:
        """Count negatives at these distances, of these columns."""
        if not len(self.cuts):
            return
        first_beyond = np.searchsorted(self.cuts, distances, side="right")
        self.nearer_from += np.bincount(first_beyond, minlength=len(self.nearer_from))
        first_not_nearer = np.searchsorted(self.cuts, distances, side="left")
        cell = first_not_nearer * self.columns + column
        counts = np.bincount(cell, minlength=self.before_from.size)
        self.before_from += counts.reshape(self.before_from.shape)

    def counts(self) -> tuple[Int, Int]:
        """Return the negatives nearer, (n,), and nearer or equal by column, (n, I + 1)."""
        nearer = np.cumsum(self.nearer_from)[:-1]
        return nearer, np.cumsum(self.before_from, axis=0)[:-1]


def nearest_keys(kept: Keys, distances: Float32, junk: Bool, start: int) -> Keys:
    """Return the keys of the nearest images among those kept and a block, ascending, (A, TOP).

    A key is the bits of a distance followed by the gallery index: distances are not negative, so
    keys sort as (distance, index) do.

    Args:
        kept: (A, TOP), keys so far.
        distances: (A, B), of the block.
        junk: (A, B), images to leave out.
        start: The gallery index of the block's first image.
    """
    index = np.arange(start, start + distances.shape[1], dtype=np.uint64)
    keys = (distances.view(np.uint32).astype(np.uint64) << np.uint64(32)) | index
    keys[junk] = _NO_KEY
    both = np.concatenate([kept, keys], axis=1)
    return np.sort(np.partition(both, TOP - 1, axis=1)[:, :TOP], axis=1)


def _join(queries: list[_QueryEvidence]) -> Evidence:
    keys = np.stack([query.top for query in queries])  # (Q, TOP)
    missing = keys == _NO_KEY
    index = (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)
    distance = (keys >> np.uint64(32)).astype(np.uint32).view(np.float32)
    return Evidence(
        offsets=np.cumsum([0, *(len(query.nearer) for query in queries)]),
        nearer=np.concatenate([query.nearer for query in queries]),
        equal=np.concatenate([query.equal for query in queries]),
        valid=np.array([query.valid for query in queries]),
        identities=np.array([query.identities for query in queries]),
        top_index=np.where(missing, -1, index),
        top_distance=np.where(missing, np.float32(np.nan), distance),
        single_cmc=np.stack([query.single_cmc for query in queries]),
        single_reciprocal=np.array([query.single_reciprocal for query in queries]),
    )


def _check_matches(evidence: Evidence) -> None:
    if not len(evidence.nearer):
        raise DataError(
            f"None of the {evidence.queries} queries has a match in the gallery from another "
            "camera.",
            "Check the cameras and identity lists of the protocol: a query is never matched "
            "with an image by its own camera.",
        )
