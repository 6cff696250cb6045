"""Expectations over ties: by hand, against every order, between the best and the worst."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.definitions import METRICS, find_or_raise
from harness.definitions.measure import measure, measure_all
from harness.types import MetricInput
from tests.definitions.rankings import evidence_of_levels, evidence_of_ranks, orders

levels = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=3).filter(
    lambda images: any(matches for matches, _ in images)
)

HAS_EXPECTATION = [
    spec
    for spec in METRICS
    if spec.input is MetricInput.COUNTS and spec.expected and not spec.needs
]


def expected_value(name, queries, k=None):
    """Return the expected value of a metric."""
    return measure(find_or_raise(name), evidence_of_levels(queries), k, ties="expected").value


# By hand


def test_one_match_and_one_negative_at_one_distance():
    """The match is first in one of two orders: all is the mean of rank 1 and rank 2."""
    queries = [[(1, 1)]]
    assert expected_value("cmc_multi@1", queries, 1) == 1 / 2
    assert expected_value("cmc_all_shots@1", queries, 1) == 1 / 2
    assert expected_value("map_sum_precision@1", queries) == pytest.approx((1 + 1 / 2) / 2)
    assert expected_value("map_trapezoid@1", queries) == pytest.approx((1 + 1 / 4) / 2)
    assert expected_value("minp@1", queries) == pytest.approx((1 + 1 / 2) / 2)


def test_two_matches_tie_with_a_negative_behind_a_negative():
    """Ranks 2, 3 or 2, 4 or 3, 4, as likely each."""
    queries = [[(0, 1), (2, 1)]]
    # Sums of precisions 1/2 + 2/3, 1/2 + 2/4 and 1/3 + 2/4, each over two matches.
    by_sum = (Fraction(7, 6) + 1 + Fraction(5, 6)) / 2 / 3
    assert expected_value("map_sum_precision@1", queries) == pytest.approx(float(by_sum))
    # Precisions before 0/1 + 1/2, 0/1 + 1/3 and 0/2 + 1/3.
    before = (Fraction(1, 2) + Fraction(1, 3) + Fraction(1, 3)) / 2 / 3
    by_trapezoid = float((by_sum + before) / 2)
    assert expected_value("map_trapezoid@1", queries) == pytest.approx(by_trapezoid)
    assert expected_value("minp@1", queries) == pytest.approx((2 / 3 + 2 / 4 + 2 / 4) / 3)
    assert expected_value("cmc_multi@1", queries, 1) == 0
    assert expected_value("cmc_multi@1", queries, 5) == 1
    assert expected_value("cmc_all_shots@1", queries, 1) == 0


def test_features_that_are_all_equal_score_as_chance():
    """With one match among 50 images at one distance, rank-k is k / 50."""
    for k in (1, 5, 10, 20):
        assert expected_value("cmc_multi@1", [[(1, 49)]], k) == pytest.approx(k / 50)
    harmonic = sum(1 / rank for rank in range(1, 51))
    assert expected_value("map_sum_precision@1", [[(1, 49)]]) == pytest.approx(harmonic / 50)


# Naive transcription


@pytest.mark.parametrize("spec", HAS_EXPECTATION, ids=lambda spec: spec.name)
@given(st.lists(levels, min_size=1, max_size=3))
@settings(deadline=None)
def test_expectation_is_the_mean_over_every_order(spec, queries):
    """The closed form equals the mean over all orders of the images at one distance."""
    for k in spec.ranks or (None,):
        found = measure(spec, evidence_of_levels(queries), k, ties="expected")
        for value, images in zip(found.values, queries, strict=True):
            every = evidence_of_ranks(list(orders(images)))
            assert value == pytest.approx(measure(spec, every, k).value, abs=1e-12)


# Properties


@given(st.lists(levels, min_size=1, max_size=4))
@settings(deadline=None)
def test_expectation_lies_between_the_best_and_the_worst_order(queries):
    """Query by query, optimistic >= expected >= pessimistic, and all agree without ties."""
    evidence = evidence_of_levels(queries)
    best, mean, worst = (
        measure_all(evidence, HAS_EXPECTATION, ties=ties)
        for ties in ("optimistic", "expected", "pessimistic")
    )
    is_free = ~np.array([any(t and e for t, e in images) for images in queries])
    for high, middle, low in zip(best, mean, worst, strict=True):
        assert (high.values >= middle.values - 1e-12).all()
        assert (middle.values >= low.values - 1e-12).all()
        assert np.array_equal(high.values[is_free], low.values[is_free])
        assert middle.values[is_free] == pytest.approx(low.values[is_free], abs=1e-12)


def test_stored_rule_is_the_worst_order():
    """The pessimistic value of AP is that of the worst order, the optimistic of the best."""
    images = [(1, 1), (2, 2)]
    every = [
        measure(find_or_raise("map_sum_precision@1"), evidence_of_ranks([order])).values[0]
        for order in orders(images)
    ]
    spec, evidence = find_or_raise("map_sum_precision@1"), evidence_of_levels([images])
    assert measure(spec, evidence).value == pytest.approx(min(every))
    assert measure(spec, evidence, ties="optimistic").value == pytest.approx(max(every))


@pytest.mark.parametrize("count", [1, 1000, 100_000])
def test_expectation_is_accurate_deep_in_a_large_gallery(count):
    """Harmonic sums keep their digits where thousands of negatives are nearer."""
    evidence = evidence_of_levels([[(0, count), (1, 1)]])
    mean = (1 / (count + 1) + 1 / (count + 2)) / 2
    found = measure(find_or_raise("map_sum_precision@1"), evidence, ties="expected").value
    assert found == pytest.approx(mean, rel=1e-9)
