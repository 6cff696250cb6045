"""The comparison of a graph with its method: gaps of features, changes of ranks, refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness import IntegrityError
from harness.evaluation.inputs import Side
from harness.evaluation.parity import Gap, Parity, Shift, compare_features, compare_ranks


def naive_gap(method, graph):
    """Return the largest distance, the largest norm and the worst image, by loops."""
    largest, norm, worst = -1.0, 0.0, 0
    for i, (a, b) in enumerate(zip(method, graph, strict=True)):
        distance = math.sqrt(sum((float(x) - float(y)) ** 2 for x, y in zip(a, b, strict=True)))
        norm = max(norm, math.sqrt(sum(float(x) ** 2 for x in a)))
        if distance > largest:
            largest, worst = distance, i
    return largest, norm, worst


def test_gap_by_hand():
    """The gap is the largest Euclidean distance between two features of one image.

    Image 0: (3, 4) and (3, 4), gap 0, norm 5. Image 1: (0, 1) and (0.3, 1.4), gap 0.5.
    As a share of the largest norm, 5, that is 0.1.
    """
    method = np.array([[3, 4], [0, 1]], dtype=np.float32)
    graph = np.array([[3, 4], [0.3, 1.4]], dtype=np.float32)
    gap = compare_features(method, graph)

    assert (gap.images, gap.dimensions, gap.worst) == (2, 2, 1)
    assert gap.largest == pytest.approx(0.5, rel=1e-6)
    assert gap.norm == 5
    assert gap.relative == pytest.approx(0.1, rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_gap_is_what_loops_find(seed):
    """The gap agrees with loops over images and dimensions."""
    rng = np.random.default_rng(seed)
    method = rng.normal(size=(9, 4)).astype(np.float32)
    graph = method + rng.normal(scale=1e-3, size=(9, 4)).astype(np.float32)
    gap = compare_features(method, graph)

    assert (gap.largest, gap.norm, gap.worst) == pytest.approx(naive_gap(method, graph))


def test_relative_gap_has_no_unit():
    """Features of another scale have the same relative gap."""
    rng = np.random.default_rng(0)
    method, noise = (rng.normal(size=(7, 3)).astype(np.float32) for _ in range(2))
    one, other = (compare_features(k * method, k * (method + noise)) for k in (1, 1024))

    assert other.relative == pytest.approx(one.relative, rel=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_feature_that_is_not_finite_is_infinitely_far(value):
    """One NaN or infinity in a graph's features is a gap beyond any tolerance."""
    method = np.ones((3, 2), dtype=np.float32)
    graph = method.copy()
    graph[1, 1] = value
    gap = compare_features(method, graph)

    assert (gap.largest, gap.worst) == (math.inf, 1)
    assert Parity(gap, {}, 1, 2).refusal(1e9, 1) is not None


def test_zero_features_have_no_scale():
    """Where the method gives zeros, zeros agree and anything else does not."""
    zero = np.zeros((2, 2), dtype=np.float32)

    assert compare_features(zero, zero).relative == 0
    assert compare_features(zero, zero + 1).relative == math.inf


def test_other_shape_is_refused():
    """A graph with another number of rows or dimensions is an error that shows both shapes."""
    with pytest.raises(IntegrityError, match=r"\(3, 2\), the method of shape \(3, 4\)"):
        compare_features(np.ones((3, 4), np.float32), np.ones((3, 2), np.float32))


def side(rows, pids, camids):
    return Side(np.array(rows, dtype=np.float32), np.array(pids), np.array(camids))


def test_ranks_by_hand():
    """One query whose match is nearest for the method and second for the graph.

    AP falls from 1/1 to 1/2, so mAP changes by -0.5, and rank-1 from 1 to 0.
    """
    query = side([[0.0, 0.0]], [1], [1])
    before = side([[1.0, 0.0], [2.0, 0.0]], [1, 2], [2, 2])
    after = side([[3.0, 0.0], [2.0, 0.0]], [1, 2], [2, 2])
    mean_ap, rank1 = compare_ranks(
        (query, before), (query, after), distance="euclidean", headline="cmc_multi@1"
    )

    assert mean_ap == Shift(1.0, 0.5)
    assert mean_ap.change == -0.5
    assert rank1 == Shift(1.0, 0.0)


def parity(relative=0.0, in_one_batch=0.0, change=0.0):
    return Parity(
        Gap(5, 2, relative, 1.0, 0),
        {7: Gap(7, 2, in_one_batch, 1.0, 0)},
        queries=2,
        gallery=3,
        mean_ap=Shift(0.5, 0.5 + change),
        rank1=Shift(1.0, 1.0),
    )


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (parity(), None),
        (parity(relative=1e-4), None),
        (parity(relative=1.1e-4), "differ by 0.00011 of the largest norm (over 5 images"),
        (parity(in_one_batch=0.5), "(over 7 images"),
        (parity(change=0.0005), None),
        (parity(change=0.0006), "mAP changes by +0.060 points (0.05 are allowed)"),
        (parity(change=-0.0006), "mAP changes by -0.060 points"),
    ],
)
def test_refusal(case, words):
    """Beyond tolerance, in features, in a batch or in mAP up or down, the graph is refused."""
    found = case.refusal(1e-4, 0.0005 + 1e-12)

    assert (found is None) if words is None else (words in str(found))


@pytest.mark.parametrize(("relative", "in_one_batch"), [(0.5, 0.0), (0.0, 0.5)])
def test_batch_of_all_images_hides_nothing(relative, in_one_batch):
    """Where a batch has as many images as were compared, the gap of each of the two counts."""
    whole, batch = Gap(7, 2, relative, 1.0, 0), Gap(7, 2, in_one_batch, 1.0, 0)

    assert "(over 7 images" in str(Parity(whole, {7: batch}, 3, 4).refusal(1e-4, 1))


def test_json_has_per_cent_and_points():
    """In JSON metrics are in per cent and their change in points; gaps have the features' unit."""
    told = parity(relative=0.25, change=-0.125).as_json()

    assert told["map_sum_precision"] == {"method": 50.0, "graph": 37.5, "change": -12.5}
    assert (told["largest_gap"], told["relative_gap"], told["batches"]) == (0.25, 0.25, {"7": 0.0})
