"""The formulas of the metrics: published oracles, naive transcription, order among themselves."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.definitions.counts import (
    cmc_all_shots,
    cmc_multi,
    cmc_single,
    map_single,
    map_sum_precision,
    map_trapezoid,
    match_ranks,
    minp,
    tied_share,
)
from tests.definitions.rankings import evidence_of_levels, evidence_of_ranks

ranks_of_matches = st.lists(
    st.lists(st.integers(1, 60), min_size=0, max_size=8, unique=True).map(sorted),
    min_size=1,
    max_size=6,
)


# By hand


def test_average_precision_of_hits_at_1_and_3():
    """The two definitions of AP part: .8333 by sum of precisions, .7917 by trapezoid."""
    evidence = evidence_of_ranks([[1, 3]])
    # By sum (1 + 2/3) / 2, by trapezoid ((1 + 1) / 2 + (1/2 + 2/3) / 2) / 2
    assert map_sum_precision(evidence)[0] == pytest.approx(0.8333, abs=5e-5)
    assert map_trapezoid(evidence)[0] == pytest.approx(0.7917, abs=5e-5)


def test_average_precision_of_hits_at_1_2_4_7():
    """The golden case: standard 0.8304, trapezoid 0.8110."""
    evidence = evidence_of_ranks([[1, 2, 4, 7]])
    # By sum (1 + 1 + 3/4 + 4/7) / 4, by trapezoid (1 + 1 + (2/3 + 3/4) / 2 + (3/6 + 4/7) / 2) / 4
    assert map_sum_precision(evidence)[0] == pytest.approx(0.8304, abs=5e-5)
    assert map_trapezoid(evidence)[0] == pytest.approx(0.8110, abs=5e-5)


def test_one_match_at_rank_r():
    """With one match sum-precision is 1 / r and the trapezoid half of it, except at rank 1."""
    evidence = evidence_of_ranks([[1], [2], [5]])
    assert map_sum_precision(evidence).tolist() == [1, 1 / 2, 1 / 5]
    assert map_trapezoid(evidence).tolist() == [1, 1 / 4, 1 / 10]


def test_minp_looks_at_the_hardest_match():
    """INP is the number of matches over the rank of the last one."""
    assert minp(evidence_of_ranks([[1, 2, 4, 8], [3]])).tolist() == [4 / 8, 1 / 3]


def test_ties_with_negatives_never_help():
    """A negative at the distance of a match is ranked before it."""
    evidence = evidence_of_ranks([[1, 2]])
    evidence.equal[:] = [0, 3]
    _, _, rank = match_ranks(evidence)
    assert rank.tolist() == [1, 5]
    assert map_sum_precision(evidence)[0] == pytest.approx((1 + 2 / 5) / 2)


@pytest.mark.parametrize(("k", "expected"), [(1, [0, 1]), (4, [0, 1]), (5, [1, 1])])
def test_cmc_multi_counts_the_first_match(k, expected):
    """Multi-shot CMC asks for the nearest true match in the full gallery."""
    assert cmc_multi(evidence_of_ranks([[5, 6], [1, 9]]), k).tolist() == expected


@pytest.mark.parametrize(("k", "expected"), [(1, [1 / 4, 0]), (2, [3 / 4, 0]), (4, [1, 1])])
def test_cmc_all_shots_counts_negatives_before_each_match(k, expected):
    """All-shots CMC asks of every match how many negatives, not images, are before it."""
    # Ranks 1, 3, 4, 7 have 0, 1, 1, 3 negatives before, rank 4 alone has 3.
    assert cmc_all_shots(evidence_of_ranks([[1, 3, 4, 7], [4]]), k).tolist() == expected


def test_share_of_matches_that_tie():
    """Two of three matches are at the distance of a negative; without a match there is no share."""
    assert tied_share(evidence_of_levels([[(1, 0), (2, 1)]])) == pytest.approx(2 / 3)
    assert tied_share(evidence_of_ranks([[]])) is None


def test_single_shot_metrics_read_the_expectations():
    """Single-shot CMC is column k of the stored expectation, map_single the reciprocal rank."""
    evidence = evidence_of_ranks([[1], [2]])
    assert cmc_single(evidence, 5) == pytest.approx([0.25, 0.25])
    assert map_single(evidence).tolist() == [0.25, 0.25]


# Queries and galleries that are too small


@pytest.mark.parametrize("formula", [map_sum_precision, map_trapezoid, minp])
def test_query_without_a_match_has_no_value(formula):
    """No match, no value: NaN, and its neighbours keep theirs."""
    values = formula(evidence_of_ranks([[], [1], [], [1, 2], []]), None)
    assert np.isnan(values).tolist() == [True, False, True, False, True]
    assert values[[1, 3]].tolist() == [1, 1]


def test_cmc_multi_without_a_match_has_no_value():
    """Multi-shot CMC of a query without a match is NaN and not zero."""
    values = cmc_multi(evidence_of_ranks([[], [1]]), 1)
    assert np.isnan(values[0])
    assert values[1] == 1


def test_rank_beyond_the_gallery_has_no_value():
    """Rank-k needs k valid images, or k identities in single-shot."""
    evidence = evidence_of_ranks([[1], [2]], valid=9)
    evidence.valid[1] = 10
    evidence.identities[:] = [9, 10]
    assert np.isnan(cmc_multi(evidence, 10)).tolist() == [True, False]
    assert np.isnan(cmc_single(evidence, 10)).tolist() == [True, False]
    # All-shots looks at one match among the negatives: 9 of 9 candidates, and 10 of 10.
    assert np.isnan(cmc_all_shots(evidence, 10)).tolist() == [True, False]


# Naive transcription


@given(ranks_of_matches, st.sampled_from([1, 5, 10, 20]))
@settings(deadline=None)
def test_all_shots_agrees_with_a_walk_down_the_ranking(ranks, k):
    """Passing down the ranking, a match scores while fewer than k negatives were passed."""
    found = cmc_all_shots(evidence_of_ranks(ranks), k)
    for value, of_query in zip(found, ranks, strict=True):
        negatives, scored = 0, 0
        for position in range(1, max(of_query, default=0) + 1):
            if position in of_query:
                scored += negatives < k
            else:
                negatives += 1
        expected = scored / len(of_query) if of_query else np.nan
        assert value == pytest.approx(expected, nan_ok=True)


def naive_values(ranks: Sequence[int]) -> tuple[float, float, float]:
    """Walk down the ranking of one query as the Matlab code does: AP twice, and INP."""
    hits, ap_sum, ap_trapezoid, old_precision = 0, 0.0, 0.0, 1.0
    for position in range(1, max(ranks) + 1):
        hits += position in ranks
        precision = hits / position
        if position in ranks:
            ap_sum += precision / len(ranks)
            ap_trapezoid += (old_precision + precision) / 2 / len(ranks)
        old_precision = precision
    return ap_sum, ap_trapezoid, len(ranks) / max(ranks)


@given(ranks_of_matches)
@settings(deadline=None)
def test_formulas_agree_with_a_walk_down_the_ranking(ranks):
    """Both APs and INP from ranks equal those of a loop over every position of the ranking."""
    evidence = evidence_of_ranks(ranks)
    found = np.stack([map_sum_precision(evidence), map_trapezoid(evidence), minp(evidence)], axis=1)
    for values, of_query in zip(found, ranks, strict=True):
        if of_query:
            assert values == pytest.approx(naive_values(of_query))
        else:
            assert np.isnan(values).all()


# Properties


@given(ranks_of_matches)
@settings(deadline=None)
def test_metrics_are_fractions_and_the_trapezoid_is_the_lower_ap(ranks):
    """Every value lies in (0, 1], and AP by trapezoid never exceeds AP by sum of precisions."""
    evidence = evidence_of_ranks([of_query for of_query in ranks if of_query] or [[1]])
    summed, trapezoid = map_sum_precision(evidence), map_trapezoid(evidence)
    assert (trapezoid <= summed + 1e-12).all()
    for values in (minp(evidence), trapezoid, summed):
        assert ((values > 0) & (values <= 1)).all()


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8))
@settings(deadline=None)
def test_further_negatives_never_raise_a_value(gaps):
    """A negative more before the first match lowers AP (both) and INP."""
    ranks = [i + before for i, before in enumerate(accumulate(gaps), start=1)]
    evidence = evidence_of_ranks([ranks, [rank + 1 for rank in ranks]])
    for values in (map_sum_precision(evidence), map_trapezoid(evidence), minp(evidence)):
        assert values[1] < values[0]
