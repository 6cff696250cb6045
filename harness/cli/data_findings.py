"""Prints what the doctor of a data set of the user's own found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape

from harness.cli.console import stdout
from harness.errors import DataError

COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}


def print_findings(findings: Sequence[Mapping[str, Any]]) -> None:
    """Print each finding, as JSON has it, with its first examples and what to change."""
    for finding in findings:
        colour, level = COLOURS[finding["level"]], finding["level"]
        stdout.print(f"[{colour}]{level:8}[/]{escape(finding['what'])}", highlight=False)
        for line in _examples(finding["examples"]):
            stdout.print(f"          {line}", markup=False, highlight=False)
        stdout.print(f"        {finding['change']}", markup=False, highlight=False)


def _examples(examples: Sequence[str]) -> Sequence[str]:
    """Return images line by line, and identities, which are numbers, in one."""
    if examples and all(example.isdecimal() for example in examples):
        return [f"for example {', '.join(examples)}"]
    return examples


def raise_first_error(key: str, findings: Sequence[Mapping[str, Any]]) -> None:
    """Raise for the first error among findings, as JSON has them.

    Raises:
        DataError: If there is one.
    """
    errors = [finding for finding in findings if finding["level"] == "error"]
    if errors:
        more = f" ({len(errors) - 1} more above)" if len(errors) > 1 else ""
        raise DataError(f"{key}: {errors[0]['what']}{more}", errors[0]["change"])
