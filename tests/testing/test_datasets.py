"""Each check of a data set is seen to fail on one that breaks its promise, and no other."""

from __future__ import annotations

import pytest

from harness.testing.catalogue import checks_of
from harness.testing.check import run_check
from harness.testing.subjects import find_subjects

pytestmark = pytest.mark.usefixtures("faulty")

FAULTS = [
    ("no-licence", "card", "its card does not say its licence"),
    ("from-nowhere", "card", "it is made from 'elsewhere', which is not installed"),
    ("too-few", "reads", "it has 8 images of 4 identities by 2 cameras; its card expects 9"),
    ("undrawn", "reads", "it raised DataError: No square can be drawn."),
    ("twice", "record-ids", "2 records have the id '1_1'"),
    ("shuffled", "record-ids", "read twice"),
    ("absolute", "record-paths", "the path of '4_2' is '/"),
    ("nowhere", "record-paths", "the path of '4_2' leads to no file: 'nowhere.png'"),
    ("odd_rate", "record-labels", "'4_2' has r = 7"),
    ("broken", "images-decode", "3_2.png"),
    ("no-protocol", "protocol", "there is no protocol 'nothing'"),
    ("other-protocol", "protocol", "its protocol 'squares' is for 'squares'"),
    ("odd-headline", "protocol", "names the metric 'nothing@1', which is not installed"),
    ("empty-gallery", "protocol", "no image by camera 3"),
    ("shared", "sides-apart", "in split 0, the file 1_1.png is both trained on and tested"),
    ("unmatched", "queries-match", "in split 0, 2 queries have no match by another camera"),
]


def failures(key: str) -> dict[str, str]:
    """Run the checks of a data set, and return what was seen by the name of those that fail."""
    subject = next(subject for subject in find_subjects(key) if subject.kind == "dataset")
    results = [run_check(check, subject, {}) for check in checks_of("dataset")]
    return {result.check.name: result.seen for result in results if result.status == "failed"}


@pytest.mark.parametrize(("key", "check", "seen"), FAULTS, ids=[key for key, _, _ in FAULTS])
def test_fault_fails_its_check_alone(key, check, seen):
    """A data set with one fault fails the check of it and no other, which says what it saw."""
    found = failures(key)

    assert list(found) == [check]
    assert seen in found[check]


def test_reader_that_is_no_function_is_told_by_card_and_reading():
    """An address that leads to no function fails the card; nothing can be read, and it says so."""
    found = failures("no-function")

    assert list(found) == ["card", "reads"]
    assert "reid_faulty.datasets:SIZE cannot be called" in found["card"]


def test_camera_zero_is_no_camera():
    """Cameras count from 1."""
    found = failures("no_camera")

    assert found["record-labels"] == "'1_1' has camid = 0"


def test_sound_data_set_fails_nothing():
    """The data set that the faulty ones differ from keeps every promise."""
    assert failures("squares") == {}


def test_every_check_of_a_data_set_is_seen_to_fail():
    """No check of a data set is without a data set that fails it."""
    assert {check for _, check, _ in FAULTS} == {check.name for check in checks_of("dataset")}
