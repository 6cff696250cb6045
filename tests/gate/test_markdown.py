"""A verdict as Markdown."""

from __future__ import annotations

from harness.gate.markdown import MOST_ROWS, comment, marker, summary
from tests.gate.verdicts import EVERY, FAILED, PASSED, UNDECIDED, check, points, verdict


def rows(text: str) -> list[list[str]]:
    """Return the cells of the rows below the headers of the tables."""
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_comment_opens_with_its_marker():
    """The hidden first line is the same for every verdict on a baseline, and of no other."""
    one, other = verdict(PASSED), verdict(FAILED, reason="Another.")

    assert comment(one).splitlines()[0] == marker(one) == marker(other)
    assert marker(one) != marker(verdict(PASSED, baseline="nightly"))


def test_marker_cannot_be_ended_by_a_name():
    """A name of a baseline cannot end the hidden line."""
    hidden = marker(verdict(baseline="x --> <b>"))

    assert hidden.count("--") == 2
    assert hidden.endswith(" -->")


def test_worst_first():
    """What is not well comes before what passed, the worst first, in strong letters."""
    outcomes = [cells[5] for cells in rows(comment(verdict(*EVERY)))]

    assert outcomes == [
        "**not comparable**",
        "**failed**",
        "**missing**",
        "**undecided**",
        "passed",
    ]


def test_larger_loss_first():
    """Of two losses the larger comes first."""
    small = check("fail", row="small", delta=points(-0.7, None, None))

    assert [cells[0] for cells in rows(summary(verdict(small, FAILED)))] == [
        "`baseline-hr/caviar`",
        "`small`",
    ]


def test_row_has_the_numbers():
    """A row tells baseline, new, the difference with its interval, the outcome and the tier."""
    assert rows(summary(verdict(FAILED))) == [
        [
            "`baseline-hr/caviar`",
            "`rank1`",
            "44.10",
            "42.90",
            "-1.20 [-2.00, -0.60]",
            "**failed**",
            "checkpoint",
        ]
    ]


def test_passed_is_folded():
    """A comment folds what passed; the summary shows it."""
    both = verdict(FAILED, PASSED)

    folded = comment(both).split("<details>")[1]
    assert "intact/caviar" in folded
    assert "baseline-hr/caviar" not in folded
    assert "<details>" not in summary(both)


def test_says_what_to_do():
    """What is not well is told in a sentence with the next step; what passed is not."""
    text = comment(verdict(FAILED, PASSED))

    assert f"{FAILED.what} {FAILED.next_step}" in text
    assert PASSED.what not in text


def test_nothing_breaks_the_table():
    """Pipes, markup, line ends and names of people in what is told stay words."""
    odd = check("fail", row="a|b`c", what="<img src=x>\n| one | *two* | @somebody")
    text = summary(verdict(odd, UNDECIDED))

    assert rows(text)[0][0] == "`a\\|b'c`"
    assert "<img" not in text
    assert "&lt;img src=x&gt; \\| one \\| \\*two\\* \\| @\u200bsomebody" in text


def test_long_table_ends():
    """A table of many rows ends, with the worst in it, and says how many there are more."""
    many = [check("pass", row=f"row {i}") for i in range(MOST_ROWS + 20)]
    text = summary(verdict(*many, FAILED))

    assert len(rows(text)) == MOST_ROWS
    assert rows(text)[0][5] == "**failed**"
    assert "and 21 more, in `verdict.json`." in text


def test_notes_and_new_rows():
    """Rows that are not in the baseline, the reason it was accepted for and notes are told."""
    text = comment(verdict(PASSED, new_rows=("osnet/viper",), notes=("Another CPU.",)))

    assert "Not in the baseline: `osnet/viper`." in text
    assert "- Another CPU." in text
    assert "First numbers." in text


def test_nothing_checked():
    """A verdict without a check says so and has no table."""
    text = summary(verdict())

    assert "nothing of 0 checks" in text
    assert rows(text) == []
