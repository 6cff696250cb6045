"""Two rows by one metric, and who wins where."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import Inconclusive, IntegrityError, UsageError
from harness.stats.comparison import compare
from harness.stats.intervals import interval
from harness.stats.trials import PerQuery
from harness.stats.wins import QueryPair, Tally, count_wins
from tests.stats.rows import random_row, trial


def beside(rng: np.random.Generator, row: list[PerQuery]) -> list[PerQuery]:
    """Return another row over the same queries."""
    return [
        replace(one, values=one.values * 0 + rng.integers(0, 5, len(one.values)) / 4) for one in row
    ]


class TestCompare:
    def test_by_hand(self):
        """Four identities, one query each: A 3/4, B 0, and 4 of 16 sign patterns are as far."""
        # Shares 1/4, 1/4, 1/4, 0: as far as 3/4 are + + + and - - -, each with either sign of 0.
        pids = [1, 2, 3, 4]
        found = compare([trial([1, 1, 1, 0], pids)], [trial([0, 0, 0, 0], pids)])

        assert (found.a, found.b) == pytest.approx((3 / 4, 0))
        assert found.delta.value == pytest.approx(3 / 4)
        assert found.test is not None
        assert found.test.p == 4 / 16

    def test_only_common_trials_count(self):
        """The numbers are those of the trials that both have, not of all."""
        a = [trial([1, 0], [1, 2]), trial([1, 1], [1, 2], split=1)]
        b = [trial([0, 0], [1, 2], split=1), trial([1, 1], [1, 2], split=2)]
        found = compare(a, b)

        assert (found.a, found.b, found.delta.n_trials) == (1.0, 0.0, 1)

    def test_the_statistic_of_the_test_is_the_difference(self):
        """Identities weigh in the test as in A - B: one with many queries more than others."""
        # Identity 1 has 4 of 6 queries: shares 4/6, 1/6, -1/6, in sum 4/6. The sums are 6, 4, 4, 2
        # sixths and their negatives: 6 of 8 are as far. Of means 1, 1, -1 all 8 would be.
        pids = [1, 1, 1, 1, 2, 3]
        found = compare([trial([1, 1, 1, 1, 1, 0], pids)], [trial([0, 0, 0, 0, 0, 1], pids)])

        assert found.test is not None
        assert found.test.p == 6 / 8

    @given(st.integers(0, 10_000))
    @settings(max_examples=10, deadline=None)
    def test_swapping_flips_the_difference_and_keeps_p(self, seed):
        """B - A is minus A - B, with the same p, the same correlation and the same sensitivity."""
        rng = np.random.default_rng(seed)
        a = random_row(rng)
        b = beside(rng, a)
        one, other = compare(a, b), compare(b, a)

        assert one.delta.value == pytest.approx(-(other.delta.value or 0.0))
        assert one.test == other.test
        assert one.detectable == pytest.approx(other.detectable)
        assert (one.a, one.agreement_a) == (other.b, other.agreement_b)
        assert one.agreement_delta.icc == pytest.approx(other.agreement_delta.icc)

    def test_identical_rows_are_tied(self):
        """A row does not differ from itself: 0, p 1, tied, and nothing can be said of its size."""
        row = random_row(np.random.default_rng(0))
        found = compare(row, row)

        assert (found.delta.value, found.delta.low, found.delta.high) == (0.0, 0.0, 0.0)
        assert found.test is not None
        assert (found.test.p, found.tied, found.detectable) == (1.0, True, None)

    def test_adding_a_constant_to_both_changes_nothing(self):
        """Only differences matter: both rows moved by 0.25 compare as before."""
        rng = np.random.default_rng(1)
        a = random_row(rng)
        b = beside(rng, a)
        moved = [[replace(t, values=t.values + 0.25) for t in row] for row in (a, b)]
        one, other = compare(a, b), compare(*moved)

        assert other.delta == one.delta
        assert other.test == one.test
        assert (other.a or 0) == pytest.approx((one.a or 0) + 0.25)

    def test_a_constant_gain_is_no_tie(self):
        """A row that is 0.25 better for every query is better, and p as small as it can be."""
        row = random_row(np.random.default_rng(2))
        found = compare([replace(t, values=t.values + 0.25) for t in row], row)

        assert found.delta.low == pytest.approx(0.25)
        assert found.tied is False
        assert found.test is not None
        assert found.test.p == pytest.approx(2 / 2**found.delta.n_identities)

    def test_the_rule_is_the_interval(self):
        """Tied says exactly that the interval of the differences contains zero."""
        rng = np.random.default_rng(3)
        outcomes = set()
        for gain in (0.0, 0.1, 0.2, 0.3, 0.4):
            a = random_row(rng, identities=9, queries=40)
            b = [replace(t, values=t.values - gain) for t in beside(rng, a)]
            found = compare(a, b)
            both = zip(a, b, strict=True)
            ends = interval([replace(x, values=x.values - y.values) for x, y in both])
            assert found.delta == ends
            assert ends.low is not None
            assert ends.high is not None
            assert found.tied is (ends.low <= 0 <= ends.high)
            outcomes.add(found.tied)
        assert outcomes == {True, False}

    def test_one_identity_decides_nothing(self):
        """With one identity there is a difference and no verdict."""
        found = compare([trial([1, 1], [7, 7])], [trial([0, 0], [7, 7])])

        assert (found.delta.value, found.tied, found.detectable) == (1.0, None, None)
        assert found.test is not None
        assert found.test.p == 1.0

    def test_metric_without_a_value(self):
        """Where a trial has no value there is no number at all."""
        row = [trial([np.nan, np.nan], [1, 2])]
        found = compare(row, row)

        assert (found.a, found.b, found.delta.value) == (None, None, None)
        assert (found.test, found.tied, found.detectable) == (None, None, None)

    @pytest.mark.parametrize(
        ("other", "error", "said"),
        [
            ([], UsageError, "no trial"),
            ([trial([1, 0], [1, 2], protocol="q")], UsageError, "different protocols: p, q"),
            ([trial([1, 0], [1, 2], seed=1)], Inconclusive, "no trial"),
            ([trial([1, 0], [1, 3])], IntegrityError, "different queries in split 0"),
        ],
    )
    def test_refusals(self, other, error, said):
        """Rows that cannot be paired are refused with the reason."""
        with pytest.raises(error, match=said):
            compare([trial([1, 0], [1, 2])], other)


class TestWins:
    def test_by_hand(self):
        """Of three identities A wins one with two of its three queries, B one, one is equal."""
        pids = [1, 1, 1, 2, 3, 3]
        a, b = trial([1, 1, 0, 0, 1, 0], pids), trial([0, 0, 1, 1, 0, 1], pids)
        found = count_wins([a], [b])

        assert found.identities == Tally(a=1, b=1, equal=1)
        assert found.queries == Tally(a=3, b=3, equal=0)
        ((first,), (second,)) = found.of_a, found.of_b
        assert (first.pid, first.delta) == pytest.approx((1, 1 / 3))
        assert [query.index for query in first.queries] == [0, 1, 2]
        assert (second.pid, second.delta) == (2, -1.0)
        assert second.queries == (QueryPair(split=0, seed=0, index=3, a=0.0, b=1.0),)

    def test_lower_is_better(self):
        """Of a distance the lower one wins; the difference stays A - B."""
        a, b = [trial([0.2, 0.5], [1, 2])], [trial([0.1, 0.9], [1, 2])]
        found = count_wins(a, b, higher_is_better=False)

        assert found.identities == Tally(a=1, b=1, equal=0)
        ((first,), (second,)) = found.of_a, found.of_b
        assert (first.pid, first.delta) == pytest.approx((2, -0.4))
        assert (second.pid, second.delta) == pytest.approx((1, 0.1))

    def test_identity_of_several_trials_is_one(self):
        """An identity is counted once, with its queries of all trials, the clearest first."""
        a = [trial([1, 1, 0], [1, 1, 2]), trial([1], [1], split=1)]
        b = [trial([0, 1, 0], [1, 1, 2]), trial([0], [1], split=1)]
        found = count_wins(a, b)
        (won,) = found.of_a

        assert found.identities == Tally(a=1, b=0, equal=1)
        # Weights 1/6, 1/6 and 1/2 of differences 1, 0 and 1: (1/6 + 1/2) / (5/6) = 4/5.
        assert won.delta == pytest.approx(4 / 5)
        assert [(query.split, query.index) for query in won.queries] == [(0, 0), (1, 0), (0, 1)]

    @given(st.integers(0, 10_000))
    @settings(max_examples=30, deadline=None)
    def test_naive_transcription_and_swap(self, seed):
        """Wins are those of loops over queries; swapping A and B swaps them."""
        rng = np.random.default_rng(seed)
        a = random_row(rng)
        b = beside(rng, a)
        found, swapped = count_wins(a, b), count_wins(b, a)
        pairs = [
            (x, y)
            for one, other in zip(a, b, strict=True)
            for x, y in zip(one.values, other.values, strict=True)
            if x == x
        ]

        assert found.queries == Tally(
            a=sum(x > y for x, y in pairs),
            b=sum(x < y for x, y in pairs),
            equal=sum(x == y for x, y in pairs),
        )
        for one, other in (
            (found.identities, swapped.identities),
            (found.queries, swapped.queries),
        ):
            assert (one.a, one.b, one.equal) == (other.b, other.a, other.equal)
        assert {won.pid for won in found.of_a} == {won.pid for won in swapped.of_b}

    def test_the_largest_are_named(self):
        """No more than asked for are named, the largest win first."""
        pids = np.arange(1, 8)
        found = count_wins([trial(pids / 10, pids)], [trial(pids * 0, pids)], largest=3)

        assert [won.pid for won in found.of_a] == [7, 6, 5]
        assert found.of_b == ()
        assert found.identities == Tally(a=7, b=0, equal=0)
