"""A verdict as Markdown: the comment on a pull request, and the summary of a step.

The comment opens with a line that readers do not see; whoever posts it finds the last one by that
line and edits it, so that a pull request has one comment however often it is pushed to.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from harness.gate.verdict import Check, Verdict
from harness.gate.wording import IN_WORDS, change, counted, headline, number, worst_first

MOST_ROWS = 100
"""A table ends there, the worst checks in it: a comment holds 65,536 characters."""

_MARKUP = re.compile(r"([\\`*_{}\[\]#|~])")
_COLUMNS = ("row", "metric", "baseline", "new", "difference [95 % interval]", "outcome", "tier")


def marker(verdict: Verdict) -> str:
    """Return the hidden line that tells the comment of this baseline from all others."""
    return f"<!-- reid-harness gate: {_hidden(verdict.baseline)} -->"


def comment(verdict: Verdict) -> str:
    """Return the comment: what is not well, then all that passed, folded."""
    open_checks = [check for check in verdict.checks if check.outcome != "pass"]
    passed = [check for check in verdict.checks if check.outcome == "pass"]
    parts = [marker(verdict), _opening(verdict), *_told(open_checks)]
    if passed:
        parts += [
            f"<details><summary>{len(passed)} passed</summary>",
            _table(passed),
            "</details>",
        ]
    return _document([*parts, *_closing(verdict)])


def summary(verdict: Verdict) -> str:
    """Return the summary of a step: the same with every check in sight."""
    checks = worst_first(verdict.checks)
    return _document([_opening(verdict), *_told(checks), *_closing(verdict)])


def _document(parts: Iterable[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


def _opening(verdict: Verdict) -> str:
    said = f"{counted(verdict.checks)}. The baseline was accepted because: {verdict.reason}"
    return f"### re-ID gate: {_text(headline(verdict))}\n\n{_text(said)}"


def _told(checks: Sequence[Check]) -> list[str]:
    """Return a table of checks, and below it what was found and what to do of those not passed."""
    if not checks:
        return []
    found = [
        f"- **{_code(check.row)}, {_code(check.metric)}**: {_text(check.what)} "
        f"{_text(check.next_step)}".rstrip()
        for check in worst_first(checks)[:MOST_ROWS]
        if check.outcome != "pass"
    ]
    return [_table(checks), "\n".join(found)]


def _closing(verdict: Verdict) -> list[str]:
    """Return what else is to be known: rows that are new, and notes."""
    new = ", ".join(map(_code, verdict.new_rows))
    return [
        f"Not in the baseline: {new}." if new else "",
        "\n".join(f"- {_text(note)}" for note in verdict.notes),
    ]


def _table(checks: Sequence[Check]) -> str:
    lines = [_line(_COLUMNS), _line("---" for _ in _COLUMNS)]
    lines += [_line(_cells(check)) for check in worst_first(checks)[:MOST_ROWS]]
    if len(checks) > MOST_ROWS:
        lines.append(f"\nand {len(checks) - MOST_ROWS} more, in `verdict.json`.")
    return "\n".join(lines)


def _cells(check: Check) -> list[str]:
    outcome = IN_WORDS[check.outcome]
    return [
        _code(check.row),
        _code(check.metric),
        number(check.baseline),
        number(check.new),
        change(check),
        outcome if check.outcome == "pass" else f"**{outcome}**",
        check.tier,
    ]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(text: str) -> str:
    """Return a text that Markdown shows as it is, on one line, calling nobody by name."""
    plain = html.escape(" ".join(text.split()), quote=False)
    return _MARKUP.sub(r"\\\1", plain).replace("@", "@\u200b")


def _code(text: str) -> str:
    """Return a name in a code span that a table holds."""
    return f"`{' '.join(text.split()).replace('`', chr(39)).replace('|', chr(92) + '|')}`"


def _hidden(text: str) -> str:
    """Return a name that cannot end the comment it stands in."""
    return re.sub(r"[^\w./]+", "-", text)
