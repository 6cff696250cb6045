"""Each check of a metric is seen to fail on one that breaks its promise, and no other."""

from __future__ import annotations

import pytest

from harness.testing.catalogue import checks_of
from harness.testing.check import run_check
from harness.testing.subjects import find_subjects

pytestmark = pytest.mark.usefixtures("faulty_metrics")

FAULTS = [
    ("Upper", "metric-card", "its name is 'Upper@1'"),
    ("no-source", "metric-card", "it does not say its source"),
    ("odd-ranks", "metric-card", "its ranks (5, 1) do not ascend"),
    ("in-decibel", "metric-card", "its unit is 'dB', not fraction"),
    ("per_cent", "metric-range", "its values lie in [100, 100], not in [0, 1]"),
    ("too_few", "metric-range", "an array of shape (26,) for 27 queries"),
    ("raises", "metric-range", "it raised IndexError: list index out of range"),
    ("downwards", "metric-direction", "lower is better, but the best is 1 and the worst 0"),
    ("constant", "metric-direction", "the best and the worst have the same value"),
    ("by_position", "metric-order", "with its queries in reverse order at rank"),
    ("writes", "metric-pure", "it changes 'single_cmc' of what it is given"),
    ("zero", "metric-undefined", "a query without a match has the value 0"),
    ("odd-expectation", "metric-expected", "without a tie at rank 1, `expected` differs by"),
]


def failures(key: str) -> dict[str, str]:
    """Run the checks of a metric, and return what was seen by the name of those that fail."""
    subject = next(subject for subject in find_subjects(key) if subject.kind == "metric")
    results = [run_check(check, subject, {}) for check in checks_of("metric")]
    return {result.check.name: result.seen for result in results if result.status == "failed"}


@pytest.mark.parametrize(("key", "check", "seen"), FAULTS, ids=[key for key, _, _ in FAULTS])
def test_fault_fails_its_check_alone(key, check, seen):
    """A metric with one fault fails the check of it and no other, which says what it saw."""
    found = failures(key)

    assert list(found) == [check]
    assert seen in found[check]


def test_formula_that_is_no_function_is_told_by_the_card():
    """An address that leads to no function is named."""
    found = failures("no-formula")

    assert found["metric-card"] == "reid_measures.formulas:WORDS cannot be called"


def test_values_drawn_at_random_are_no_metric():
    """A formula that draws at random gives other values when it is asked again."""
    assert "measured twice" in failures("random")["metric-pure"]


def test_sound_metric_fails_nothing():
    """The metric that the faulty ones differ from keeps every promise."""
    assert failures("sound-rank") == {}


def test_every_check_of_a_metric_is_seen_to_fail():
    """No check of a metric is without a metric that fails it."""
    assert {check for _, check, _ in FAULTS} == {check.name for check in checks_of("metric")}
