"""A verdict on GitHub: annotations of the step, and its summary.

GitHub shows 10 annotations of a kind for each step and drops the others in silence, so the worst
are printed, and the last says how many there are beyond. All are in the summary of the step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.errors import UsageError
from harness.gate.markdown import summary
from harness.gate.verdict import Check, Verdict, code_of
from harness.gate.wording import IN_WORDS, change, worst_first

MOST = 10


def runs_here(environment: Mapping[str, str]) -> bool:
    """Say whether this is a step of GitHub Actions.

    Args:
        environment: The environment variables.
    """
    return environment.get("GITHUB_ACTIONS") == "true"


def workflow_commands(verdict: Verdict) -> list[str]:
    """Return the workflow commands that annotate the step, the worst first, each a line.

    What fails the gate is an error, what is undecided a warning.
    """
    checks = worst_first(verdict.checks)
    errors = [check for check in checks if code_of(check, strict=verdict.strict)]
    warnings = [
        check for check in checks if check.outcome == "inconclusive" and check not in errors
    ]
    return [*_shown("error", errors), *_shown("warning", warnings)]


def append_summary(verdict: Verdict, environment: Mapping[str, str]) -> None:
    """Append to the step's summary, where GitHub names a file for it.

    Args:
        verdict: Of a gate.
        environment: The environment variables.

    Raises:
        UsageError: If the file cannot be written.
    """
    name = environment.get("GITHUB_STEP_SUMMARY")
    if not name:
        return
    try:
        with Path(name).open("a", encoding="utf-8") as file:
            file.write(summary(verdict))
    except OSError as error:
        raise UsageError(
            f"The summary of the step cannot be written to {name}: {error.strerror or error}.",
            "Unset GITHUB_STEP_SUMMARY, or name a file that can be written.",
        ) from error


def _shown(kind: str, checks: Sequence[Check]) -> list[str]:
    """Return as many commands as are shown; the last says how many there are beyond."""
    shown = [_command(kind, _title(check), _message(check)) for check in checks[:MOST]]
    beyond = len(checks) - MOST
    if beyond > 0:
        text = f"and {beyond + 1} more; all are in the summary of this step."
        shown[-1] = _command(kind, "re-ID gate", text)
    return shown


def _title(check: Check) -> str:
    return f"{check.row}, {check.metric}: {IN_WORDS[check.outcome]}"


def _message(check: Check) -> str:
    difference = change(check)
    told = "" if difference == "-" else f"Difference {difference}. "
    return f"{told}{check.what} {check.next_step}".strip()


def _command(kind: str, title: str, message: str) -> str:
    escaped = _escape(title).replace(":", "%3A").replace(",", "%2C")
    return f"::{kind} title={escaped}::{_escape(message)}"


def _escape(text: str) -> str:
    """Return a text on one line, as workflow commands have it."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
