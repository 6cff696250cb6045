"""A verdict as JUnit XML, which every continuous integration reads.

One test case for each check: the class is the row, the name the metric and the tier. A loss is a
failure, a row that is missing or cannot be compared an error, an undecided check is skipped (a
failure where undecided was asked to be an error).
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from harness.gate.verdict import Check, Verdict, code_of
from harness.gate.wording import IN_WORDS, change, number

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(verdict: Verdict) -> bytes:
    """Return the XML document.

    Args:
        verdict: Of a gate.
    """
    top = Element("testsuites", name="harness check")
    suite = SubElement(top, "testsuite", name=f"baseline {_clean(verdict.baseline)}")
    for check in verdict.checks:
        _add_case(suite, check, strict=verdict.strict)
    counts = {
        "tests": len(verdict.checks),
        "failures": len(suite.findall("testcase/failure")),
        "errors": len(suite.findall("testcase/error")),
        "skipped": len(suite.findall("testcase/skipped")),
    }
    for name, count in counts.items():
        top.set(name, str(count))
        suite.set(name, str(count))
    suite.set("timestamp", verdict.created)
    indent(top)
    return bytes(tostring(top, encoding="utf-8", xml_declaration=True))


def _add_case(suite: Element, check: Check, *, strict: bool) -> None:
    """Add one test case, with an element inside unless it passed."""
    case = SubElement(
        suite,
        "testcase",
        classname=_clean(check.row),
        name=_clean(f"{check.metric} ({check.tier})"),
        time="0",
    )
    kind = _kind(check, strict=strict)
    if kind is not None:
        message = _clean(f"{IN_WORDS[check.outcome]}: {check.what}")
        inside = SubElement(case, kind, message=message, type=check.outcome)
        inside.text = _clean(_details(check))


def _kind(check: Check, *, strict: bool) -> str | None:
    """Return the element that says how a test case ended; None where it passed."""
    if check.outcome in ("missing", "refused"):
        return "error"
    if code_of(check, strict=strict):
        return "failure"
    return "skipped" if check.outcome == "inconclusive" else None


def _details(check: Check) -> str:
    numbers = (
        f"baseline {number(check.baseline)}, new {number(check.new)}, difference {change(check)}, "
        f"margin {number(check.margin)}"
    )
    return "\n".join(part for part in (check.what, numbers, check.next_step) if part)


def _clean(text: str) -> str:
    """Return a text without the characters that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)
