"""Verification: accept or reject every valid pair of a query and a gallery image, exactly.

The definitions are in `harness.definitions.verification`. TAR changes at genuine distances only, so
all there is to know of the impostors is how many lie below, and at, each genuine distance. The
genuine distances are found first; then the pairs stream by once and the impostors of each block
are counted between them. No impostor distance is kept.

Axes: T different genuine distances.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from harness.definitions.rules import RULES, Rule
from harness.definitions.verification import PAIRS
from harness.errors import DataError
from harness.evaluation.distance import reference_distances
from harness.evaluation.inputs import (
    Labels,
    PreparedSide,
    Side,
    check_features,
    check_queries,
    prepare,
)
from harness.evaluation.matches import find_matches
from harness.evaluation.pairs import MEMORY, stream
from harness.evaluation.rows import DistanceRows, ExactRows
from harness.types import MetricSpec
from harness.types.method import Distance

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
Distances = npt.NDArray[np.floating]

_MARKET = RULES["market1501"]


@dataclass(frozen=True, slots=True)
class PairCounts:
    """How many pairs each threshold accepts; each array (T,).

    Attributes:
        distance: The different genuine distances, ascending: the thresholds.
        genuine: Genuine pairs at that distance or nearer.
        below: Impostor pairs strictly nearer.
        impostors: Impostor pairs at that distance or nearer.
        genuine_pairs: All genuine pairs.
        impostor_pairs: All impostor pairs.
    """

    distance: Distances
    genuine: Int
    below: Int
    impostors: Int
    genuine_pairs: int
    impostor_pairs: int


@dataclass(frozen=True, slots=True)
class PairMetric:
    """A metric of pairs.

    Attributes:
        name: The full name ("tar_at_far_1e-3@1").
        value: A fraction, or None where it is not defined.
        note: Why it is not defined, or None.
    """

    name: str
    value: float | None
    note: str | None


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """What one threshold does; rates are fractions.

    Attributes:
        distance: The threshold: a pair at this distance or nearer is accepted.
        far: Share of impostor pairs that are accepted.
        frr: Share of genuine pairs that are rejected.
    """

    distance: float
    far: float
    frr: float


def verify(
    query: Side,
    gallery: Side,
    *,
    distance: Distance,
    rule: Rule = _MARKET,
    max_memory: int = MEMORY,
) -> PairCounts:
    """Count the pairs that each threshold of the reference distance accepts.

    Args:
        query: The images to search for, all of them with an identity above 0.
        gallery: The images to search in.
        distance: `euclidean` or `cosine`.
        rule: What is junk.
        max_memory: Bytes of working memory beside the features and the genuine distances.

    Raises:
        DataError: If a side is empty or its arrays disagree, a query has no identity, or no query
            has a match.
        TrainingError: If features are not finite, or have no direction under `cosine`.
        UsageError: If there is no such distance.
    """
    check_features(query, gallery, distance)
    check_queries(query.labels)
    sides = prepare(query, "query", distance), prepare(gallery, "gallery", distance)
    genuine = _genuine_of_features(*sides, distance, rule)
    exact = ExactRows(*sides, distance)
    return _count(genuine, exact, query.labels, gallery.labels, rule, max_memory)


def verify_distances(
    distances: DistanceRows,
    query: Labels,
    gallery: Labels,
    *,
    rule: Rule = _MARKET,
    max_memory: int = MEMORY,
) -> PairCounts:
    """Count the pairs that each threshold of distances at hand accepts; they are read twice.

    Args:
        distances: Of each query to each gallery image; smaller is nearer.
        query: Who is searched for, all with an identity above 0.
        gallery: Who is searched in.
        rule: What is junk.
        max_memory: Bytes of working memory beside the genuine distances.

    Raises:
        DataError: If shapes and labels disagree, a query has no identity, a distance is NaN, or no
            query has a match.
    """
    blocks = stream(distances, query, gallery, rule=rule, max_memory=max_memory)
    genuine = np.concatenate([block.distances[block.match] for block in blocks])
    return _count(genuine, distances, query, gallery, rule, max_memory)


def measure_pairs(counts: PairCounts, specs: Iterable[MetricSpec] = PAIRS) -> list[PairMetric]:
    """Return metrics of pairs.

    Args:
        counts: Of `verify`.
        specs: Metrics of input BLOCKS whose formula takes `PairCounts`.
    """
    measured = []
    for spec in specs:
        if counts.impostor_pairs < spec.needs:
            note = (
                f"{spec.title} needs at least {spec.needs} impostor pairs; there are "
                f"{counts.impostor_pairs}."
            )
            measured.append(PairMetric(spec.name, None, note))
        else:
            measured.append(PairMetric(spec.name, pkgutil.resolve_name(spec.compute)(counts), None))
    return measured


def tar_at_far(counts: PairCounts, *, one_in: int) -> float:
    """Return the largest TAR at a threshold with FAR <= 1 / one_in; 0 where none has."""
    allowed = counts.impostor_pairs // one_in
    thresholds = np.searchsorted(counts.impostors, allowed, side="right")
    return float(counts.genuine[thresholds - 1] / counts.genuine_pairs) if thresholds else 0.0


tar_at_far_1e2 = partial(tar_at_far, one_in=100)
tar_at_far_1e3 = partial(tar_at_far, one_in=1000)
tar_at_far_1e4 = partial(tar_at_far, one_in=10_000)


def eer(counts: PairCounts) -> float:
    """Return the error at which the line of operating points crosses FAR = FRR.

    The points are those just below and those at each genuine distance, after (0, 1). Between the
    latter and the next former only FAR rises, so the thresholds in between lie on the line too.
    """
    far, frr = _line(counts)
    beyond = int(np.argmax(far >= frr))  # there is one: FRR ends at 0
    rise = far[beyond] - far[beyond - 1]
    fall = frr[beyond - 1] - frr[beyond]
    share = (frr[beyond - 1] - far[beyond - 1]) / (rise + fall)
    return float(far[beyond - 1] + share * rise)


def det(counts: PairCounts, points: int = 100) -> list[OperatingPoint]:
    """Return the DET curve at thresholds spread evenly over the logarithm of FAR.

    For each FAR that is asked for it holds the operating point of the largest TAR whose FAR is at
    most that, each point once, by threshold.

    Args:
        counts: Of `verify`.
        points: How many FAR are asked for, from one impostor pair to all of them.
    """
    if not counts.impostor_pairs:
        return []
    asked = np.append(0, np.rint(np.geomspace(1, counts.impostor_pairs, points)))
    places = np.unique(np.searchsorted(counts.impostors, asked, side="right") - 1)
    return [
        OperatingPoint(
            distance=float(counts.distance[at]),
            far=float(counts.impostors[at] / counts.impostor_pairs),
            frr=float(1 - counts.genuine[at] / counts.genuine_pairs),
        )
        for at in places[places >= 0]
    ]


def _genuine_of_features(
    query: PreparedSide, gallery: PreparedSide, distance: Distance, rule: Rule
) -> Distances:
    """Return the reference distances of all genuine pairs."""
    search = find_matches(query.labels, gallery.labels, rule.junk)
    found = [np.zeros(0, dtype=np.float32)]
    for q in np.flatnonzero(np.diff(search.offsets)):
        matches = search.matches[search.offsets[q] : search.offsets[q + 1]]
        rows = query.rows(slice(q, q + 1)), gallery.rows(matches)
        found.append(reference_distances(*rows, distance)[0])
    return np.concatenate(found)


def _count(
    genuine: Distances,
    distances: DistanceRows,
    query: Labels,
    gallery: Labels,
    rule: Rule,
    max_memory: int,
) -> PairCounts:
    """Count the impostors below and at each genuine distance."""
    if not len(genuine):
        raise DataError(
            f"None of the {len(query.pids)} queries has a match in the gallery.",
            "Check identities and cameras: most rules never match a query with an image by its "
            "own camera.",
        )
    cuts, pairs = np.unique(genuine, return_counts=True)
    below, impostors = np.zeros((2, len(cuts)), dtype=np.int64)
    total = 0
    for block in stream(distances, query, gallery, rule=rule, max_memory=max_memory):
        ordered = np.sort(block.distances[block.negative])
        below += np.searchsorted(ordered, cuts, side="left")
        impostors += np.searchsorted(ordered, cuts, side="right")
        total += len(ordered)
    return PairCounts(
        distance=cuts,
        genuine=np.cumsum(pairs),
        below=below,
        impostors=impostors,
        genuine_pairs=len(genuine),
        impostor_pairs=total,
    )


def _line(counts: PairCounts) -> tuple[Float, Float]:
    """Return FAR and FRR of the operating points, (2 T + 1,), from the strictest threshold."""
    before = np.append(0, counts.genuine[:-1])
    accepted = np.stack([counts.below, counts.impostors], axis=1).ravel()
    found = np.stack([before, counts.genuine], axis=1).ravel()
    far = np.append(0, accepted) / counts.impostor_pairs
    return far, 1 - np.append(0, found) / counts.genuine_pairs
