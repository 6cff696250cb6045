"""k-reciprocal re-ranking: by hand, against a dense transcription, properties, refusals."""

from __future__ import annotations

import math
import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from harness.errors import DataError, TrainingError, UnknownName, UsageError
from harness.evaluation.distance import reference_distances
from harness.evaluation.exact import exact_distances
from harness.evaluation.inputs import Side, prepare
from harness.evaluation.ranks import evaluate_distances
from harness.evaluation.rerank.encoding import expanded
from harness.evaluation.rerank.neighbours import find_neighbours
from harness.evaluation.rerank.reranked import Reranked
from harness.evaluation.rerank.variants import VARIANTS, find_variant
from harness.evaluation.rows import MatrixRows
from tests.evaluation.naive_rerank import WITHOUT_JUNK, rerank_naively
from tests.evaluation.scenes import permuted, side

seeds = st.integers(0, 2**32 - 1)
distances = st.sampled_from(["euclidean", "cosine"])
keys = st.sampled_from(sorted(VARIANTS))
few = settings(max_examples=40, deadline=None)


def scene(seed: int, queries: int, gallery: int, kind: str = "normal") -> tuple[Side, Side]:
    """Return images of several people, some of them junk; `ties` has many equal distances."""
    rng = np.random.default_rng(seed)
    people = rng.normal(size=(4, 6))

    def images(n: int, lowest: int) -> Side:
        features = people[rng.integers(0, 4, n)] + 0.8 * rng.normal(size=(n, 6))
        if kind == "ties":
            features = np.sign(features[:, :3]) + 2
        return side(features, rng.integers(lowest, 5, n).tolist(), [1] * n)

    return images(queries, 1), images(gallery, -1)


def reranked(query: Side, gallery: Side, key: str = "paper", **options: Any) -> np.ndarray:
    """Return all re-ranked distances, (Q, G)."""
    options = {"distance": "euclidean", **options}
    return Reranked(query, gallery, variant=find_variant(key), **options).rows(slice(None))


# By hand

ON_A_LINE = side([0], [1], [1]), side([1, 3, 10], [1, 2, 3], [2, 2, 2])


def test_paper_by_hand():
    """Squared distances over the largest of each image are in the weights."""
    # With k1 = 1 the lists are 0: {0, 1}, 1: {1, 0}, 3: {3, 1}, 10: {10, 3}: only 0 and 1 find each
    # other. d(0, 1) = 1/100 in the row of 0, whose farthest is 10, and 1/81 in the row of 1. So
    # V_0 = (1, e^-1/100) / sum and V_1 = (e^-1/81, 1) / sum, and the smaller ones are on the side.
    shared = math.exp(-1 / 81) / (1 + math.exp(-1 / 81)) + math.exp(-0.01) / (1 + math.exp(-0.01))
    jaccard = 1 - shared / (2 - shared)
    found = reranked(*ON_A_LINE, "paper", k1=1, k2=1, lambda_=0.3)
    expected = [0.7 * jaccard + 0.3 * 0.01, 0.7 + 0.3 * 0.09, 0.7 + 0.3 * 1]
    np.testing.assert_allclose(found, [expected], rtol=1e-12)


@pytest.mark.parametrize("key", ["torchreid", "layumi"])
def test_fourth_power_by_hand(key):
    """Torchreid and layumi square a distance that is squared already."""
    a, b = math.exp(-(1 / 81**2)), math.exp(-(0.01**2))  # as above
    shared = a / (1 + a) + b / (1 + b)
    found = reranked(*ON_A_LINE, key, k1=1, k2=1, lambda_=0.3)
    expected = [0.7 * (1 - shared / (2 - shared)) + 0.3 * 0.0001, 0.7 + 0.3 * 0.0081, 1]
    np.testing.assert_allclose(found, [expected], rtol=1e-12)


def test_fastreid_by_hand():
    """FastReID's lists are one shorter, and its distances are not divided."""
    # k1 = 2 gives the lists of k1 = 1 above; both weights are e^-1 of the other.
    shared = 2 * math.exp(-1) / (1 + math.exp(-1))
    found = reranked(*ON_A_LINE, "fastreid", k1=2, k2=1, lambda_=0.3)
    expected = [0.7 * (1 - shared / (2 - shared)) + 0.3 * 1, 0.7 + 0.3 * 9, 0.7 + 0.3 * 100]
    np.testing.assert_allclose(found, [expected], rtol=1e-12)


def test_query_expansion_by_hand():
    """With k2 = 2 an image takes the mean of its own features and those of its nearest."""
    # FastReID, k1 = 2: 0 and 1 both take the mean of V_0 and V_1; 3 of V_3 and V_1.
    # V_1 = (e^-1, 1) / s on (0, 1); V_3 = 1 on 3. Shared by the means of 0 and of 3:
    # min(1/2, V_1[0] / 2) + min(1/2, V_1[1] / 2) = 1/2, so d_J = 1 - 1/2 / (3/2) = 2/3.
    found = reranked(*ON_A_LINE, "fastreid", k1=2, k2=2, lambda_=0)
    np.testing.assert_allclose(found, [[0, 2 / 3, 1]], atol=1e-15)


def test_a_neighbour_brings_its_own_if_more_than_two_thirds_are_shared():
    """Three of four bring the fourth; two of three, just two thirds, bring nobody."""
    half = np.eye(7)
    for one, others in {0: (1, 2, 3), 4: (5, 6)}.items():
        for other in others:
            half[one, other] = half[other, one] = 1
    near = np.zeros((2, 7))
    near[0, [0, 1, 2]] = near[1, [4, 5]] = 1
    found = expanded(sparse.csr_array(near), sparse.csr_array(half)).toarray()
    # 5's half list {4, 5} is shared whole and adds nobody.
    assert [np.flatnonzero(row).tolist() for row in found] == [[0, 1, 2, 3], [4, 5]]


# Transcription


@few
@given(
    seeds,
    st.integers(1, 5),
    st.integers(1, 24),
    keys,
    distances,
    st.sampled_from(["normal", "ties"]),
    st.tuples(st.integers(1, 30), st.integers(1, 8), st.floats(0, 1)),
)
def test_equals_the_dense_transcription(seed, queries, size, key, distance, kind, setting):
    """Every variant gives what loops over dense lists give, whatever the sizes, k1 and ties."""
    query, gallery = scene(seed, queries, size, kind)
    k1, k2, lambda_ = setting
    expected = rerank_naively(query, gallery, key, distance, k1, k2, lambda_)
    found = reranked(query, gallery, key, distance=distance, k1=k1, k2=k2, lambda_=lambda_)
    takes_part = ~np.isnan(expected[0])
    np.testing.assert_allclose(found[:, takes_part], expected[:, takes_part], atol=1e-9)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("key", sorted(VARIANTS))
@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_equals_the_dense_transcription_at_the_default_setting(key, distance):
    """At (20, 6, 0.3) and some hundred images, sets are expanded and averaged as they should be."""
    query, gallery = scene(7, 12, 110)
    expected = rerank_naively(query, gallery, key, distance, 20, 6, 0.3)
    found = reranked(query, gallery, key, distance=distance)
    takes_part = ~np.isnan(expected[0])
    np.testing.assert_allclose(found[:, takes_part], expected[:, takes_part], atol=1e-9)


@few
@given(seeds, distances, st.sampled_from([0, 1e3, 1e6]), st.sampled_from([1e-18, 1, 1e18]))
def test_exact_distances_are_the_reference_distances(seed, distance, offset, scale):
    """The product decides no bit: copies, near copies, far from the origin, large and small."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(7, 9))
    near = x[:4] + rng.choice([0, 1e-7, 1e-12], (4, 1)) * rng.normal(size=(4, 9))
    y = np.concatenate([near, rng.normal(size=(12, 9))])
    x, y = (offset + x) * scale, (offset + y) * scale
    if distance == "cosine":
        x, y = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (x, y))
    found = exact_distances(x, y, distance)
    np.testing.assert_array_equal(found, reference_distances(x, y, distance))


@few
@given(seeds, distances, st.sampled_from([1e-8, 1e-6, 1e-3]), st.integers(1, 40))
def test_lists_are_in_the_order_of_the_reference_distances(seed, distance, spread, depth):
    """Features too near each other for a float32 product are listed as the reference says."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=16) + spread * rng.normal(size=(30, 16))
    features = np.concatenate([features, features[:3]]).astype(np.float32)
    everybody = prepare(side(features, [1] * 33, [1] * 33), "gallery", distance)
    rows = everybody.rows(slice(None))
    reference = reference_distances(rows, rows, distance)
    found = find_neighbours(everybody, distance, depth, max_memory=1 << 20)
    expected = np.argsort(reference, axis=1, kind="stable")[:, :depth]
    np.testing.assert_array_equal(found.lists, expected)
    np.testing.assert_array_equal(found.farthest, reference.max(axis=1))


# Properties


@few
@given(seeds, keys, distances, st.sampled_from(["normal", "ties"]))
def test_lambda_of_one_ranks_as_before(seed, key, distance, kind):
    """With nothing of the Jaccard distance every variant keeps the order, and every tie."""
    query, gallery = scene(seed, 3, 20, kind)
    found = reranked(query, gallery, key, distance=distance, lambda_=1)
    x, y = (prepare(one, "", distance).rows(slice(None)) for one in (query, gallery))
    for row, reference in zip(found, reference_distances(x, y, distance), strict=True):
        np.testing.assert_array_equal(
            np.unique(row, return_inverse=True)[1], np.unique(reference, return_inverse=True)[1]
        )


@few
@given(seeds, keys, distances)
def test_order_of_the_gallery_does_not_matter(seed, key, distance):
    """Where no distances are equal, a permuted gallery gives permuted distances."""
    query, gallery = scene(seed, 3, 25)
    order = np.random.default_rng(seed).permutation(25)
    found = reranked(query, permuted(gallery, order), key, distance=distance, k1=5)
    expected = reranked(query, gallery, key, distance=distance, k1=5)
    np.testing.assert_allclose(found, expected[:, order], atol=1e-12)


@few
@given(seeds, keys, distances, st.integers(1, 2000), st.integers(1, 4))
def test_blocks_change_nothing(seed, key, distance, max_memory, step):
    """However little memory there is, and however few rows are asked for: the same to the bit."""
    query, gallery = scene(seed, 4, 20, "ties")
    expected = reranked(query, gallery, key, distance=distance)
    options: Any = {"distance": distance, "max_memory": max_memory}
    whole = Reranked(query, gallery, variant=find_variant(key), **options)
    assert whole.shape == (4, 20)
    parts = [whole.rows(slice(at, at + step)) for at in range(0, 4, step)]
    np.testing.assert_array_equal(np.concatenate(parts), expected)


@pytest.mark.parametrize("key", sorted(VARIANTS))
def test_junk_takes_part_where_it_does(key):
    """Junk changes the distances of others in the authors' and layumi's code, and only there."""
    query, gallery = scene(3, 4, 60)
    stays = gallery.pids >= 0
    assert 0 < stays.sum() < 60
    found = reranked(query, gallery, key)[:, stays]
    expected = reranked(query, permuted(gallery, np.flatnonzero(stays)), key)
    assert np.array_equal(found, expected) == (key in WITHOUT_JUNK)


@pytest.mark.parametrize("key", sorted(VARIANTS))
def test_one_image_each(key):
    """A query and a gallery of one image have a distance."""
    assert reranked(side([0], [1], [1]), side([2], [1], [2]), key).shape == (1, 1)


def test_gallery_of_junk_only():
    """Where nobody but the query takes part, the columns of junk are finite."""
    found = reranked(side([0, 1], [1, 2], [1, 1]), side([2], [-1], [2]), "torchreid")
    assert np.isfinite(found).all()


@pytest.mark.parametrize("key", sorted(VARIANTS))
def test_features_that_are_all_equal_tie(key):
    """A network that says the same of every image gives numbers, not NaN."""
    query = side(np.ones((2, 3)), [1, 2], [1, 1])
    gallery = side(np.ones((30, 3)), [1] * 30, [2] * 30)
    found = reranked(query, gallery, key)
    assert np.isfinite(found).all()
    assert (found >= 0).all()


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_tensors_are_ranked_as_arrays_are(kind):
    """A tensor of any precision gives the distances of an array of the same values."""
    query, gallery = scene(5, 3, 20)
    q, g = (torch.tensor(one.features).to(kind) for one in (query, gallery))
    found = reranked(replace(query, features=q), replace(gallery, features=g))
    wide = [x.to(torch.float64).numpy() for x in (q, g)]
    expected = reranked(replace(query, features=wide[0]), replace(gallery, features=wide[1]))
    np.testing.assert_array_equal(found, expected)


def test_memory_is_far_below_the_matrix():
    """No array of N x N is made: less than a quarter of one in float32 at its peak."""
    rng = np.random.default_rng(0)
    n = 3000
    features = rng.normal(size=(n, 8)).astype(np.float32)
    query, gallery = (
        side(features[:100], [1] * 100, [1] * 100),
        side(features[100:], [1] * (n - 100), [2] * (n - 100)),
    )
    reranked(*scene(0, 2, 9))  # compiles
    tracemalloc.start()
    try:
        whole = Reranked(
            query, gallery, variant=find_variant("paper"), distance="euclidean", max_memory=1 << 20
        )
        for at in range(0, 100, 10):
            whole.rows(slice(at, at + 10))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < n * n


def test_ranks_what_is_reranked():
    """The engine ranks re-ranked distances as it ranks a matrix of them."""
    query, gallery = scene(11, 20, 120)
    whole = Reranked(query, gallery, variant=find_variant("paper"), distance="euclidean")
    labels = query.labels, replace(gallery, camids=gallery.camids + 1).labels
    found = evaluate_distances(whole, *labels)
    expected = evaluate_distances(MatrixRows(whole.rows(slice(None))), *labels)
    np.testing.assert_array_equal(found.nearer, expected.nearer)
    np.testing.assert_array_equal(found.top_index, expected.top_index)


# Refusals


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k1": 0}, "k1 is 0. Give k1 of 1 or more."),
        ({"k2": 0}, "k2 is 0. Give k2 of 1 or more."),
        ({"lambda_": 1.5}, "lambda is 1.5. Give a lambda from 0 to 1."),
        ({"lambda_": math.nan}, "lambda is nan. Give a lambda from 0 to 1."),
        ({"max_memory": 0}, "max_memory is 0. Give max_memory of 1 or more."),
        ({"distance": "manhattan"}, "There is no distance 'manhattan'. Use euclidean or cosine."),
    ],
)
def test_setting_out_of_range(options, message):
    """A setting that means nothing is refused with its value."""
    with pytest.raises(UsageError) as caught:
        reranked(*ON_A_LINE, **options)
    assert str(caught.value) == message


def test_unknown_variant():
    """Another name is refused, and the nearest is offered."""
    with pytest.raises(UnknownName, match=r"no re-ranking called 'torchrid'.*'torchreid'"):
        find_variant("torchrid")


def test_sides_that_do_not_fit():
    """Features of other dimensions are refused."""
    query, _ = ON_A_LINE
    with pytest.raises(DataError, match="1 dimensions, gallery features 2"):
        reranked(query, side([[1, 2]], [1], [2]))


def test_features_that_are_not_finite():
    """NaN has no neighbours."""
    query, _ = ON_A_LINE
    with pytest.raises(TrainingError, match="1 of 2 gallery features hold NaN"):
        reranked(query, side([math.nan, 1], [1, 1], [2, 2]))
