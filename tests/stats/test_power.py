"""The smallest detectable difference: by hand, by loops, by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from harness.stats.power import detectable, standard_error
from harness.stats.trials import PerQuery
from tests.stats.rows import random_row, trial


def naive(row: list[PerQuery]) -> float:
    """Return the standard error by loops over identities and trials."""
    pids = {int(p) for one in row for p, v in zip(one.pids, one.values, strict=True) if v == v}
    squares = 0.0
    for pid in pids:
        e = 0.0
        for one in row:
            values = [v for v in one.values if v == v]
            mean = sum(values) / len(values)
            own = [v for v, p in zip(one.values, one.pids, strict=True) if p == pid and v == v]
            e += sum(v - mean for v in own) / len(values) / len(row)
        squares += e**2
    return math.sqrt(len(pids) / (len(pids) - 1) * squares)


def test_by_hand():
    """Two identities that differ by 0.1 and 0.3: 1.408."""
    # s^2 = 0.02, SE = sqrt(0.02 / 2) = 0.1. t with 1 degree of freedom: 12.7062 and 1.3764.
    row = [trial([0.1, 0.1, 0.3, 0.3], [1, 1, 2, 2])]

    assert standard_error(row) == pytest.approx(0.1)
    assert detectable(row) == pytest.approx(1.40826, abs=1e-5)


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_naive_transcription(seed):
    """The standard error is that of loops, over trials with unequal identities."""
    row = random_row(np.random.default_rng(seed))

    assert standard_error(row) == pytest.approx(naive(row))


def test_a_trial_that_is_repeated_adds_nothing():
    """The same differences in two trials are known no better than in one."""
    one = trial([0.1, 0.4, 0.2, 0.3], [1, 1, 2, 3])
    again = trial([0.1, 0.4, 0.2, 0.3], [1, 1, 2, 3], seed=1)

    assert standard_error([one, again]) == pytest.approx(standard_error([one]))


def test_a_difference_of_that_size_is_found_four_times_in_five():
    """A two-sided t-test at 5 % finds the detectable difference with a power of 80 %."""
    rng = np.random.default_rng(0)
    sample = rng.normal(0, 1, 25)
    size = detectable([trial((sample - sample.mean()) / sample.std(ddof=1), np.arange(25))])
    assert size is not None
    p = np.asarray(ttest_1samp(rng.normal(size, 1, (2000, 25)), 0, axis=1).pvalue)

    # Binomial sd of 2,000 draws at 0.8: 0.9 points; the formula is exact to about a point.
    assert (p <= 0.05).mean() == pytest.approx(0.80, abs=0.04)


def test_more_identities_show_smaller_differences():
    """Four times the identities halve the difference, and a little more."""
    few, many = ([trial(np.tile([0.0, 1.0], n), np.arange(2 * n))] for n in (10, 40))

    assert (detectable(many) or 0) == pytest.approx((detectable(few) or 0) / 2, rel=0.1)


@pytest.mark.parametrize(
    ("values", "pids"), [([0, 0, 0], [1, 2, 3]), ([0.1] * 3, [1, 2, 3]), ([0, 1], [7, 7])]
)
def test_what_cannot_be_told(values, pids):
    """Rows that never differ, or equally much everywhere, or for one identity, show nothing."""
    assert detectable([trial(values, pids)]) is None
