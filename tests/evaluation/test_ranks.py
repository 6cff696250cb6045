"""Ranking the gallery: golden cases by hand, naive transcription, properties, refusals."""

from __future__ import annotations

import tracemalloc
from dataclasses import fields, replace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.definitions import METRICS
from harness.definitions.measure import Measured, measure_all
from harness.errors import DataError, TrainingError, UsageError
from harness.evaluation.inputs import Side
from harness.evaluation.product import Product
from harness.evaluation.ranks import evaluate
from harness.types import Evidence
from tests.evaluation.scenes import (
    of_query,
    permuted,
    random_scene,
    rank_naively,
    scaled,
    side,
    with_image,
)

seeds = st.integers(0, 2**32 - 1)
distances = st.sampled_from(["euclidean", "cosine"])
few = settings(max_examples=40, deadline=None)

ONE_QUERY = side([0.0], [1], [1])


def measured(evidence: Evidence) -> dict[tuple[str, int | None], Measured]:
    """Return every built-in metric by name and rank."""
    return {(one.name, one.k): one for one in measure_all(evidence, METRICS)}


def value(evidence: Evidence, name: str, k: int | None = None) -> float | None:
    """Return the value of a metric."""
    return measured(evidence)[name, k].value


def assert_same(found: Evidence, expected: Evidence, *, but: tuple[str, ...] = ()) -> None:
    """Fail unless two pieces of evidence are equal to the last bit."""
    for field in fields(Evidence):
        if field.name not in but:
            one, other = getattr(found, field.name), getattr(expected, field.name)
            np.testing.assert_array_equal(one, other, err_msg=field.name)


def tiles_of(width: int):
    """Return a context in which tiles are that many gallery images wide."""
    return patch.object(Product, "width", width)


# By hand


def test_hits_at_ranks_1_2_4_7():
    """From features to AP: matches at 1, 2, 4, 7 give 0.8304 and 0.8110."""
    gallery = side(range(1, 8), [1, 1, 2, 1, 3, 4, 1], [2] * 7)
    evidence = evaluate(ONE_QUERY, gallery, distance="euclidean")
    assert evidence.nearer.tolist() == [0, 0, 1, 3]
    assert value(evidence, "map_sum_precision@1") == pytest.approx(0.8304, abs=5e-5)
    assert value(evidence, "map_trapezoid@1") == pytest.approx(0.8110, abs=5e-5)
    assert value(evidence, "minp@1") == pytest.approx(4 / 7)


def test_query_without_a_match_leaves_the_average():
    """Of two queries, the one without a match is counted neither as right nor as wrong."""
    gallery = side([1, 2], [2, 1], [2, 2])
    evidence = evaluate(side([0, 0], [1, 9], [1, 1]), gallery, distance="euclidean")
    assert evidence.offsets.tolist() == [0, 1, 1]
    assert np.isnan(evidence.single_cmc[1]).all()
    assert np.isnan(evidence.single_reciprocal[1])
    assert value(evidence, "map_sum_precision@1") == 0.5


def test_images_by_the_same_camera_are_junk():
    """An image of the person by the camera of the query is neither a match nor a negative."""
    gallery = side([0, 1, 2], [1, 2, 1], [1, 1, 2])
    evidence = evaluate(ONE_QUERY, gallery, distance="euclidean")
    assert (evidence.nearer.tolist(), evidence.valid.tolist()) == ([1], [2])
    assert evidence.top_index[0].tolist() == [1, 2] + [-1] * 8


def test_query_with_junk_only_has_no_match():
    """Where all images of the person are by the camera of the query, there is no value."""
    gallery = side([1, 2, 3], [1, 2, 2], [1, 1, 2])
    evidence = evaluate(side([0, 0], [1, 2], [1, 1]), gallery, distance="euclidean")
    assert np.diff(evidence.offsets).tolist() == [0, 1]
    assert evidence.valid.tolist() == [2, 2]  # identity 1 is gone for query 0, one image for 1
    assert evidence.identities.tolist() == [1, 2]


def test_identity_minus_one_is_ignored_and_zero_is_a_negative():
    """Junk is nowhere; a distractor is before the match if it is nearer."""
    gallery = side([0.1, 0.2, 1], [-1, 0, 1], [2, 2, 2])
    evidence = evaluate(ONE_QUERY, gallery, distance="euclidean")
    assert (evidence.nearer.tolist(), evidence.valid.tolist()) == ([1], [2])
    assert evidence.top_index[0, :2].tolist() == [1, 2]


@pytest.mark.parametrize("pids", [[1, 2], [2, 1]])
def test_tie_with_a_negative_never_helps_in_either_order(pids):
    """A negative at the distance of the match ranks before it, wherever it stands."""
    evidence = evaluate(ONE_QUERY, side([1, -1], pids, [2, 2]), distance="euclidean")
    assert (evidence.nearer.tolist(), evidence.equal.tolist()) == ([0], [1])
    assert value(evidence, "cmc_multi@1", 1) == 0
    assert value(evidence, "cmc_single@1", 1) == 0
    assert value(evidence, "map_sum_precision@1") == 0.5


def test_features_that_are_all_equal_score_worst():
    """A network that says the same of every image gets nothing at rank 1, not everything."""
    pids = np.repeat(np.arange(1, 26), 2)
    query = side(np.ones((25, 4)), np.arange(1, 26).tolist(), [1] * 25)
    evidence = evaluate(query, side(np.ones((50, 4)), pids.tolist(), [2] * 50), distance="cosine")
    assert value(evidence, "cmc_multi@1", 20) == 0
    assert value(evidence, "cmc_single@1", 20) == 0
    assert value(evidence, "map_single@1") == pytest.approx(1 / 25)
    assert value(evidence, "minp@1") == pytest.approx(2 / 50)


def test_rank_beyond_the_gallery_is_not_reported():
    """A gallery of 7 images of 3 identities has rank-5 in multi-shot and none in single-shot."""
    gallery = side(range(1, 8), [1, 2, 2, 2, 3, 3, 3], [2] * 7)
    evidence = evaluate(ONE_QUERY, gallery, distance="euclidean")
    assert value(evidence, "cmc_multi@1", 5) == 1
    assert value(evidence, "cmc_multi@1", 10) is None
    assert value(evidence, "cmc_single@1", 1) == 1
    assert measured(evidence)["cmc_single@1", 5].note == (
        "Rank-5 is not defined for 1 of 1 queries with a match: fewer than 5 candidates."
    )


def test_single_shot_by_hand():
    """Each identity is before the match with the share of its images that are."""
    # The match at 2; identity 2 at 1 and 3 (p = 1/2), identity 3 at 1, 1.5, 4 (p = 2/3).
    gallery = side([2, 1, 3, 1, 1.5, 4], [1, 2, 2, 3, 3, 3], [2] * 6)
    evidence = evaluate(ONE_QUERY, gallery, distance="euclidean")
    # P(0) = 1/2 * 1/3, P(2) = 1/2 * 2/3, P(1) the rest.
    assert evidence.single_cmc[0, :3] == pytest.approx([1 / 6, 4 / 6, 1])
    assert value(evidence, "map_single@1") == pytest.approx(1 / 6 + 3 / 6 / 2 + 2 / 6 / 3)


def test_each_distractor_is_in_every_draw():
    """Two distractor images nearer than the match put it at rank 3 of every single-shot draw."""
    gallery = side([1, 1.5, 2, 5], [0, 0, 1, 0], [2] * 4)
    evidence = evaluate(ONE_QUERY, gallery, distance="euclidean")
    assert evidence.single_cmc[0, :4].tolist() == [0, 0, 1, 1]
    assert evidence.identities.tolist() == [4]


def test_cosine_looks_at_directions():
    """By cosine a long feature of the same direction is at distance 0, the opposite at 2."""
    gallery = side([[5, 5], [0, 2], [-1, -1]], [1, 2, 3], [2] * 3)
    evidence = evaluate(side([[1, 1]], [1], [1]), gallery, distance="cosine")
    assert evidence.top_index[0, :3].tolist() == [0, 1, 2]
    assert evidence.top_distance[0, :3] == pytest.approx([0, 1 - np.sqrt(0.5), 2], abs=1e-7)


def test_top_list_orders_equal_distances_by_index():
    """The ten nearest are listed by distance, then by index, across blocks."""
    gallery = side([3, 1, 2, 1] * 4, [2] * 15 + [1], [2] * 16)
    with tiles_of(3):
        evidence = evaluate(ONE_QUERY, gallery, distance="euclidean")
    assert evidence.top_index[0].tolist() == [1, 3, 5, 7, 9, 11, 13, 15, 2, 6]
    assert evidence.top_distance[0].tolist() == [1] * 8 + [2] * 2


# Naive transcription


@given(seeds)
@few
def test_evidence_agrees_with_loops_and_every_draw(seed):
    """Counts, top list and single-shot equal those of loops that make every draw."""
    query, gallery = random_scene(seed, integers=True)
    evidence = evaluate(query, gallery, distance="euclidean")
    for q, expected in enumerate(rank_naively(query, gallery)):
        found = of_query(evidence, q)
        assert found.single_cmc == pytest.approx(expected.single_cmc, nan_ok=True)
        assert found.single_reciprocal == pytest.approx(expected.single_reciprocal, nan_ok=True)
        assert (found.nearer, found.equal, found.top) == (
            expected.nearer,
            expected.equal,
            expected.top,
        )
        assert (found.valid, found.identities) == (expected.valid, expected.identities)


def test_cosine_agrees_with_the_formula():
    """The cosine distance is 1 - u.v / (|u| |v|)."""
    query, gallery = random_scene(0, integers=False)
    evidence = evaluate(query, gallery, distance="cosine")
    u = query.features / np.linalg.norm(query.features, axis=1, keepdims=True)
    v = gallery.features / np.linalg.norm(gallery.features, axis=1, keepdims=True)
    expected = np.take_along_axis(1 - u @ v.T, np.maximum(evidence.top_index, 0), axis=1)
    listed = evidence.top_index >= 0
    assert evidence.top_distance[listed] == pytest.approx(expected[listed], abs=1e-6)


# Properties


@given(seeds, distances, st.booleans(), st.integers(1, 15), st.integers(6, 30))
@few
def test_block_sizes_change_nothing(seed, distance, integers, width, kilobytes):
    """The evidence is the same to the last bit for any width of a tile and any memory."""
    query, gallery = random_scene(seed, integers=integers)
    whole = evaluate(query, gallery, distance=distance)
    with tiles_of(width):
        blocks = evaluate(query, gallery, distance=distance, max_memory=1024 * kilobytes)
    assert_same(blocks, whole)


@given(seeds, distances, st.booleans())
@few
def test_order_of_the_gallery_changes_nothing(seed, distance, integers):
    """Permuting the gallery permutes the indices of the top list and changes nothing else."""
    query, gallery = random_scene(seed, integers=integers)
    order = np.random.default_rng(seed).permutation(len(gallery.pids))
    before = evaluate(query, gallery, distance=distance)
    after = evaluate(query, permuted(gallery, order), distance=distance)
    assert_same(after, before, but=("top_index",))
    if not integers:  # without ties the lists hold the same images
        listed = before.top_index >= 0
        assert np.array_equal(order[after.top_index][listed], before.top_index[listed])


@given(seeds, distances, st.integers(-20, 20))
@few
def test_scaling_by_a_power_of_two_changes_nothing(seed, distance, exponent):
    """Features twice as large have the same ranks and the same ties."""
    query, gallery = random_scene(seed, integers=False)
    before = evaluate(query, gallery, distance=distance)
    factor = 2.0**exponent
    after = evaluate(scaled(query, factor), scaled(gallery, factor), distance=distance)
    assert_same(after, before, but=("top_distance",))
    expected = before.top_distance * np.float32(factor if distance == "euclidean" else 1)
    np.testing.assert_array_equal(after.top_distance, expected)


@given(seeds, distances, st.booleans())
@few
def test_distractor_never_raises_anything(seed, distance, integers):
    """One more distractor lowers each value of each query, or leaves it."""
    query, gallery = random_scene(seed, integers=integers)
    distractor = np.random.default_rng(seed).normal(size=gallery.features.shape[1:])
    more = with_image(gallery, distractor, pid=0, camid=2)
    before = measured(evaluate(query, gallery, distance=distance))
    after = measured(evaluate(query, more, distance=distance))
    for key, one in before.items():
        if one.value is not None:
            has_value = ~np.isnan(one.values)
            gained = after[key].values[has_value] - one.values[has_value]
            assert (gained <= 1e-12).all(), key


@given(seeds)
@few
def test_perfect_features_score_everything(seed):
    """Where an identity is a point of its own, every metric is 100 %."""
    query, gallery = random_scene(seed, integers=True)

    def perfect(one: Side) -> Side:
        return replace(one, features=np.eye(6, dtype=np.float32)[one.pids + 1])

    evidence = evaluate(perfect(query), perfect(gallery), distance="euclidean")
    values = [one.value for one in measure_all(evidence, METRICS) if one.value is not None]
    assert values == [1.0] * len(values)
    assert len(values) >= 5


@given(seeds, distances, st.booleans())
@few
def test_map_single_is_at_least_rank_1(seed, distance, integers):
    """Expected 1 / rank is at least the probability of rank 1, query by query."""
    query, gallery = random_scene(seed, integers=integers)
    evidence = evaluate(query, gallery, distance=distance)
    has_match = np.diff(evidence.offsets) > 0
    cmc = evidence.single_cmc[has_match, 0]
    assert (evidence.single_reciprocal[has_match] >= cmc - 1e-12).all()


def test_single_and_multi_shot_coincide_with_one_image_per_identity():
    """With one gallery image of each identity there is one draw, and both CMCs are the same."""
    rng = np.random.default_rng(0)
    people = list(range(1, 31))
    query = side(rng.normal(size=(30, 3)), people, [1] * 30)
    gallery = side(query.features + rng.normal(size=(30, 3)), people, [2] * 30)
    evidence = evaluate(query, gallery, distance="euclidean")
    for k in (1, 5, 10, 20):
        assert value(evidence, "cmc_single@1", k) == value(evidence, "cmc_multi@1", k)
    assert value(evidence, "map_single@1") == value(evidence, "map_sum_precision@1")


def test_random_features_are_right_once_in_n():
    """Features that know nothing have a rank-1 of 1 / N in single-shot with N identities."""
    rng = np.random.default_rng(1)
    pids = np.repeat(np.arange(1, 26), 10)
    query = side(rng.normal(size=(2500, 8)), np.tile(pids, 10).tolist(), [1] * 2500)
    gallery = side(rng.normal(size=(250, 8)), pids.tolist(), [2] * 250)
    rank1 = value(evaluate(query, gallery, distance="cosine"), "cmc_single@1", 1)
    assert rank1 == pytest.approx(1 / 25, abs=0.01)


def test_matrix_is_never_held():
    """Ranking holds a few blocks of distances, not the whole matrix."""
    rng = np.random.default_rng(2)
    query = side(rng.normal(size=(512, 2)), [1] * 512, [1] * 512)
    gallery = side(rng.normal(size=(8192, 2)), [1, 1] + [0] * 8190, [2] * 8192)
    tracemalloc.start()
    evaluate(query, gallery, distance="euclidean", max_memory=2**20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 512 * 8192 * 4 / 4  # a quarter of the matrix in float32


def test_stored_outcome_of_a_random_scene():
    """64 queries on 256 images keep their numbers, by both definitions of AP."""
    rng = np.random.default_rng(42)
    pids = rng.integers(0, 21, 256)
    people = rng.integers(-9, 10, (21, 6))
    query_pids = rng.integers(1, 21, 64)
    query = side(people[query_pids] + rng.integers(-9, 10, (64, 6)), query_pids.tolist(), [1] * 64)
    camids = rng.integers(1, 4, 256).tolist()
    gallery = side(people[pids] + rng.integers(-9, 10, (256, 6)), pids.tolist(), camids)
    evidence = evaluate(query, gallery, distance="euclidean")
    # From an argsort of the whole matrix and a walk down each ranking, negatives first in a tie.
    assert value(evidence, "map_sum_precision@1") == pytest.approx(0.18698539410228, abs=1e-12)
    assert value(evidence, "map_trapezoid@1") == pytest.approx(0.16340007539370, abs=1e-12)


# Bad input


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e38])
@pytest.mark.parametrize("which", ["query", "gallery"])
def test_features_that_are_not_finite_are_refused(bad, which):
    """NaN, infinity or an absurd size is an error that counts the images and names the side."""
    sides = {"query": side([0, 0], [1, 1], [1, 1]), "gallery": side([1, 2], [1, 2], [2, 2])}
    sides[which].features[1] = bad
    with pytest.raises(TrainingError, match=f"1 of 2 {which} features hold NaN"):
        evaluate(sides["query"], sides["gallery"], distance="euclidean")


def test_zero_features_have_no_cosine_distance():
    """A feature without a direction is refused under cosine and ranked under Euclid."""
    gallery = side([[1, 0], [0, 0]], [1, 2], [2, 2])
    query = side([[1, 0]], [1], [1])
    with pytest.raises(TrainingError, match="1 of 2 gallery features are zero"):
        evaluate(query, gallery, distance="cosine")
    assert value(evaluate(query, gallery, distance="euclidean"), "cmc_multi@1", 1) == 1


def test_unknown_distance_is_refused():
    """There are two distances."""
    unknown: Any = "manhattan"
    with pytest.raises(UsageError, match="no distance 'manhattan'"):
        evaluate(ONE_QUERY, ONE_QUERY, distance=unknown)


@pytest.mark.parametrize("which", ["query", "gallery"])
def test_empty_side_is_refused(which):
    """No query or no gallery is a fault of the data, and the side is named."""
    sides = {"query": ONE_QUERY, "gallery": side([1], [1], [2])}
    sides[which] = side(np.zeros((0, 1)), [], [])
    with pytest.raises(DataError, match=f"The {which} has no features"):
        evaluate(sides["query"], sides["gallery"], distance="euclidean")


def test_features_without_dimensions_are_refused():
    """Images without a single number in their feature cannot be ranked."""
    with pytest.raises(DataError, match=r"no features: their shape is \(1, 0\)"):
        evaluate(side([[]], [1], [1]), side([[]], [1], [2]), distance="euclidean")


@pytest.mark.parametrize(("pids", "camids"), [([1, 2], [1]), ([1], [1, 2])])
def test_arrays_of_different_lengths_are_refused(pids, camids):
    """Each feature has one identity and one camera."""
    with pytest.raises(DataError, match=r"gallery has features of shape \(1, 1\)"):
        evaluate(ONE_QUERY, side([1], pids, camids), distance="euclidean")


def test_features_that_are_no_table_are_refused():
    """Maps of features are not features."""
    cube = Side(np.zeros((1, 2, 2), np.float32), np.array([1]), np.array([1]))
    with pytest.raises(DataError, match=r"query has features of shape \(1, 2, 2\)"):
        evaluate(cube, ONE_QUERY, distance="euclidean")


def test_features_of_different_dimensions_are_refused():
    """Query and gallery come from one network."""
    with pytest.raises(DataError, match="Query features have 1 dimensions, gallery features 2"):
        evaluate(ONE_QUERY, side([[1, 2]], [1], [2]), distance="euclidean")


@pytest.mark.parametrize("pid", [0, -1])
def test_query_without_an_identity_is_refused(pid):
    """Junk and distractors cannot be searched for."""
    with pytest.raises(DataError, match="1 of 1 queries are junk or distractors"):
        evaluate(side([0], [pid], [1]), side([1], [1], [2]), distance="euclidean")


def test_no_match_at_all_is_refused():
    """Where no query can be right the protocol is wrong."""
    with pytest.raises(DataError, match="None of the 1 queries has a match"):
        evaluate(ONE_QUERY, side([1, 2], [2, 1], [2, 1]), distance="euclidean")
