"""A verdict as JUnit XML."""

from __future__ import annotations

from xml.etree.ElementTree import Element, fromstring

import pytest

from harness.gate.junit import junit_xml
from tests.gate.verdicts import EVERY, FAILED, MISSING, PASSED, REFUSED, UNDECIDED, check, verdict


def cases(*checks, strict=False) -> list[Element]:
    return list(fromstring(junit_xml(verdict(*checks, strict=strict))).iter("testcase"))


def test_one_case_for_each_check():
    """A check is a test case of the class of its row; the suite counts how they ended."""
    top = fromstring(junit_xml(verdict(*EVERY)))
    suite = top[0]

    assert [(one.get("classname"), one.get("name")) for one in suite] == [
        (one.row, f"{one.metric} ({one.tier})") for one in EVERY
    ]
    for counting in (top, suite):
        found = {name: counting.get(name) for name in ("tests", "failures", "errors", "skipped")}
        assert found == {"tests": "5", "failures": "1", "errors": "2", "skipped": "1"}


@pytest.mark.parametrize(
    ("one", "kind"),
    [(FAILED, "failure"), (MISSING, "error"), (REFUSED, "error"), (UNDECIDED, "skipped")],
    ids=lambda value: value if isinstance(value, str) else value.outcome,
)
def test_kind(one, kind):
    """A loss fails; a row that is missing or not comparable is an error; undecided is skipped."""
    (case,) = cases(one)

    assert [inside.tag for inside in case] == [kind]
    assert one.what in case[0].get("message", "")


def test_passed_is_empty():
    """A check that passed has no element inside."""
    (case,) = cases(PASSED)

    assert len(case) == 0


def test_strict():
    """Undecided is a failure where that was asked to be an error."""
    (case,) = cases(UNDECIDED, strict=True)

    assert case[0].tag == "failure"


def test_failure_has_the_numbers():
    """A failure says the difference with its interval, the margin, and what to do."""
    (case,) = cases(FAILED)

    assert "baseline 44.10, new 42.90, difference -1.20 [-2.00, -0.60], margin 0.50" in (
        case[0].text or ""
    )
    assert FAILED.next_step in (case[0].text or "")


def test_any_text_is_well_formed():
    """Markup and characters that XML does not have break nothing."""
    (case,) = cases(check("fail", row='a<b>&"', what="nul \x00, bell \x07, fine \N{SNOWMAN}"))

    assert case.get("classname") == 'a<b>&"'
    assert "fine \N{SNOWMAN}" in case[0].get("message", "")


def test_nothing_checked():
    """A verdict without a check is a suite without a case."""
    assert cases() == []
