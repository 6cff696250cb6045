"""Multi-query: pooled features by hand, by loops, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import DataError, TrainingError, UnknownName
from harness.evaluation.multi_query import POOLING, pool_queries
from harness.evaluation.ranks import evaluate
from tests.evaluation.scenes import side

few = settings(max_examples=40, deadline=None)

QUERY = side([[9, 9], [9, 9]], [1, 2], [1, 1])
IMAGES = side([[1, 0], [0, 3], [5, 5], [4, 0], [7, 7]], [1, 1, 1, 2, 3], [1, 1, 2, 1, 1])


@pytest.mark.parametrize(
    ("pooling", "first"),
    [("mean", [0.5, 1.5]), ("mean-unit", [0.5, 0.5]), ("max", [1, 3])],
)
def test_images_of_the_identity_and_camera_are_pooled(pooling, first):
    """Query 1 pools (1, 0) and (0, 3): its image by camera 2 and other people's are left out."""
    pooled = pool_queries(QUERY, IMAGES, pooling)
    assert pooled.features[0].tolist() == first
    assert pooled.features[1].tolist() == ([1, 0] if pooling == "mean-unit" else [4, 0])
    assert (pooled.pids.tolist(), pooled.camids.tolist()) == ([1, 2], [1, 1])


def test_pooled_queries_are_ranked_like_others():
    """What pooling gives is a side: the mean of two views is nearest to the image in between."""
    gallery = side([[1, 1], [1, 0], [0, 1]], [1, 2, 3], [2, 2, 2])
    query = side([[1, 0]], [1], [1])
    images = side([[1, 0], [0, 1]], [1, 1], [1, 1])
    assert evaluate(query, gallery, distance="cosine").nearer.tolist() == [1]
    pooled = pool_queries(query, images)
    assert evaluate(pooled, gallery, distance="cosine").nearer.tolist() == [0]


def test_tensors_of_half_precision_are_pooled():
    """Features of any type are taken, as in ranking."""
    half = replace(IMAGES, features=torch.tensor(IMAGES.features).to(torch.bfloat16))
    assert pool_queries(QUERY, half, "mean").features.tolist() == [[0.5, 1.5], [4, 0]]


@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(POOLING)))
@few
def test_pooling_agrees_with_a_loop(seed, pooling):
    """Each pooled feature is that of a loop over the images of the query."""
    rng = np.random.default_rng(seed)
    pids, camids = rng.integers(1, 4, 20).tolist(), rng.integers(1, 3, 20).tolist()
    images = side(rng.normal(size=(20, 3)), pids, camids)
    query = side(images.features[:6], pids[:6], camids[:6])
    pooled = pool_queries(query, images, pooling)
    for feature, pid, camid in zip(pooled.features, query.pids, query.camids, strict=True):
        own = [
            f
            for f, p, c in zip(images.features, pids, camids, strict=True)
            if (p, c) == (pid, camid)
        ]
        if pooling == "mean-unit":
            own = [f / np.linalg.norm(f) for f in own]
        expected = np.max(own, axis=0) if pooling == "max" else np.mean(own, axis=0)
        assert feature == pytest.approx(expected, abs=1e-6)


@given(st.sampled_from(sorted(POOLING)))
@few
def test_one_image_for_each_query_changes_no_direction(pooling):
    """Where a query's only image is its own, pooling leaves its direction."""
    rng = np.random.default_rng(0)
    query = side(rng.normal(size=(4, 3)), [1, 2, 3, 4], [1] * 4)
    pooled = pool_queries(query, query, pooling).features
    length = np.linalg.norm(query.features, axis=1, keepdims=True)
    assert pooled / np.linalg.norm(pooled, axis=1, keepdims=True) == pytest.approx(
        query.features / length, abs=1e-6
    )


def test_query_without_an_image_is_refused():
    """A query of whom there is no multi-query image has no pooled feature."""
    with pytest.raises(DataError, match="1 of 2 queries have no multi-query image"):
        pool_queries(side([[1, 1]] * 2, [1, 8], [1, 1]), IMAGES)


def test_other_dimensions_are_refused():
    """Multi-query features come from the same model."""
    with pytest.raises(DataError, match=r"shape \(1, 3\), multi-query features \(5, 2\)"):
        pool_queries(side([[1, 1, 1]], [1], [1]), IMAGES)


@pytest.mark.parametrize("pooling", ["median", "Mean"])
def test_unknown_pooling_is_refused(pooling):
    """A pooling that does not exist is a usage error."""
    with pytest.raises(UnknownName, match=f"no pooling called '{pooling}'"):
        pool_queries(QUERY, IMAGES, pooling)


@pytest.mark.parametrize(("value", "words"), [(np.nan, "NaN"), (0, "are zero")])
def test_feature_without_a_direction_is_refused(value, words):
    """NaN is never pooled, and zero has no unit vector."""
    broken = side([[value, value]], [1], [1])
    with pytest.raises(TrainingError, match=f"1 of 1 multi-query features .*{words}"):
        pool_queries(side([[1, 1]], [1], [1]), broken)
