"""Exact single-shot expectations: by hand, by enumeration of every draw, by properties."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from harness.evaluation.single_shot import expected_single_shot, poisson_binomial

probabilities = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0]), min_size=0, max_size=6)


def test_one_coin():
    """One identity that is before the match half of the time: rank 1 or 2, each with 1/2."""
    cmc, reciprocal = expected_single_shot(np.array([[0.5]]), np.array([0]), ranks=3)
    assert cmc.tolist() == [0.5, 1, 1]
    assert reciprocal == 0.75  # (1 + 1/2) / 2


def test_matches_are_drawn_uniformly():
    """With a match always at rank 1 and one always at rank 3, each counts half."""
    cmc, reciprocal = expected_single_shot(np.array([[0.0], [1.0]]), np.array([0, 1]), ranks=4)
    assert cmc.tolist() == [0.5, 0.5, 1, 1]
    assert reciprocal == pytest.approx((1 + 1 / 3) / 2)


def test_equal_coins_are_binomial():
    """Coins of one probability make a binomial variable."""
    first, found = poisson_binomial(np.full(30, 0.3))
    assert first == 0
    assert found == pytest.approx(binom.pmf(np.arange(31), 30, 0.3))


@given(probabilities, st.integers(0, 3))
def test_expectation_agrees_with_every_outcome_of_the_coins(p, always):
    """CMC and reciprocal rank equal the sums over all 2^F outcomes."""
    cmc, reciprocal = np.zeros(5), 0.0
    for outcome in itertools.product([0, 1], repeat=len(p)):
        chance = np.prod([q if heads else 1 - q for q, heads in zip(p, outcome, strict=True)])
        rank = 1 + always + sum(outcome)
        cmc += chance * (np.arange(1, 6) >= rank)
        reciprocal += chance / rank
    found = expected_single_shot(np.array(p).reshape(1, -1), np.array([always]), ranks=5)
    assert found[0] == pytest.approx(cmc)
    assert found[1] == pytest.approx(reciprocal)


@given(probabilities)
def test_cmc_is_a_distribution_function(p):
    """CMC never falls with the rank, never exceeds 1 and reaches it at the last rank."""
    cmc, reciprocal = expected_single_shot(
        np.array(p).reshape(1, -1), np.array([0]), ranks=len(p) + 1
    )
    assert (np.diff(cmc) >= -1e-12).all()
    assert (cmc <= 1).all()
    assert cmc[-1] == pytest.approx(1)
    assert reciprocal >= cmc[0] - 1e-12
