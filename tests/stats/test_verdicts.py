"""The promises of `harness.stats.verdicts`."""

from __future__ import annotations

from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats.verdicts import Verdict, judge, qualify
from harness.types import Interval

FRACTIONS = st.floats(0, 1)


def number(value: float | None, low: float | None = None, high: float | None = None) -> Interval:
    return Interval(value, low, high, 0.95, "BCa over identities", 25, 5, 1)


@pytest.mark.parametrize(
    ("published", "ours", "verdict"),
    [
        # In an interval that reaches exactly 3 points up: a match, at each of its ends as within.
        (0.44, number(0.43, 0.42, 0.46), "match"),
        (0.46, number(0.43, 0.42, 0.46), "match"),
        (0.40, number(0.43, 0.40, 0.46), "match"),
        # A hair beyond its end, and more than a point away.
        (0.4601, number(0.43, 0.42, 0.46), "differs"),
        (0.3999, number(0.43, 0.40, 0.46), "differs"),
        # The interval reaches 3.1 points to one side: no match, whichever side that is.
        (0.45, number(0.43, 0.42, 0.461), "too wide to tell"),
        (0.41, number(0.43, 0.399, 0.44), "too wide to tell"),
        # Exactly a point apart is close: 44.0 and 43.0, outside or in a wide interval.
        (0.44, number(0.43, 0.425, 0.435), "close"),
        (0.42, number(0.43, 0.425, 0.435), "close"),
        (0.44, number(0.43, 0.33, 0.53), "close"),
        (0.4401, number(0.43, 0.425, 0.435), "differs"),
        (0.4401, number(0.43, 0.33, 0.53), "too wide to tell"),
        # A wide interval that does not hold the number still tells.
        (0.54, number(0.43, 0.33, 0.53), "differs"),
        # No interval: close by the numbers, else nothing can be said.
        (0.44, number(0.43), "close"),
        (0.47, number(0.43), "too wide to tell"),
        # No number.
        (0.44, number(None), "not run"),
        (0.44, None, "not run"),
    ],
)
def test_by_hand(published: float, ours: Interval | None, verdict: str) -> None:
    """Each verdict at its boundaries."""
    assert judge(published, ours).name == verdict


def test_why_there_is_no_number() -> None:
    """Without a score it says so, and a score without a value is not denied."""
    assert judge(0.44, None).reason == "No score is stored."
    for otherwise in (None, "run on viper, published on caviar"):
        verdict = judge(0.44, number(None), otherwise=otherwise)
        assert verdict == Verdict("not run", "A score is stored, but the metric has no value.")


def test_the_spread_of_seeds() -> None:
    """0.40, 0.42, 0.44: the deviation is 0.02, so 4 points are close and 4.1 are not."""
    ours, seeds = number(0.42, 0.415, 0.425), (0.40, 0.42, 0.44)
    verdict = judge(0.46, ours, by_seed=seeds)
    assert verdict == Verdict(
        "close", "4 points apart, within 2 standard deviations over 3 seeds, 4 points."
    )
    assert judge(0.461, ours, by_seed=seeds).name == "differs"
    assert judge(0.46, ours, by_seed=seeds[:2]).name == "differs"


def test_another_protocol_is_not_compared() -> None:
    """What is of another data set or protocol has no verdict by its numbers, and says which."""
    verdict = judge(0.44, number(0.44, 0.43, 0.45), otherwise="run on viper")
    assert verdict == Verdict("not comparable", "Run on viper.")
    assert judge(0.44, None, otherwise="run on viper").name == "not run"


@pytest.mark.parametrize(
    ("published", "ours", "reason"),
    [
        (0.44, number(0.43, 0.42, 0.46), "It lies in our interval, 42.0 to 46.0."),
        (0.44, number(0.4325, 0.425, 0.435), "0.75 points apart, within 1 point."),
        (0.47, number(0.43, 0.425, 0.435), "It lies outside our interval, 42.5 to 43.5."),
        (
            0.47,
            number(0.43, 0.40, 0.48),
            "It lies in our interval, 40.0 to 48.0, but that reaches 5 points to one side, more "
            "than 3 points.",
        ),
        (0.47, number(0.43), "Our number has no interval."),
        (0.47, None, "No score is stored."),
    ],
)
def test_reasons(published: float, ours: Interval | None, reason: str) -> None:
    """Every verdict says why, with the numbers that decided."""
    assert judge(published, ours).reason == reason


@given(FRACTIONS, FRACTIONS, FRACTIONS, FRACTIONS, st.lists(FRACTIONS, max_size=5))
def test_by_the_words_of_the_rule(
    published: float, one: float, two: float, three: float, seeds: list[float]
) -> None:
    """The verdict is what the rule says in words, for any numbers that are not on a boundary."""
    low, value, high = sorted((one, two, three))
    deviation = 0.0
    if len(seeds) >= 3:
        deviation = (sum((s - mean(seeds)) ** 2 for s in seeds) / (len(seeds) - 1)) ** 0.5
    inside = low <= published <= high
    near = abs(value - published) <= max(0.01, 2 * deviation)
    narrow = high <= value + 0.03 and low >= value - 0.03
    edges = (
        published - low,
        published - high,
        abs(value - published) - 0.01,
        abs(value - published) - 2 * deviation,
        high - value - 0.03,
        value - low - 0.03,
    )
    if min(map(abs, edges)) < 1e-8:
        return
    expected = "differs"
    if inside and narrow:
        expected = "match"
    elif near:
        expected = "close"
    elif inside:
        expected = "too wide to tell"
    assert judge(published, number(value, low, high), by_seed=seeds).name == expected


@given(FRACTIONS, FRACTIONS, st.floats(0, 0.5), st.floats(0, 0.2))
def test_a_wider_interval_never_turns_into_a_difference(
    published: float, value: float, reach: float, more: float
) -> None:
    """Knowing less never makes a number differ that did not."""
    narrow = judge(published, number(value, value - reach, value + reach)).name
    wide = judge(published, number(value, value - reach - more, value + reach + more)).name
    assert narrow == "differs" or wide != "differs"


def test_qualifiers() -> None:
    """What was made with less stands beside the verdict; nothing where nothing was."""
    whole = qualify(recipe="paper", narrowed="", weights="imagenet", splits=10, of_splits=10)
    assert whole == ()
    less = qualify(
        recipe="quick", narrowed="128 x 64", weights="own.safetensors", splits=5, of_splits=10
    )
    assert less == ("reduced recipe quick", "weights own.safetensors", "5 of 10 splits")
    changed = qualify(recipe="paper", narrowed="lr=0.1", weights="none", splits=1, of_splits=0)
    assert changed == ("recipe paper with lr=0.1", "random weights")
