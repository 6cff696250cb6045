"""What a file gives to rank: features of two sides, or distances, which may be re-ranked ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from harness.definitions.rules import Rule
from harness.errors import DataError
from harness.evaluation.breakdown import RankIn, rank_distances, rank_features
from harness.evaluation.distance import lengths
from harness.evaluation.feature_file import FeatureFile
from harness.evaluation.inputs import Labels, Side, as_array
from harness.evaluation.multi_query import pool_queries
from harness.evaluation.nearness import MEMORY
from harness.evaluation.ranks import evaluate_distances, rank
from harness.evaluation.rerank.reranked import Reranked
from harness.evaluation.rows import DistanceRows, MatrixRows
from harness.evaluation.verification import PairCounts, verify, verify_distances
from harness.run.file_report import Price
from harness.run.file_request import Choices
from harness.types import Evidence
from harness.types.method import Distance

_UNIT = 1e-3  # how far from 1 a unit length may be: half precision rounds it so


class Source(Protocol):
    """What can be ranked, compared pair by pair, and ranked in a part of the gallery."""

    def rank(self) -> tuple[Evidence, Price | None]:
        """Return the evidence, and what it took where features were ranked."""
        ...

    def verify(self) -> PairCounts:
        """Count the pairs that each threshold accepts."""
        ...

    def rank_in(self) -> RankIn:
        """Return what ranks a part of the gallery."""
        ...


@dataclass(frozen=True, slots=True)
class Features:
    """Ranks by the distance of features; see `harness.evaluation.ranks.rank` for the attributes."""

    query: Side
    gallery: Side
    distance: Distance
    rule: Rule
    max_memory: int

    def rank(self) -> tuple[Evidence, Price | None]:
        """Return the evidence, and how many comparisons the reference decided."""
        ranked = rank(
            self.query,
            self.gallery,
            distance=self.distance,
            rule=self.rule,
            max_memory=self.max_memory,
        )
        return ranked.evidence, Price(ranked.compared, ranked.referred)

    def verify(self) -> PairCounts:
        """Count the pairs that each threshold accepts."""
        return verify(
            self.query,
            self.gallery,
            distance=self.distance,
            rule=self.rule,
            max_memory=self.max_memory,
        )

    def rank_in(self) -> RankIn:
        """Return what ranks a part of the gallery."""
        return rank_features(self.query, self.gallery, distance=self.distance, rule=self.rule)


@dataclass(frozen=True, slots=True)
class Distances:
    """Ranks by distances; see `harness.evaluation.ranks.evaluate_distances` for the attributes."""

    rows: DistanceRows
    query: Labels
    gallery: Labels
    rule: Rule
    max_memory: int

    def rank(self) -> tuple[Evidence, Price | None]:
        """Return the evidence; no comparison needs a reference."""
        evidence = evaluate_distances(
            self.rows, self.query, self.gallery, rule=self.rule, max_memory=self.max_memory
        )
        return evidence, None

    def verify(self) -> PairCounts:
        """Count the pairs that each threshold accepts."""
        return verify_distances(
            self.rows, self.query, self.gallery, rule=self.rule, max_memory=self.max_memory
        )

    def rank_in(self) -> RankIn:
        """Return what ranks a part of the gallery."""
        return rank_distances(self.rows, self.query, self.gallery, rule=self.rule)


def open_source(file: FeatureFile, choices: Choices) -> Source:
    """Return what a file gives to rank, pooled and re-ranked where that was chosen.

    Raises:
        DataError: If multi-query is wanted and the file has no images for it.
        TrainingError: If features that are re-ranked are not finite.
    """
    memory = choices.max_memory or MEMORY
    if file.distances is not None:
        rows = MatrixRows(file.distances)
        return Distances(rows, file.query, file.gallery, choices.rule, memory)
    query, gallery = file.sides()
    assert choices.distance is not None  # as `choose` sets it for a file of features
    if choices.multi_query:
        query = _pooled(file, query, choices)
    if choices.rerank is None:
        return Features(query, gallery, choices.distance, choices.rule, memory)
    reranked = Reranked(
        query,
        gallery,
        variant=choices.rerank,
        distance=choices.distance,
        max_memory=memory,
    )
    return Distances(reranked, file.query, file.gallery, choices.rule, memory)


def _pooled(file: FeatureFile, query: Side, choices: Choices) -> Side:
    """Return the queries with features pooled over the multi-query images of the file.

    Features are pooled as they are compared: at unit length for the cosine, where each image weighs
    the same, and as they are for the Euclidean distance; layumi pools them as they are.
    """
    if file.multi is None:
        raise DataError(
            f"{file.path.name} has no images for multi-query.",
            "Add mquery_features, mquery_ids and mquery_cams (in a .mat: mquery_f, mquery_label, "
            "mquery_cam), or drop `--multi-query`.",
        )
    by_angle = choices.distance == "cosine" and choices.tool is None
    return pool_queries(query, file.multi, "mean-unit" if by_angle else "mean")


def has_unit_length(file: FeatureFile) -> bool:
    """Return whether all features of a file have unit length, or it has none."""
    return file.features is None or all(
        bool(np.all(np.abs(lengths(as_array(side)) - 1) < _UNIT)) for side in file.features
    )
