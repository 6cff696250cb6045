"""How values read."""

from __future__ import annotations

import pytest

from harness.types import Trial
from leaderboard import wording


def test_percent_rounds_to_one_decimal():
    """A fraction reads in per cent; what is absent is an en dash, zero has no sign."""
    assert [wording.percent(x) for x in (0.0, 0.31749, 1.0)] == ["0.0", "31.7", "100.0"]
    assert wording.percent(None) == "\N{EN DASH}"
    assert wording.percent(-0.0001) == "0.0"


def test_points_have_a_sign():
    """A difference has a plus or a minus sign, and neither at zero."""
    assert wording.points(0.0342) == "+3.4"
    assert wording.points(-0.0342) == "\N{MINUS SIGN}3.4"
    assert {wording.points(x) for x in (0.0, 0.0004, -0.0004)} == {"0.0"}
    assert wording.points(None) == wording.ABSENT


@pytest.mark.parametrize("filter_", [wording.count, wording.decimal, wording.duration])
def test_absent(filter_):
    """What is absent reads as an en dash."""
    assert filter_(None) == wording.ABSENT
    assert wording.moment(None) == wording.ABSENT


def test_duration_changes_its_unit():
    """Seconds below a minute and a half, minutes below an hour and a half, then hours."""
    assert [wording.duration(s) for s in (9.94, 89, 90, 5399, 5400)] == [
        "9.9 s",
        "89 s",
        "1.5 min",
        "90.0 min",
        "1.5 h",
    ]


def test_trials_in_words():
    """Whole grids read as splits x seeds; others are counted."""
    times = "\N{MULTIPLICATION SIGN}"
    grid = [Trial(split, seed) for split in range(3) for seed in (1, 2)]
    assert wording.trials_in_words(grid, 10) == f"3 of 10 splits {times} 2 seeds"
    assert wording.trials_in_words(grid[:1], 1) == f"1 of 1 split {times} 1 seed"
    assert wording.trials_in_words(grid[:2], 0) == f"1 split {times} 2 seeds"
    assert wording.trials_in_words(grid[:3], 10) == "3 trials: 2 of 10 splits, 2 seeds"
