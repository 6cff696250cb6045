"""A verdict on GitHub: annotations and the summary of a step."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.gate.github import append_summary, runs_here, workflow_commands
from harness.gate.markdown import summary
from tests.gate.verdicts import EVERY, FAILED, PASSED, UNDECIDED, check, points, verdict


def test_runs_here():
    """A step of GitHub Actions is told by its variable."""
    assert runs_here({"GITHUB_ACTIONS": "true"})
    assert not runs_here({"CI": "true"})


def test_errors_and_warnings():
    """What fails the gate is an error, what is undecided a warning; what passed is not told."""
    kinds = [line.split(" ")[0] for line in workflow_commands(verdict(*EVERY))]

    assert kinds == ["::error", "::error", "::error", "::warning"]


def test_strict():
    """Undecided is an error where that was asked."""
    (line,) = workflow_commands(verdict(UNDECIDED, strict=True))

    assert line.startswith("::error ")


def test_passed():
    """Nothing is annotated where everything passed."""
    assert workflow_commands(verdict(PASSED)) == []


def test_line():
    """A line has a title, the difference, what was found and what to do."""
    (line,) = workflow_commands(verdict(FAILED))

    assert line == (
        "::error title=baseline-hr/caviar%2C rank1%3A failed::Difference -1.20 [-2.00, -0.60]. "
        "It is worse by more than 0.5 points. "
        "Look at the change, or accept the new numbers with a reason."
    )


def test_escapes():
    """A line end, a per cent sign and the characters of a property end no command."""
    (line,) = workflow_commands(verdict(check("fail", row="a:b,c", what="50 %\r\nmore")))

    assert "title=a%3Ab%2Cc%2C rank1" in line
    assert "50 %25%0D%0Amore" in line
    assert "\n" not in line


def test_worst_ten():
    """Of more than ten the worst nine are told, and then how many there are more."""
    losses = [
        check("fail", row=f"row{i}", delta=points(-float(i), None, None)) for i in range(1, 13)
    ]
    lines = workflow_commands(verdict(*losses, *[UNDECIDED] * 10))

    errors = [line for line in lines if line.startswith("::error")]
    assert [line.split("%2C")[0] for line in errors[:9]] == [
        f"::error title=row{i}" for i in range(12, 3, -1)
    ]
    assert errors[9] == "::error title=re-ID gate::and 3 more; all are in the summary of this step."
    assert len(lines) == 20
    assert "more;" not in lines[-1]


def test_summary_is_appended(tmp_path):
    """The summary goes behind what the step's file holds already."""
    file = tmp_path / "summary.md"
    file.write_text("before\n")

    append_summary(verdict(FAILED), {"GITHUB_STEP_SUMMARY": str(file)})

    assert file.read_text() == "before\n" + summary(verdict(FAILED))


def test_no_summary_without_the_variable(tmp_path, monkeypatch):
    """Nothing is written where no file is named."""
    monkeypatch.chdir(tmp_path)

    append_summary(verdict(FAILED), {})

    assert list(tmp_path.iterdir()) == []


def test_summary_that_cannot_be_written(tmp_path):
    """A file that cannot be written is told, with what to do."""
    with pytest.raises(UsageError, match=r"cannot be written to .*summary\.md") as raised:
        append_summary(verdict(), {"GITHUB_STEP_SUMMARY": str(tmp_path / "no" / "summary.md")})

    assert "GITHUB_STEP_SUMMARY" in raised.value.next_step
