"""Breakdown by camera and resolution: by hand, against ranking the part alone, JSON."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.definitions import find_or_raise
from harness.definitions.measure import measure_all
from harness.definitions.rules import RULES
from harness.evaluation.breakdown import (
    Part,
    by_camera_pair,
    by_query_camera,
    by_resolution,
    rank_distances,
    rank_features,
    restrict,
)
from harness.evaluation.ranks import evaluate
from harness.evaluation.rows import ExactRows, MatrixRows
from harness.types import Evidence
from tests.evaluation.scenes import random_scene, side

MARKET = RULES["market1501"]
MAP = [find_or_raise("map_sum_precision@1")]

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=30, deadline=None)


def mean_ap(evidence: Evidence):
    """Measure mAP alone."""
    return measure_all(evidence, MAP)


def summary(parts: list[Part]) -> dict[tuple[int | None, int | None], tuple[int, float | None]]:
    """Return how many queries have a match and mAP, by query and gallery camera."""
    return {
        (part.query_camera, part.gallery_camera): (
            part.queries - part.queries_without_match,
            part.metrics[0].value if part.metrics else None,
        )
        for part in parts
    }


# By hand


def test_camera_pair_ranks_in_the_gallery_of_one_camera():
    """A match by camera 3 is at rank 2 of all and at rank 1 among the images by camera 3."""
    query = side([0, 0], [1, 2], [1, 2])
    gallery = side([1, 2, 3], [2, 1, 1], [1, 3, 2])
    rank = rank_features(query, gallery, distance="euclidean", rule=MARKET)
    parts = by_camera_pair(rank, query.labels, gallery.labels, MARKET, mean_ap)
    assert summary(parts) == {
        (1, 1): (0, None),  # person 1 is not seen by camera 1
        (1, 2): (1, 1),
        (1, 3): (1, 1),
        (2, 1): (1, 1),
        (2, 2): (0, None),
        (2, 3): (0, None),
    }
    whole = evaluate(query, gallery, distance="euclidean")
    assert summary(by_query_camera(whole, query.labels, mean_ap)) == {
        (1, None): (1, pytest.approx((1 / 2 + 2 / 3) / 2)),
        (2, None): (1, 1),
    }


def test_resolution_divides_the_queries():
    """Queries of one rate are averaged together, those without a rate at last."""
    query = side([0, 0, 0], [1, 2, 1], [1, 1, 1])
    whole = evaluate(query, side([1, 2], [1, 2], [2, 2]), distance="euclidean")
    parts = by_resolution(whole, [4, 2, None], mean_ap)
    assert [(part.r, part.queries, part.metrics[0].value) for part in parts] == [
        (2, 1, 0.5),
        (4, 1, 1),
        (None, 1, 1),
    ]


def test_part_has_a_json_form():
    """Metrics are in per cent under the names of the rule's headline."""
    query = side([0, 0], [1, 9], [1, 1])
    gallery = side([1, 2, 3, 4, 5], [1, 2, 3, 4, 5], [2] * 5)
    whole = evaluate(query, gallery, distance="euclidean")
    specs = [find_or_raise("cmc_multi@1"), *MAP]
    (part,) = by_query_camera(whole, query.labels, lambda one: measure_all(one, specs))
    assert part.as_json(MARKET.headline) == {
        "query_camera": 1,
        "gallery_camera": None,
        "r": None,
        "queries": 2,
        "queries_without_match": 1,
        "metrics": {
            "rank1": 100.0,
            "rank5": 100.0,
            "rank10": None,
            "rank20": None,
            "map_sum_precision": 100.0,
        },
    }


# Against ranking the part alone


def assert_same(found: Evidence, expected: Evidence) -> None:
    """Fail unless two pieces of evidence are equal to the last bit."""
    for field in fields(Evidence):
        if field.name != "measured":
            np.testing.assert_array_equal(getattr(found, field.name), getattr(expected, field.name))


@given(seeds, st.lists(st.integers(0, 4), min_size=1))
@few
def test_evidence_of_some_queries_is_that_of_ranking_them_alone(seed, chosen):
    """Restricting evidence to queries, in any order, equals ranking those only."""
    query, gallery = random_scene(seed, integers=True)
    index = np.array([0, *chosen])  # the first has a match
    part = side(query.features[index], query.pids[index].tolist(), query.camids[index].tolist())
    whole = evaluate(query, gallery, distance="euclidean")
    assert_same(restrict(whole, index), evaluate(part, gallery, distance="euclidean"))


@given(seeds, st.sampled_from(["market1501", "cross-camera", "no-camera"]))
@few
def test_camera_pairs_agree_with_ranking_each_pair_alone(seed, key):
    """Each cell equals ranking that camera's queries in that camera's gallery, also by matrix."""
    query, gallery = random_scene(seed, integers=True)
    rule = RULES[key]
    rank = rank_features(query, gallery, distance="euclidean", rule=rule)
    parts = by_camera_pair(rank, query.labels, gallery.labels, rule, mean_ap)
    for part in parts:
        of_query, of_gallery = (
            side(one.features[kept], one.pids[kept].tolist(), one.camids[kept].tolist())
            for one, kept in (
                (query, query.camids == part.query_camera),
                (gallery, gallery.camids == part.gallery_camera),
            )
        )
        assert part.queries == len(of_query.pids)
        if part.metrics:
            alone = evaluate(of_query, of_gallery, distance="euclidean", rule=rule)
            assert part.metrics[0].value == mean_ap(alone)[0].value

    rows = ExactRows.of(query, gallery, "euclidean").rows(slice(0, len(query.pids)))
    labels = query.labels, gallery.labels
    by_matrix = rank_distances(MatrixRows(rows), *labels, rule=rule)
    assert summary(by_camera_pair(by_matrix, *labels, rule, mean_ap)) == summary(parts)


@given(seeds)
@few
def test_parts_add_up_to_the_whole(seed):
    """The cameras' means, weighted by their queries with a match, give the mean of all."""
    query, gallery = random_scene(seed, integers=False)
    whole = evaluate(query, gallery, distance="cosine")
    found = summary(by_query_camera(whole, query.labels, mean_ap)).values()
    total = sum(n * value for n, value in found if value is not None)
    assert total / sum(n for n, _ in found) == pytest.approx(mean_ap(whole)[0].value)
