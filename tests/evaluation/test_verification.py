"""Verification: toy cases by hand, naive thresholds, orientation, blocks, refusals."""

from __future__ import annotations

from dataclasses import fields
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harness.definitions.rules import RULES
from harness.definitions.verification import PAIRS
from harness.errors import DataError
from harness.evaluation.rows import ExactRows, MatrixRows
from harness.evaluation.verification import (
    PairCounts,
    det,
    eer,
    measure_pairs,
    tar_at_far,
    verify,
    verify_distances,
)
from tests.evaluation.scenes import random_scene, side

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=40, deadline=None)


def counted(genuine, impostors, **options) -> PairCounts:
    """Return the counts of one query at 0 that sees matches and negatives at these distances."""
    pids = [1] * len(genuine) + [2] * len(impostors)
    gallery = side([*genuine, *impostors], pids, [2] * len(pids))
    return verify(side([0], [1], [1]), gallery, distance="euclidean", **options)


def assert_same(found: PairCounts, expected: PairCounts) -> None:
    """Fail unless two counts are equal."""
    for field in fields(PairCounts):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(expected, field.name))


# By hand


def test_counts_below_and_at_each_genuine_distance():
    """Genuine pairs at 1, 3, 3 and impostors at 2, 3, 4: one is below 3, two are at most 3."""
    counts = counted([3, 1, 3], [4, 2, 3])
    assert counts.distance.tolist() == [1, 3]
    assert counts.genuine.tolist() == [1, 3]
    assert (counts.below.tolist(), counts.impostors.tolist()) == ([0, 1], [0, 2])
    assert (counts.genuine_pairs, counts.impostor_pairs) == (3, 3)


def test_tar_is_the_share_of_genuine_pairs_accepted():
    """With impostors at 2, 4, 5, 6 one in four may be accepted up to 3, none only up to 1."""
    counts = counted([1, 3], [2, 4, 5, 6])
    assert tar_at_far(counts, one_in=4) == 1
    assert tar_at_far(counts, one_in=5) == 0.5


def test_tar_is_nothing_where_every_threshold_accepts_too_many():
    """An impostor nearer than every genuine pair leaves no threshold at FAR 0 that accepts one."""
    assert tar_at_far(counted([2, 3], [1, 5]), one_in=3) == 0


@pytest.mark.parametrize(
    ("genuine", "impostors", "expected"),
    [
        ([1, 3], [2, 4, 5, 6], 1 / 4),  # at 3 FRR falls from 1/2 to 0 while FAR is 1/4
        ([1, 1, 1, 9], [2, 3], 1 / 4),  # from 2 to 3 FAR rises from 0 to 1 while FRR is 1/4
        ([1, 2], [2, 3], 1 / 4),  # at 2 both change: halfway from (0, 1/2) to (1/2, 0)
        ([1, 2], [3, 4], 0),
        ([3, 4], [1, 2], 1),
        ([1, 1], [1, 1], 1 / 2),
    ],
)
def test_eer_on_the_line_of_operating_points(genuine, impostors, expected):
    """EER is where the line through the operating points crosses FAR = FRR."""
    assert eer(counted(genuine, impostors)) == pytest.approx(expected)


def test_det_curve_holds_operating_points():
    """Each point says which share of impostors a threshold accepts, and of genuine rejects."""
    curve = det(counted([1, 3, 7], [2, 4, 5, 6]))
    found = [(point.distance, point.far, point.frr) for point in curve]
    assert found == [
        (1, 0, pytest.approx(2 / 3)),
        (3, 1 / 4, pytest.approx(1 / 3)),
        (7, 1, 0),
    ]


def test_orientation_is_not_the_mirrored_one():
    """Accepting what is near differs from rejecting what is far under the same name."""
    genuine = np.array([1.0] * 90 + [9.0] * 10)
    impostors = np.array([0.5] + [5.0] * 99 + [10.0] * 100)
    counts = counted(genuine, impostors)
    # At FAR 1/100 two of 200 impostors may be accepted: the threshold 1 accepts one, and 90 of 100.
    assert tar_at_far(counts, one_in=100) == 0.9

    # FastReID's rule: a pair far away is a hit if it is an impostor, else a false alarm. It reports
    # the hits at the threshold whose false alarms are nearest to 1/100.
    thresholds = np.unique(np.append(genuine, impostors))
    false_alarms = np.array([(genuine >= t).mean() for t in thresholds] + [0.0])
    hits = np.array([(impostors >= t).mean() for t in thresholds] + [0.0])
    mirrored = hits[np.argmin(np.abs(false_alarms - 0.01))]
    assert mirrored == 0.5  # false alarms 0 above 9, where half of the impostors lie


def test_level_below_one_impostor_has_no_value():
    """FAR 1 in 1,000 needs 1,000 impostor pairs; with 100 the note says so."""
    measured = {one.name: one for one in measure_pairs(counted([1], np.arange(2, 102)))}
    assert (measured["tar_at_far_1e-2@1"].value, measured["tar_at_far_1e-2@1"].note) == (1, None)
    assert measured["eer@1"].value == 0
    assert measured["tar_at_far_1e-3@1"].value is None
    assert measured["tar_at_far_1e-3@1"].note == (
        "TAR at FAR 0.1 % needs at least 1000 impostor pairs; there are 100."
    )


def test_without_impostors_nothing_has_a_value():
    """A gallery of matches only has no FAR: every metric is null, and the curve is empty."""
    counts = counted([1, 2], [])
    assert [one.value for one in measure_pairs(counts)] == [None] * len(PAIRS)
    assert det(counts) == []


# Naive transcription


def naive_pairs(query, gallery, junk):
    """Return genuine and impostor distances with loops."""
    genuine: list[float] = []
    impostors: list[float] = []
    rows = ExactRows.of(query, gallery, "euclidean").rows(slice(0, len(query.pids)))
    for q, (pid, camera) in enumerate(zip(query.pids, query.camids, strict=True)):
        for g, (other, by) in enumerate(zip(gallery.pids, gallery.camids, strict=True)):
            ignored = {
                "same-camera-match": pid == other and camera == by,
                "same-camera": camera == by,
                "none": False,
            }[junk]
            if other >= 0 and not ignored:
                (genuine if pid == other else impostors).append(float(rows[q, g]))
    return genuine, impostors


def naive_eer(genuine, impostors):
    """Walk the operating points of every distance and cross the line with FAR = FRR."""
    far, frr = Fraction(0), Fraction(1)
    for threshold in sorted({*genuine, *impostors}):
        next_far = Fraction(sum(d <= threshold for d in impostors), len(impostors))
        next_frr = Fraction(sum(d > threshold for d in genuine), len(genuine))
        if next_far >= next_frr:
            share = (frr - far) / (next_far - far + frr - next_frr)
            return float(far + share * (next_far - far))
        far, frr = next_far, next_frr
    raise AssertionError


@given(seeds, st.sampled_from(["market1501", "cross-camera", "no-camera"]), st.booleans())
@few
def test_pairs_agree_with_every_threshold(seed, key, integers):
    """TAR at several FAR and EER equal those found by trying every distance as a threshold."""
    query, gallery = random_scene(seed, integers=integers)
    genuine, impostors = naive_pairs(query, gallery, RULES[key].junk)
    assume(impostors)
    counts = verify(query, gallery, distance="euclidean", rule=RULES[key])
    assert (counts.genuine_pairs, counts.impostor_pairs) == (len(genuine), len(impostors))
    assert eer(counts) == pytest.approx(naive_eer(genuine, impostors))
    for one_in in (1, 2, 3, 10):
        tar = max(
            sum(d <= threshold for d in genuine) / len(genuine)
            for threshold in (-1, *genuine, *impostors)
            if sum(d <= threshold for d in impostors) * one_in <= len(impostors)
        )
        assert tar_at_far(counts, one_in=one_in) == pytest.approx(tar)


# Properties


@given(seeds, st.sampled_from(["euclidean", "cosine"]), st.integers(1, 2000))
@few
def test_memory_and_matrix_change_nothing(seed, distance, max_memory):
    """Any block size, and the same distances as a matrix, give the same counts."""
    query, gallery = random_scene(seed, integers=False)
    whole = verify(query, gallery, distance=distance)
    assert_same(verify(query, gallery, distance=distance, max_memory=max_memory), whole)
    rows = ExactRows.of(query, gallery, distance).rows(slice(0, len(query.pids)))
    labels = query.labels, gallery.labels
    assert_same(verify_distances(MatrixRows(rows), *labels, max_memory=max_memory), whole)


@given(seeds)
@few
def test_rates_run_from_strict_to_lax(seed):
    """Along the DET curve FAR rises and FRR falls, and EER lies between the two."""
    query, gallery = random_scene(seed, integers=False)
    counts = verify(query, gallery, distance="cosine")
    curve = det(counts)
    for strict, lax in pairwise(curve):
        assert strict.far < lax.far
        assert strict.frr > lax.frr
    if curve:
        assert all(not (p.far < eer(counts) and p.frr < eer(counts)) for p in curve)


# Refusals


def test_no_genuine_pair_is_refused():
    """Without a single match there is nothing to verify."""
    with pytest.raises(DataError, match="None of the 1 queries has a match"):
        counted([], [1, 2])


def test_nan_distance_is_refused():
    """A distance matrix that holds NaN gives no number."""
    labels = side([0], [1], [1]).labels, side([1, 2], [1, 2], [2, 2]).labels
    with pytest.raises(DataError, match="1 distances of queries 0 to 0 are NaN"):
        verify_distances(MatrixRows(np.array([[1, np.nan]])), *labels)
