"""Who is found where: the metrics by camera of the query, by pair of cameras, by resolution.

By camera or resolution of the query a part is a set of queries, each with the ranks it has. By pair
of cameras (a, b) a part is the queries of camera a ranked in the gallery of camera b alone, since a
match by b is not to be passed over for a nearer one by c.

Axes: Q queries, G gallery images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.definitions import METRICS, short_name
from harness.definitions.counts import has_match
from harness.definitions.measure import Measured
from harness.definitions.rules import Rule
from harness.evaluation.inputs import Labels, Side
from harness.evaluation.matches import find_matches
from harness.evaluation.ranks import evaluate, evaluate_distances
from harness.evaluation.rows import DistanceRows
from harness.types import Evidence
from harness.types.method import Distance
from harness.types.results import outer_value

Int = npt.NDArray[np.int64]

_UNITS = {spec.name: spec.unit for spec in METRICS}

Measure = Callable[[Evidence], Sequence[Measured]]
"""Measures a part, as `measure_all` does under the rules of the caller."""

RankIn = Callable[[Int], Evidence]
"""Ranks a part of the gallery, (H,) indices, for all queries."""


@dataclass(frozen=True, slots=True)
class Part:
    """The metrics of some queries in some of the gallery.

    Attributes:
        query_camera: The camera of the queries, or None where it is not what divides.
        gallery_camera: The camera of the gallery, likewise.
        r: The down-sampling rate of the queries; None where it is not known or not what divides.
        queries: How many queries there are.
        queries_without_match: Those among them without a match in this gallery.
        metrics: Empty where no query has a match.
    """

    query_camera: int | None
    gallery_camera: int | None
    r: int | None
    queries: int
    queries_without_match: int
    metrics: Sequence[Measured]

    def as_json(self, headline: str) -> dict[str, Any]:
        """Return the JSON form; metrics that are fractions are in per cent.

        Args:
            headline: The full name of the CMC that is plainly `rank<k>`.
        """
        return {
            "query_camera": self.query_camera,
            "gallery_camera": self.gallery_camera,
            "r": self.r,
            "queries": self.queries,
            "queries_without_match": self.queries_without_match,
            "metrics": {
                short_name(one.name, one.k, headline): outer_value(
                    one.value, _UNITS.get(one.name, "fraction")
                )
                for one in self.metrics
            },
        }


def by_query_camera(evidence: Evidence, query: Labels, measure: Measure) -> list[Part]:
    """Return the metrics of the queries of each camera, by camera.

    Args:
        evidence: Of all queries.
        query: Who is searched for.
        measure: Measures the part.
    """
    return [
        _part(restrict(evidence, np.flatnonzero(query.camids == camera)), measure, camera=camera)
        for camera in np.unique(query.camids).tolist()
    ]


def by_resolution(evidence: Evidence, r: Sequence[int | None], measure: Measure) -> list[Part]:
    """Return the metrics of the queries of each down-sampling rate, those of none known last.

    Args:
        evidence: Of all queries.
        r: The rate of each query; None where it is not known.
        measure: Measures the part.
    """
    rates = sorted({rate for rate in r if rate is not None})
    return [
        _part(restrict(evidence, np.flatnonzero([one == rate for one in r])), measure, r=rate)
        for rate in [*rates, *([None] if None in r else [])]
    ]


def by_camera_pair(
    rank: RankIn, query: Labels, gallery: Labels, rule: Rule, measure: Measure
) -> list[Part]:
    """Return the metrics of each camera's queries in each camera's gallery, by camera.

    Args:
        rank: `rank_features` or `rank_distances`.
        query: Who is searched for.
        gallery: Who is searched in.
        rule: What is junk, as in `rank`.
        measure: Measures the part.
    """
    parts = []
    for camera in np.unique(gallery.camids).tolist():
        inside = np.flatnonzero(gallery.camids == camera)
        seen = Labels(gallery.pids[inside], gallery.camids[inside])
        search = find_matches(query, seen, rule.junk)
        evidence = rank(inside) if len(search.matches) else None
        for own in np.unique(query.camids).tolist():
            queries = np.flatnonzero(query.camids == own)
            if evidence is None:
                parts.append(Part(own, camera, None, len(queries), len(queries), []))
            else:
                part = _part(restrict(evidence, queries), measure, camera=own)
                parts.append(replace(part, gallery_camera=camera))
    return sorted(parts, key=lambda part: (part.query_camera, part.gallery_camera))


def rank_features(query: Side, gallery: Side, *, distance: Distance, rule: Rule) -> RankIn:
    """Return what ranks a part of the gallery by features."""

    def rank(inside: Int) -> Evidence:
        part = Side(gallery.features[inside], gallery.pids[inside], gallery.camids[inside])
        return evaluate(query, part, distance=distance, rule=rule)

    return rank


def rank_distances(
    distances: DistanceRows, query: Labels, gallery: Labels, *, rule: Rule
) -> RankIn:
    """Return what ranks a part of the gallery by distances at hand."""

    def rank(inside: Int) -> Evidence:
        part = Labels(gallery.pids[inside], gallery.camids[inside])
        return evaluate_distances(_Columns(distances, inside), query, part, rule=rule)

    return rank


def restrict(evidence: Evidence, queries: Int) -> Evidence:
    """Return the evidence of some queries.

    Args:
        evidence: Of Q queries.
        queries: Their indices.
    """
    matches = np.diff(evidence.offsets)[queries]
    offsets = np.concatenate([[0], np.cumsum(matches)])
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], matches)
    kept = np.repeat(evidence.offsets[queries], matches) + within
    return Evidence(
        offsets=offsets,
        nearer=evidence.nearer[kept],
        equal=evidence.equal[kept],
        valid=evidence.valid[queries],
        identities=evidence.identities[queries],
        top_index=evidence.top_index[queries],
        top_distance=evidence.top_distance[queries],
        single_cmc=evidence.single_cmc[queries],
        single_reciprocal=evidence.single_reciprocal[queries],
        measured={name: values[queries] for name, values in evidence.measured.items()},
    )


class _Columns:
    """The distances to a part of the gallery."""

    def __init__(self, distances: DistanceRows, columns: Int) -> None:
        self._distances = distances
        self._columns = columns

    @property
    def shape(self) -> tuple[int, int]:
        """Queries and gallery images of the part."""
        return self._distances.shape[0], len(self._columns)

    def rows(self, queries: slice) -> npt.NDArray[np.floating]:
        """Return the distances of some queries to the part."""
        return self._distances.rows(queries)[:, self._columns]


def _part(
    evidence: Evidence, measure: Measure, *, camera: int | None = None, r: int | None = None
) -> Part:
    matched = int(np.count_nonzero(has_match(evidence)))
    return Part(
        query_camera=camera,
        gallery_camera=None,
        r=r,
        queries=evidence.queries,
        queries_without_match=evidence.queries - matched,
        metrics=measure(evidence) if matched else [],
    )
