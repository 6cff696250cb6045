"""The open set: FNIR at FPIR by hand, by naive thresholds, and where it is not defined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.definitions import METRICS, find_or_raise
from harness.definitions.measure import measure, measure_all
from harness.definitions.open_set import OPEN_SET
from harness.types import Evidence
from tests.definitions.rankings import Level, evidence_of_levels

FNIR = "fnir_at_fpir_1e-1@1"

probes = st.tuples(
    st.sampled_from([[(1, 0)], [(1, 1)], [(0, 1), (1, 0)], [(2, 1)]]),  # what is at the top
    st.integers(0, 9),  # at which distance
)


def open_set(mated: Sequence[tuple[list[Level], float]], unknown: Sequence[float]) -> Evidence:
    """Return evidence of mated probes with their nearest distance, and of unknown probes."""
    evidence = evidence_of_levels([levels for levels, _ in mated] + [[]] * len(unknown))
    nearest = [distance for _, distance in mated] + list(unknown)
    top = evidence.top_distance.copy()
    top[:, 0] = nearest
    return replace(evidence, top_distance=top)


def value(evidence: Evidence, name: str = FNIR, **options) -> float:
    """Return the FNIR, which there is."""
    found = measure(find_or_raise(name), evidence, **options).value
    assert found is not None
    return found


# By hand


def test_fnir_at_fpir_one_tenth():
    """Of ten unknown probes one is accepted below 2; a match at 1 is found, one at 2 is not."""
    first, second = [(1, 0)], [(0, 1), (1, 0)]
    unknown = [1.5, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    evidence = open_set([(first, 1), (first, 1.9), (first, 2), (second, 1)], unknown)
    found = measure(find_or_raise(FNIR), evidence)
    assert found.values[:4].tolist() == [0, 0, 1, 1]  # the last: a negative is nearest
    assert np.isnan(found.values[4:]).all()
    assert found.value == 1 / 2


def test_needs_at_one_distance_are_accepted_together_or_not_at_all():
    """Two unknown probes at 1 would be FPIR 20 %: at 10 % the threshold lies below 1."""
    evidence = open_set([([(1, 0)], 0.5), ([(1, 0)], 1)], [1, 1, 3, 4, 5, 6, 7, 8, 9, 10])
    assert measure(find_or_raise(FNIR), evidence).values[:2].tolist() == [0, 1]


def test_unknown_probe_that_sees_nothing_is_never_accepted():
    """An unknown probe without any valid image in the gallery has no nearest one to accept."""
    evidence = open_set([([(1, 0)], 100)], [np.nan] * 9 + [1])
    assert value(evidence) == 0


def test_level_that_too_few_needs_reach_has_no_value():
    """FPIR of 1 in 100 needs 100 unknown probes; with ten the note says so."""
    found = measure(find_or_raise("fnir_at_fpir_1e-2@1"), open_set([([(1, 0)], 1)], [2] * 10))
    assert (found.value, found.note) == (
        None,
        "FNIR at FPIR 1 % needs 100 queries without a match, the unknown probes; there are 10.",
    )


def test_closed_set_has_no_fnir_and_does_not_list_it():
    """Where every query has a match the value is null with a note, and scores leave it out."""
    evidence = open_set([([(1, 0)], 1)], [])
    found = measure(find_or_raise(FNIR), evidence)
    assert found.value is None
    assert found.note is not None
    assert "there are 0" in found.note
    assert not {one.name for one in measure_all(evidence, METRICS)} & {m.name for m in OPEN_SET}


def test_ties_at_the_top_follow_the_rule():
    """A match that ties with a negative at the top is a miss, a hit, or half of each."""
    evidence = open_set([([(1, 1)], 1)], [5] * 10)
    found = [value(evidence, ties=ties) for ties in ("pessimistic", "expected", "optimistic")]
    assert found == [1, 0.5, 0]


@pytest.mark.parametrize("rule", ["matched", "all", "oml"])
def test_denominator_is_the_mated_probes_under_every_rule(rule):
    """Unknown probes set the threshold and are no part of the mean."""
    evidence = open_set([([(1, 0)], 1)], [5] * 10)
    assert value(evidence, without_match=rule) == 0


# Naive transcription


@given(st.lists(probes, min_size=1, max_size=6), st.lists(st.integers(0, 9), min_size=10))
@settings(deadline=None)
def test_fnir_agrees_with_a_search_over_thresholds(mated, unknown):
    """FNIR is the least over all thresholds whose FPIR is at most 1 in 10."""
    expected = 1.0
    for threshold in (-1, *range(10)):
        accepted = sum(distance <= threshold for distance in unknown)
        if accepted * 10 <= len(unknown):
            misses = [
                not (levels[0] == (1, 0) and distance <= threshold) for levels, distance in mated
            ]
            expected = min(expected, sum(misses) / len(misses))
    assert value(open_set(mated, unknown)) == pytest.approx(expected)


# Properties


@given(st.lists(probes, min_size=1, max_size=6), st.lists(st.integers(0, 9), min_size=100))
@settings(deadline=None)
def test_fnir_rises_as_fpir_falls_and_the_match_ranks_worse(mated, unknown):
    """A stricter level never finds more, and optimistic <= expected <= pessimistic."""
    evidence = open_set(mated, unknown)
    assert value(evidence, "fnir_at_fpir_1e-2@1") >= value(evidence, FNIR)
    best, mean, worst = (
        value(evidence, ties=ties) for ties in ("optimistic", "expected", "pessimistic")
    )
    assert best <= mean <= worst
