"""The tests of non-inferiority behind the checkpoint and the method tier."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, t

from harness.errors import Inconclusive, IntegrityError
from harness.gate.loss import loss_of_methods, loss_of_models, smallest_found, widened
from harness.stats.power import standard_error
from harness.stats.trials import differences
from tests.gate.stall import values

MARGIN = 0.005


def row(matrix, *, split=None):
    """Return trials of a (fits, people) matrix: seeds of one split, or splits of one seed."""
    return [
        values(of_fit, **({"seed": i} if split is None else {"split": i}))
        for i, of_fit in enumerate(matrix)
    ]


class TestOfModels:
    """The checkpoint tier: these very models."""

    def test_by_hand(self):
        """Mean, margin, interval and p-value of four people are those of the formulas."""
        old, new = values([0.5, 0.5, 0.5, 0.5]), values([0.3, 0.4, 0.4, 0.5])
        # differences -0.2, -0.1, -0.1, 0: mean -0.1, s^2 = (0.01 + 0 + 0 + 0.01) / 3,
        # SE = sqrt(s^2 / 4) = sqrt(0.02 / 12); margin 2 SE; T with 3 degrees of freedom
        error = math.sqrt(0.02 / 12)

        found = loss_of_models([new], [old], MARGIN)

        assert found.delta.value == pytest.approx(-0.1)
        assert found.error == pytest.approx(error)
        assert found.margin == pytest.approx(2 * error)
        assert found.delta.low == pytest.approx(-0.1 - 3.182446 * error)
        assert found.delta.high == pytest.approx(-0.1 + 3.182446 * error)
        assert found.p == pytest.approx(t.cdf((-0.1 + 2 * error) / error, 3))
        assert (found.certain, found.excluded) == (False, False)
        assert found.delta.method == "t over identities, these splits only"

    def test_of_many_people_the_interval_is_resampled(self):
        """With 100 people and more the interval is BCa over identities."""
        rng = np.random.default_rng(0)
        old = rng.random(150)
        found = loss_of_models([values(old - 0.3 + 0.01 * rng.random(150))], [values(old)], MARGIN)

        assert found.delta.method.startswith("BCa over identities")
        assert found.certain

    def test_a_copy_has_no_loss(self):
        """A row held against itself has no loss, and any loss is excluded."""
        same = values([0.2, 0.9, 0.4])

        found = loss_of_models([same], [same], MARGIN)

        assert (found.delta.low, found.delta.high, found.margin) == (0, 0, MARGIN)
        assert (found.certain, found.excluded, found.p) == (False, True, 1.0)

    def test_the_same_loss_for_everybody_is_certain(self):
        """Where all of 8 people lose alike the loss is certain, with a p-value of 2^-7."""
        old = values([0.5] * 8)

        found = loss_of_models([values([0.4] * 8)], [old], MARGIN)

        assert (found.certain, found.p) == (True, 0.5**7)

    def test_one_person_decides_nothing(self):
        """With one identity nothing is certain and nothing excluded."""
        old, new = values([0.5, 0.5], [1, 1]), values([0.1, 0.1], [1, 1])

        found = loss_of_models([new], [old], MARGIN)

        assert (found.certain, found.excluded, found.p) == (False, False, 1.0)
        assert found.detectable() is None

    def test_other_queries_are_refused(self):
        """Rows of other people are not compared."""
        with pytest.raises(IntegrityError, match="different queries"):
            loss_of_models([values([0.5], [1])], [values([0.5], [2])], MARGIN)

    def test_no_common_trial_is_refused(self):
        """Rows without a trial in common are not compared."""
        with pytest.raises(Inconclusive, match="no trial"):
            loss_of_models([values([0.5], split=1)], [values([0.5])], MARGIN)

    @settings(max_examples=30)
    @given(st.lists(st.floats(-0.4, 0.4), min_size=3, max_size=20), st.floats(0, 0.2))
    def test_a_larger_loss_is_never_less_certain(self, change, more):
        """Taking the same from everybody makes no p-value larger."""
        old = values([0.5] * len(change))
        less = loss_of_models([values([0.5 + c for c in change])], [old], MARGIN)
        worse = loss_of_models([values([0.5 + c - more for c in change])], [old], MARGIN)

        assert worse.p <= less.p + 1e-9
        assert not (less.certain and not worse.certain)

    def test_alarms_at_the_margin_keep_their_level(self):
        """With 40 people and 5 queries of each that agree, a loss of the margin alarms in 5 %."""
        rng = np.random.default_rng(1)
        people = np.repeat(np.arange(40), 5)
        old = values(np.full(200, 0.5), people)
        alarms = 0
        for _ in range(1000):
            change = 0.1 * rng.standard_normal(40)[people] + 0.1 * rng.standard_normal(200)
            margin = widened(MARGIN, standard_error([values(change, people)]))
            found = loss_of_models([values(0.5 + change - margin, people)], [old], MARGIN)
            alarms += found.p < 0.05
        # 50 are expected; 70 is 3 standard deviations of a binomial above
        assert 30 <= alarms <= 70


class TestOfMethods:
    """The method tier: models that could have been trained."""

    def test_seeds_alone(self):
        """Where fits differ and people do not, the error is that of two means of 5 fits."""
        rng = np.random.default_rng(2)
        new, old = 0.5 + 0.05 * rng.standard_normal((2, 5))
        found = loss_of_methods(row([[x] * 30 for x in new]), row([[x] * 30 for x in old]), MARGIN)

        expected = math.sqrt(new.var(ddof=1) / 5 + old.var(ddof=1) / 5)
        assert found.delta.value == pytest.approx(new.mean() - old.mean())
        assert found.error == pytest.approx(expected, rel=0.03)
        assert found.freedom == 4

    def test_people_alone(self):
        """Where people differ and fits do not, the error is that of a mean over people."""
        rng = np.random.default_rng(3)
        old = rng.random(60)
        new = old - 0.2 + 0.1 * rng.standard_normal(60)
        found = loss_of_methods(row([new] * 5), row([old] * 5), MARGIN)

        pair = differences([values(new)], [values(old)])
        assert found.error == pytest.approx(standard_error(pair), rel=0.03)

    def test_splits_are_drawn_with_both_their_fits(self):
        """With ten splits, what makes a split hard for both sides is no uncertainty."""
        rng = np.random.default_rng(4)
        hard = rng.random((10, 1))
        old = np.repeat(hard, 20, axis=1)
        found = loss_of_methods(row(old - 0.1, split=True), row(old, split=True), MARGIN)

        assert found.error == pytest.approx(0, abs=1e-9)
        assert found.delta.value == pytest.approx(-0.1)
        assert found.certain
        assert found.delta.method == "splits and identities resampled"

    def test_few_seeds_stretch_the_interval(self):
        """Deviations are stretched to those of t with 4 degrees of freedom at the level of 5 %."""
        rng = np.random.default_rng(5)
        new, old = 0.5 + 0.05 * rng.standard_normal((2, 5))
        found = loss_of_methods(row([[x] * 30 for x in new]), row([[x] * 30 for x in old]), MARGIN)
        assert found.error is not None
        assert found.delta.high is not None
        assert found.delta.value is not None
        reach = (found.delta.high - found.delta.value) / found.error

        assert reach == pytest.approx(1.96 * t.ppf(0.95, 4) / norm.ppf(0.95), rel=0.06)

    def test_other_seeds_than_before(self):
        """Seeds of the two sides need not be the same: they are drawn apart."""
        new = [values([0.1] * 8, seed=10 + i) for i in range(5)]
        old = [values([0.6] * 8, seed=i) for i in range(5)]

        assert loss_of_methods(new, old, MARGIN).certain

    def test_no_change_is_no_loss(self):
        """A method held against itself is neither worse nor is that left open."""
        same = row([[0.5 + 0.001 * i] * 8 for i in range(5)])

        found = loss_of_methods(same, same, MARGIN)

        assert (found.certain, found.excluded) == (False, True)

    def test_one_fit_decides_nothing(self):
        """One fit of a side tells nothing of others: no interval, no probability, no verdict."""
        found = loss_of_methods(row([[0.0] * 40]), row([[1.0] * 40] * 5), MARGIN)

        assert (found.delta.value, found.delta.low, found.delta.high) == (-1, None, None)
        assert (found.certain, found.excluded, found.p, found.freedom) == (False, False, 1.0, 0)
        assert found.error is None
        assert found.detectable() is None

    @pytest.mark.parametrize("empty", ["new", "old"])
    def test_a_trial_without_values_is_refused(self, empty):
        """A trial in which no query has a value is no 0: it is not compared."""
        sides = {"new": row([[0.0] * 8] * 5), "old": row([[0.0] * 8] * 5)}
        sides[empty][3] = values([math.nan] * 8, seed=3)

        with pytest.raises(IntegrityError, match="No query of split 0, seed 3 has a value"):
            loss_of_methods(sides["new"], sides["old"], MARGIN)


def test_smallest_found_is_found_four_times_in_five():
    """Of estimates around the smallest loss that is found, 80 % lie where it is called certain."""
    error, freedom = 0.01, 60
    loss = smallest_found(error, freedom, MARGIN)
    estimates = -loss + error * np.random.default_rng(6).standard_t(freedom, 200_000)
    ends = estimates + t.ppf(0.975, freedom) * error

    assert np.mean(ends < -2 * error) == pytest.approx(0.8, abs=0.005)


def test_of_five_standard_errors_nearly():
    """With many people and two metrics, the smallest loss found is 4.8 standard errors."""
    # margin 2 SE + 1.96 SE of the interval + 0.84 SE of the power
    assert smallest_found(0.01, 10_000, 0) == pytest.approx(0.048, abs=2e-4)
    assert smallest_found(0.01, 10_000, 0, alpha=0.025) == smallest_found(0.01, 10_000, 0)
