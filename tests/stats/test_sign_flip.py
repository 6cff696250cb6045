"""The sign-flip test: hand cases, all patterns by a loop, size under the null."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.stats.sign_flip import sign_flip

SHARES = st.lists(st.integers(-8, 8).map(lambda n: n / 64), min_size=1, max_size=8)


def naive(shares: list[float]) -> float:
    """Return the share of all sign patterns whose sum is as far from zero, by a loop."""
    found = abs(sum(shares))
    far = [
        abs(sum(sign * share for sign, share in zip(signs, shares, strict=True))) >= found
        for signs in product([1, -1], repeat=len(shares))
    ]
    return sum(far) / len(far)


@pytest.mark.parametrize(
    ("shares", "p"),
    [
        ([3, 1, 1], 2 / 8),  # sums 5, 3, 3, 1 and their negatives: 5 and -5
        ([3, 1, -1], 6 / 8),  # the same sums; 3 was found: 5, 3, 3 and their negatives
        ([2, -2], 1.0),  # 0 was found, and nothing is nearer
        ([0.5], 1.0),  # one identity: 0.5 and -0.5 are as far
    ],
)
def test_by_hand(shares, p):
    """The p-value counts the sign patterns whose sum is as far from zero as the one found."""
    found = sign_flip(np.array(shares, float))

    assert (found.p, found.exact, found.patterns) == (p, True, 2 ** len(shares))


@given(SHARES)
@settings(max_examples=60, deadline=None)
def test_few_identities_are_enumerated(shares):
    """With few identities p is that of a loop over all sign patterns."""
    assert sign_flip(np.array(shares)).p == pytest.approx(naive(shares), abs=1e-12)


@given(SHARES, st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_sign_and_order_do_not_matter(shares, seed):
    """Swapping A and B keeps p, exact or drawn, and so does the order of identities."""
    values = np.array(shares)
    shuffled = np.random.default_rng(seed).permutation(values)

    assert sign_flip(values).p == sign_flip(-values).p
    assert sign_flip(values, draws=19).p == sign_flip(-values, draws=19).p
    assert sign_flip(values).p == pytest.approx(sign_flip(shuffled).p)


def test_many_identities_are_drawn():
    """With many identities patterns are drawn, and p is near the one over all of them."""
    shares = np.random.default_rng(0).normal(0.4, 1, 14)
    exact, drawn = sign_flip(shares, draws=2**14), sign_flip(shares, draws=9999)

    assert (exact.exact, exact.patterns) == (True, 16384)
    assert (drawn.exact, drawn.patterns) == (False, 9999)
    # Binomial: four standard deviations of a share of 9,999 draws.
    assert drawn.p == pytest.approx(exact.p, abs=4 * np.sqrt(exact.p * (1 - exact.p) / 9999))
    assert "all 16,384" in exact.method
    assert "9,999 drawn" in drawn.method


@pytest.mark.parametrize("sign", [1, -1])
def test_the_pattern_found_is_one_of_the_drawn(sign):
    """A drawn p is never zero: the least is (1 + 0) / (1 + draws), whoever is better."""
    found = sign_flip(np.full(60, sign * 0.01), draws=99)

    assert (found.p, found.exact) == (1 / 100, False)  # 2 of 2^60 patterns are as far


def test_a_drawn_p_counts_what_is_as_far_to_either_side():
    """Over many seeds a drawn p is (1 + draws x the p of all patterns) / (1 + draws)."""
    shares = [3.0, 2, 2, 1, 1, 1, -1, 1]
    p, draws, seeds = naive(shares), 19, 400
    drawn = [sign_flip(np.array(shares), seed=seed, draws=draws).p for seed in range(seeds)]

    # p is 2 x (1 + 5) / 256: sums 12 and, with a 1 less, 10. Binomial sd of all draws: 0.0024.
    sd = np.sqrt(p * (1 - p) / draws / seeds)
    assert np.mean(drawn) == pytest.approx((1 + draws * p) / (1 + draws), abs=4 * sd)


def test_a_drawn_zero_is_no_difference():
    """Where the sum is zero every drawn pattern is as far or farther, and p is 1."""
    assert sign_flip(np.array([1.0, -1] * 30), draws=99).p == 1.0


def test_equal_sums_are_equal_whatever_their_rounding():
    """0.1 + 0.2 - 0.3 is no farther from zero than -0.1 - 0.2 + 0.3."""
    assert sign_flip(np.array([0.1, 0.2, -0.3])).p == 1.0


def test_seed_decides_the_draws():
    """The same seed gives the same p, another seed another one."""
    shares = np.random.default_rng(1).normal(0.2, 1, 30)

    assert sign_flip(shares, seed=1) == sign_flip(shares, seed=1)
    assert len({sign_flip(shares, seed=seed).p for seed in range(5)}) > 1


def test_batches_change_nothing(monkeypatch):
    """Patterns are drawn in batches to bound memory; p is near the same."""
    shares = np.random.default_rng(2).normal(0.3, 1, 10)
    whole = sign_flip(shares)
    monkeypatch.setattr("harness.stats.sign_flip._BATCH_CELLS", 70)  # 7 patterns at a time

    assert sign_flip(shares) == whole


def test_p_is_uniform_where_a_and_b_are_equal():
    """Where the signs are chance, p is at most 0.05, 0.2 or 0.5 that often and not more."""
    rng = np.random.default_rng(3)
    p = np.array([sign_flip(rng.normal(0, rng.random(8))).p for _ in range(400)])

    # Binomial sd of 400 draws: 1.1, 2.0 and 2.5 points. p has steps of 2 / 256.
    for level in (0.05, 0.2, 0.5):
        sd = np.sqrt(level * (1 - level) / 400)
        assert (p <= level).mean() == pytest.approx(level, abs=3.5 * sd + 2 / 256)
