"""A metric for each seed."""

from __future__ import annotations

import pytest

from harness.store import MetricValue, ScoreView
from leaderboard.estimates import MetricAt, by_seed
from tests.leaderboard.shelf import VARIANT

RANK1 = MetricAt("cmc_single@1", 1)


def score(split: int, seed: int, value: float | None) -> ScoreView:
    return ScoreView(
        id=f"{split}/{seed}",
        fit_id="f",
        protocol_id="p",
        split=split,
        seed=seed,
        variant=VARIANT,
        status="done",
        created="",
        seconds=0.0,
        images=0,
        error=None,
        metrics=(MetricValue("cmc_single@1", 1, value),),
        artifacts=(),
    )


def test_the_mean_over_splits_of_each_seed():
    """Seed 1: (0.2 + 0.4) / 2; seed 2: (0.5 + 0.7) / 2."""
    scores = [score(0, 1, 0.2), score(1, 1, 0.4), score(0, 2, 0.5), score(1, 2, 0.7)]
    assert by_seed(scores, RANK1) == pytest.approx((0.3, 0.6))


def test_seeds_over_different_splits_say_nothing():
    """A seed that lacks a split, or a score without a value, leaves nothing to compare."""
    assert by_seed([score(0, 1, 0.2), score(1, 1, 0.4), score(0, 2, 0.5)], RANK1) == ()
    assert by_seed([score(0, 1, 0.2), score(0, 2, None)], RANK1) == ()
