"""Intra-identity correlation: hand cases, the analysis of variance by loops, properties."""

from __future__ import annotations

from dataclasses import astuple, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.stats.correlation import Agreement, agreement
from harness.stats.trials import PerQuery
from tests.stats.rows import random_row, trial


def naive(row: list[PerQuery]) -> tuple[float, float]:
    """Return ICC and n0 by loops over trials, identities and queries."""
    between = within = size = 0.0
    between_freedom = within_freedom = 0
    for one in row:
        groups: dict[int, list[float]] = {}
        for value, pid in zip(one.values, one.pids, strict=True):
            if not np.isnan(value):
                groups.setdefault(int(pid), []).append(float(value))
        everyone = [value for values in groups.values() for value in values]
        mean = sum(everyone) / len(everyone)
        for values in groups.values():
            own = sum(values) / len(values)
            between += len(values) * (own - mean) ** 2
            within += sum((value - own) ** 2 for value in values)
        size += len(everyone) - sum(len(v) ** 2 for v in groups.values()) / len(everyone)
        between_freedom += len(groups) - 1
        within_freedom += len(everyone) - len(groups)
    n0 = size / between_freedom
    msb, msw = between / between_freedom, within / within_freedom
    return (msb - msw) / (msb + (n0 - 1) * msw), n0


def test_by_hand():
    """Three identities with 3, 2 and 1 queries: ICC 21/65, design effect 33/26."""
    # Means 2/3, 0, 1; of all 1/2. MSB = (3/36 + 2/4 + 1/4) / 2 = 5/12, MSW = (2/3) / 3 = 2/9,
    # n0 = (6 - 14/6) / 2 = 11/6. ICC = (5/12 - 2/9) / (5/12 + 5/6 x 2/9) = 21/65.
    found = agreement([trial([1, 1, 0, 0, 0, 1], [1, 1, 1, 2, 2, 3])])

    assert astuple(found) == pytest.approx((21 / 65, 11 / 6, 33 / 26))


def test_full_agreement():
    """Where all queries of an identity agree and identities differ, ICC is 1: ten tell no more."""
    found = agreement([trial([1] * 10 + [0] * 10, [1] * 10 + [2] * 10)])

    assert astuple(found) == pytest.approx((1, 10, 10))


def test_full_disagreement():
    """Where each identity has the same mixture, ICC is as low as it can be, -1 / (n - 1)."""
    assert agreement([trial([0, 1, 0, 1, 0, 1], [1, 1, 2, 2, 3, 3])]).icc == pytest.approx(-1)


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_naive_transcription(seed):
    """ICC and n0 are those of loops over trials, identities and queries."""
    row = random_row(np.random.default_rng(seed))
    found = agreement(row)

    assert (found.icc, found.queries_each) == pytest.approx(naive(row))
    assert found.icc is not None
    assert found.queries_each is not None
    assert found.design_effect == pytest.approx(1 + (found.queries_each - 1) * found.icc)


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_order_shift_and_scale_do_not_matter(seed):
    """ICC is the same for queries in another order, and for 3 x + a constant of each trial."""
    rng = np.random.default_rng(seed)
    row = random_row(rng)
    other = []
    for one in row:
        order = rng.permutation(len(one.values))
        shifted = 3 * one.values[order] + rng.random()
        other.append(replace(one, values=shifted, pids=one.pids[order]))

    assert astuple(agreement(other)) == pytest.approx(astuple(agreement(row)))


def test_known_correlation_is_found():
    """Identity effects of variance 0.4 and a rest of 0.1 have ICC 0.8."""
    rng = np.random.default_rng(0)
    pids = np.repeat(np.arange(400), 5)
    values = rng.normal(0, 0.4**0.5, 400)[pids] + rng.normal(0, 0.1**0.5, 2000)

    assert agreement([trial(values, pids)]).icc == pytest.approx(0.8, abs=0.04)


@pytest.mark.parametrize(
    ("values", "pids", "queries_each"),
    [
        ([1, 0, 1], [1, 2, 3], 1.0),  # one query each
        ([0.1] * 6, [1, 1, 2, 2, 3, 3], 2.0),  # all equal
        ([1, 0, 1], [7, 7, 7], None),  # one identity
        ([np.nan, np.nan], [1, 2], None),  # no value
    ],
)
def test_what_cannot_be_told(values, pids, queries_each):
    """Without two queries of an identity, two identities, or any difference there is no ICC."""
    assert agreement([trial(values, pids)]) == Agreement(None, queries_each, None)


def test_no_trial_is_refused():
    """A row without a trial has no correlation."""
    with pytest.raises(UsageError, match="no trial"):
        agreement([])
