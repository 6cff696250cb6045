"""The product and its margin: the error bound, and features that nearly all point one way."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.evaluation.inputs import PreparedSide, prepare
from harness.evaluation.product import Product
from harness.evaluation.ranks import rank
from harness.types.method import Distance
from tests.evaluation.scenes import side

seeds = st.integers(0, 2**32 - 1)
distances = st.sampled_from(get_args(Distance))


def prepared(features: np.ndarray, distance: Distance) -> PreparedSide:
    """Return features as the engine takes them."""
    ones = [1] * len(features)
    return prepare(side(features, ones, ones), "gallery", distance)


def tile(product: Product, size: int) -> np.ndarray:
    """Return the nearness of the first query to the whole gallery."""
    block = product.open(slice(0, 1))
    products = np.empty((1, size), dtype=np.float32)
    block.fill(slice(0, size))(products, (0, 1))
    return np.asarray((products * product.scale - product.bias)[0])


def in_long_double(query: PreparedSide, gallery: PreparedSide) -> np.ndarray:
    """Return minus half the squared distances, with 64 bits of mantissa."""
    u, v = (one.rows(slice(None)).astype(np.longdouble) for one in (query, gallery))
    return np.asarray(-((u[:1] - v) ** 2).sum(axis=1) / 2)


@given(seeds, distances, st.sampled_from([1, 7, 300, 2048]), st.floats(0, 30), st.integers(-30, 30))
@settings(max_examples=60, deadline=None)
def test_nearness_is_within_the_bound(seed, distance, d, offset, exponent):
    """Differences of nearness are off by less than the margin, whatever the features.

    A twentieth of it in truth: the bound is for the worst order of the worst roundings.
    """
    rng = np.random.default_rng(seed)
    features = ((rng.normal(size=(9, d)) + offset) * 10.0**exponent).astype(np.float32)
    query, gallery = prepared(features[:1], distance), prepared(features[1:], distance)
    product = Product(query, gallery, distance)
    found = tile(product, 8).astype(np.longdouble)
    exact = in_long_double(query, gallery) * np.longdouble(product.unit) ** 2
    error = (found - found[0]) - (exact - exact[0])
    assert np.abs(error).max() <= product.open(slice(0, 1)).margin[0]


@pytest.mark.parametrize("distance", get_args(Distance))
def test_taking_the_mean_away_spares_the_reference(distance):
    """Features of which all but a hundredth is one vector are told apart by the product."""
    rng = np.random.default_rng(0)
    direction = rng.normal(size=512)
    pids = np.arange(1, 201)
    gallery = direction + 0.01 * rng.normal(size=(200, 512))
    query = gallery + 0.003 * rng.normal(size=(200, 512))
    ones = [1] * 200
    found = rank(
        side(query, pids.tolist(), ones), side(gallery, pids.tolist(), [2] * 200), distance=distance
    )
    assert not found.evidence.nearer.any()
    assert found.referred == 0


def test_a_gallery_of_one_point_has_a_product():
    """Where all features are one and nothing is left without their mean, nothing breaks."""
    ones = np.ones((5, 3))
    found = rank(
        side(ones[:1], [1], [1]), side(ones, [1, 2, 3, 4, 5], [2] * 5), distance="euclidean"
    )
    assert (found.evidence.nearer.tolist(), found.evidence.equal.tolist()) == ([0], [4])


def test_a_product_summed_one_by_one_is_within_the_bound():
    """Whatever order a library sums in, the margin covers it: here the worst, 100,000 of one sign.

    It is off by more than what the roundings of the reference allow, so the term that grows
    with the number of dimensions is needed.
    """
    rng = np.random.default_rng(1)
    row = rng.uniform(0.5, 1.5, size=100_000).astype(np.float32)
    query = prepared(row[None], "euclidean")
    gallery = prepared(np.stack([row, -row, row, -row]), "euclidean")
    product = Product(query, gallery, "euclidean")
    block = product.open(slice(0, 1))
    terms = block.features * product.part(slice(0, 4))
    found = np.cumsum(terms, axis=1, dtype=np.float32)[:, -1] - product.bias
    exact = in_long_double(query, gallery) * np.longdouble(product.unit) ** 2
    off = np.abs((found - found[1]) - (exact - exact[1])).max()
    longest = np.linalg.norm(block.features[0])
    assert 4 * 2.0**-24 * (2 * longest) ** 2 < off <= block.margin[0]
