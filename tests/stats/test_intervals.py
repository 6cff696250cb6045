"""Intervals by resampling identities: hand cases, naive transcription, coverage, bad input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap

from harness.errors import Inconclusive, IntegrityError, UsageError
from harness.stats.intervals import interval, paired
from harness.stats.trials import PerQuery
from harness.types import Interval


def trial(
    values: npt.ArrayLike,
    pids: npt.ArrayLike,
    *,
    split: int = 0,
    seed: int = 0,
    protocol: str = "p",
) -> PerQuery:
    """Return a trial from lists."""
    return PerQuery(np.asarray(values, float), np.asarray(pids), split, seed, protocol)


def clustered(
    rng: np.random.Generator, *, identities: int, queries: int, spread: float
) -> PerQuery:
    """Return a trial whose queries differ by identity and, less, by themselves."""
    of_identity = rng.normal(0.5, spread, identities)
    values = np.repeat(of_identity, queries) + rng.normal(0, 0.1, identities * queries)
    return trial(values, np.repeat(np.arange(identities), queries))


def contains(found: Interval, truth: float | None) -> bool:
    """Return whether the interval covers the truth."""
    assert found.low is not None
    assert found.high is not None
    assert truth is not None
    return found.low <= truth <= found.high


# By hand


def test_value_is_the_mean_over_trials_of_the_mean_over_queries():
    """A trial counts once, however many queries it has, and a query without a value not at all."""
    # split 0: (1 + 0 + 1) / 3 = 2/3; split 1: 1/2, the NaN left out. Mean: 7/12.
    trials = [
        trial([1, 0, 1], [1, 2, 3]),
        trial([0, 1, np.nan], [1, 2, 4], split=1),
    ]
    found = interval(trials)
    assert found.value == pytest.approx(7 / 12)
    assert (found.n_identities, found.n_trials, found.n_seeds) == (3, 2, 1)


def test_seeds_are_counted_once_each():
    """Two splits with two seeds each are four trials of two seeds."""
    trials = [trial([1, 0], [1, 2], split=split, seed=seed) for split in (0, 1) for seed in (3, 4)]
    found = interval(trials)
    assert (found.n_trials, found.n_seeds) == (4, 2)


def test_two_identities_span_all_outcomes():
    """With one identity always right and one always wrong, the interval is 0 to 1."""
    # The resamples are {a, a}, {a, b}, {b, a}, {b, b}: means 1, 1/2, 1/2, 0, each 1/4 of the time.
    found = interval([trial([1, 1, 0, 0], [1, 1, 2, 2])])
    assert (found.low, found.value, found.high) == (0.0, 0.5, 1.0)


def test_trial_that_a_resample_misses_leaves_its_mean():
    """A trial none of whose identities is drawn is left out, and does not count as zero."""
    # The identities share no trial: {1, 1} is trial 0 alone, mean 1; {2, 2} trial 1 alone, mean 0.
    found = interval([trial([1], [1]), trial([0], [2], split=1)])
    assert (found.low, found.value, found.high) == (0.0, 0.5, 1.0)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1.0])
def test_equal_values_collapse_the_interval(constant):
    """Where all values are equal the interval is that value, without NaN or a warning."""
    found = interval([trial([constant] * 6, [1, 1, 2, 2, 3, 3])])
    assert found.value == pytest.approx(constant, abs=1e-15)
    assert (found.low, found.high) == pytest.approx((constant, constant), abs=1e-15)


def test_percentile_stands_in_where_bca_is_undefined():
    """A bootstrap distribution of one value has no BCa interval, and the method says so."""
    found = interval([trial([1, 1], [1, 2])])
    assert found.method == "percentile over identities, these splits only"


def test_one_identity_has_no_interval():
    """One identity tells nothing of how identities differ: a value without ends."""
    found = interval([trial([1, 0], [7, 7])])
    assert (found.value, found.low, found.high) == (0.5, None, None)
    assert found.method == "none: one identity"


def test_trial_without_a_value_leaves_the_row_without_one():
    """A metric that is not defined in one split is not defined for the row."""
    found = interval([trial([1, 0], [1, 2]), trial([np.nan, np.nan], [1, 2], split=1)])
    assert (found.value, found.low, found.high) == (None, None, None)
    assert found.method == "none: a trial has no value"


def test_no_value_at_all_is_no_crash():
    """A row whose queries all lack a value has none, and no identity."""
    found = interval([trial([np.nan], [1])])
    assert (found.value, found.n_identities) == (None, 0)


@pytest.mark.parametrize(("splits", "labelled"), [(1, True), (4, True), (5, False)])
def test_fewer_than_five_splits_are_labelled(splits, labelled):
    """With fewer than 5 splits the method says that it speaks of these splits only."""
    rng = np.random.default_rng(0)
    trials = [trial(rng.random(9), np.arange(9), split=split) for split in range(splits)]
    found = interval(trials, resamples=199)
    assert found.method.startswith("BCa over identities")
    assert ("these splits only" in found.method) is labelled


def test_seeds_do_not_count_as_splits():
    """Five seeds of one split are still one split."""
    rng = np.random.default_rng(0)
    trials = [trial(rng.random(9), np.arange(9), seed=seed) for seed in range(5)]
    assert "these splits only" in interval(trials, resamples=199).method


# Naive transcription


def test_resampling_draws_an_identity_with_its_queries_in_all_trials():
    """The interval is scipy's over a statistic that gathers the drawn identities' queries."""
    rng = np.random.default_rng(1)
    trials = [
        trial(rng.random(12), rng.integers(0, 6, 12), split=split, seed=seed)
        for split in range(3)
        for seed in range(2)
    ]

    def naive(drawn):
        means = []
        drawn = sorted(drawn)
        for one in trials:
            drawn_values = [v for pid in drawn for v in one.values[one.pids == pid]]
            if drawn_values:
                means.append(sum(drawn_values) / len(drawn_values))
        return sum(means) / len(means)

    expected = bootstrap(
        (np.arange(6),),
        naive,
        vectorized=False,
        n_resamples=299,
        method="BCa",
        rng=np.random.default_rng(5),
    ).confidence_interval
    found = interval(trials, seed=5, resamples=299)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_result_does_not_depend_on_memory_batches(monkeypatch):
    """Resamples are drawn in batches to bound memory; the interval is the same."""
    row = [clustered(np.random.default_rng(2), identities=20, queries=3, spread=0.2)]
    whole = interval(row, resamples=499)
    monkeypatch.setattr("harness.stats.intervals._BATCH_CELLS", 140)  # 7 resamples at a time
    found = interval(row, resamples=499)
    assert found.value == whole.value
    assert (found.low, found.high) == pytest.approx((whole.low, whole.high))


# Properties


def test_interval_covers_although_queries_are_clustered():
    """Identity intervals cover the truth about 95 % of the time; query intervals do not."""
    rng = np.random.default_rng(3)
    by_identity = by_query = 0
    for _ in range(200):
        row = clustered(rng, identities=36, queries=10, spread=0.2)
        by_identity += contains(interval([row], resamples=399), 0.5)
        each_alone = replace(row, pids=np.arange(len(row.values)))
        by_query += contains(interval([each_alone], resamples=399), 0.5)
    # Binomial sd of 200 draws at 0.95 is 1.5 points. The design effect of 10 queries with an
    # intra-class correlation of 0.8 is 8.2, so query intervals are sqrt(8.2) = 2.9 times too short.
    assert 0.90 <= by_identity / 200 <= 0.99
    assert by_query / 200 < 0.70


@given(st.lists(st.floats(0, 1), min_size=4, max_size=24), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_order_of_queries_does_not_matter(values, seed):
    """The interval is the same whatever the order of the queries."""
    pids = np.arange(len(values)) // 2
    order = np.random.default_rng(seed).permutation(len(values))
    row = trial(values, pids)
    found = interval([row], resamples=99)
    shuffled = interval([trial(row.values[order], pids[order])], resamples=99)
    assert found.value == pytest.approx(shuffled.value)
    assert (found.low, found.high) == pytest.approx((shuffled.low, shuffled.high), abs=1e-12)


def test_seed_decides_the_resampling():
    """The same seed gives the same interval, another seed another one."""
    row = [clustered(np.random.default_rng(4), identities=20, queries=3, spread=0.2)]
    assert interval(row, seed=1) == interval(row, seed=1)
    assert interval(row, seed=1) != interval(row, seed=2)


def test_higher_level_is_wider():
    """A 99 % interval holds the 80 % one."""
    row = [clustered(np.random.default_rng(5), identities=20, queries=3, spread=0.2)]
    wide, narrow = interval(row, level=0.99), interval(row, level=0.80)
    assert wide.level == 0.99
    assert contains(wide, narrow.low)
    assert contains(wide, narrow.high)


# Paired


def test_paired_is_the_interval_of_the_differences():
    """The paired interval is that of a - b, query by query, over the trials of both."""
    rng = np.random.default_rng(6)
    a = [trial(rng.random(10), np.arange(10) // 2, split=split) for split in range(3)]
    b = [trial(rng.random(10), np.arange(10) // 2, split=split) for split in range(1, 4)]
    differences = [replace(a[i], values=a[i].values - b[i - 1].values) for i in (1, 2)]
    assert paired(a, b) == interval(differences)
    assert paired(a, b).n_trials == 2


def test_paired_sees_a_gain_that_single_intervals_hide():
    """Where identities differ much more than methods do, the paired interval is above zero."""
    b = clustered(np.random.default_rng(7), identities=30, queries=5, spread=0.3)
    a = replace(b, values=b.values + 0.05 + np.random.default_rng(8).normal(0, 0.05, 150))
    gain = paired([a], [b])
    assert gain.low is not None
    assert gain.low > 0
    assert contains(interval([a]), interval([b]).value)


def test_paired_with_itself_is_zero():
    """A row does not differ from itself, and the interval says zero without a warning."""
    row = [clustered(np.random.default_rng(9), identities=9, queries=2, spread=0.2)]
    found = paired(row, row)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_paired_changes_sign_with_its_order():
    """The difference of b and a is minus that of a and b."""
    rng = np.random.default_rng(10)
    a = [clustered(rng, identities=9, queries=2, spread=0.2)]
    b = [clustered(rng, identities=9, queries=2, spread=0.2)]
    assert paired(a, b).value == pytest.approx(-(paired(b, a).value or np.nan))


# Bad input


def test_no_trial_is_refused():
    """A row without a trial has no interval."""
    with pytest.raises(UsageError, match="no trial"):
        interval([])


def test_mixed_protocols_are_refused():
    """Trials of two protocols are never averaged, and rows of two never subtracted."""
    one, other = trial([1, 0], [1, 2]), trial([1, 0], [1, 2], split=1, protocol="q")
    with pytest.raises(UsageError, match="different protocols: p, q"):
        interval([one, other])
    with pytest.raises(UsageError, match="different protocols: p, q"):
        paired([one], [other])


def test_trial_that_occurs_twice_is_refused():
    """Two repeats of one trial are not two trials."""
    with pytest.raises(IntegrityError, match="2 trials have 1 different"):
        interval([trial([1, 0], [1, 2]), trial([0, 0], [1, 2])])


def test_values_without_identities_are_refused():
    """Each value needs the identity of its query."""
    with pytest.raises(IntegrityError, match="3 values and 2 identities"):
        interval([trial([1, 0, 1], [1, 2])])


def test_paired_without_a_common_trial_is_inconclusive():
    """Rows over different splits do not decide which is better."""
    with pytest.raises(Inconclusive, match="no trial"):
        paired([trial([1, 0], [1, 2])], [trial([1, 0], [1, 2], split=1)])


@pytest.mark.parametrize(
    "other", [trial([1, 0], [1, 3]), trial([1, 0, 1], [1, 2, 3]), trial([1, np.nan], [1, 2])]
)
def test_paired_with_other_queries_is_refused(other):
    """A common trial has the same queries, with a value for the same ones."""
    with pytest.raises(IntegrityError, match="different queries in split 0, seed 0"):
        paired([trial([1, 0], [1, 2])], [other])
