"""Speed against that of a baseline."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from statistics import median

import numpy as np
import pytest

from harness.gate.speed import compare_speed, machines_differ, ratio_of_medians
from harness.gate.timings import Timing, Timings

STEADY = (1.0, 1.01, 0.99, 1.02, 0.98)


def timings(
    rounds: Mapping[str, tuple[float, ...]], machine: str = "one", unit: str = "s"
) -> Timings:
    made = [
        Timing.model_validate({"name": name, "unit": unit, "rounds": times})
        for name, times in rounds.items()
    ]
    return Timings(machine=machine, timings=tuple(made))


def scaled(times: tuple[float, ...], factor: float) -> tuple[float, ...]:
    return tuple(factor * time for time in times)


@pytest.mark.parametrize(
    ("factor", "outcome"),
    [(0.5, "pass"), (1.0, "pass"), (1.1, "inconclusive"), (1.3, "fail")],
)
def test_outcome(factor, outcome):
    """Slower beyond the tolerance fails, within it passes, at it is undecided."""
    (check,) = compare_speed(timings({"a": STEADY}), timings({"a": scaled(STEADY, factor)}))

    assert check.outcome == outcome
    assert check.tier == "speed"
    assert (check.row, check.dataset, check.metric) == ("a", "", "time [s]")
    assert (check.baseline, check.new) == (1.0, factor)
    assert check.margin == 1.1
    assert check.delta is not None
    assert check.delta.value == factor


def test_tolerance():
    """A larger tolerance lets more pass."""
    (check,) = compare_speed(
        timings({"a": STEADY}), timings({"a": scaled(STEADY, 1.3)}), tolerance=0.5
    )

    assert check.outcome == "pass"


def test_one_noisy_median_fails_nothing():
    """Rounds that vary by more than the slowdown leave it undecided."""
    noisy = (0.8, 1.6, 1.3, 0.9, 2.0)
    (check,) = compare_speed(timings({"a": STEADY}), timings({"a": noisy}))

    assert median(noisy) > 1.1
    assert check.outcome == "inconclusive"


def test_vanished_benchmark_fails():
    """A benchmark that the file does not have is missing; a new one is no check."""
    checks = compare_speed(timings({"a": STEADY, "b": STEADY}), timings({"b": STEADY, "c": STEADY}))

    assert [(check.row, check.outcome) for check in checks] == [("a", "missing"), ("b", "pass")]


def test_seconds_of_two_machines():
    """Seconds of another machine are not compared, ratios to a reference are; both are told."""
    slow = scaled(STEADY, 2)
    of_seconds = timings({"a": STEADY}, "one"), timings({"a": slow}, "two")
    of_ratios = (
        timings({"a": STEADY}, "one", "x reference"),
        timings({"a": slow}, "two", "x reference"),
    )

    assert [check.outcome for check in compare_speed(*of_seconds)] == ["inconclusive"]
    assert [check.outcome for check in compare_speed(*of_ratios)] == ["fail"]
    assert machines_differ(*of_ratios) == ["The machine differs: one in the baseline, two here."]
    assert machines_differ(of_ratios[0], of_ratios[0]) == []


def test_unlike_units_are_refused():
    """Seconds are not held against ratios."""
    (check,) = compare_speed(timings({"a": STEADY}), timings({"a": STEADY}, unit="x reference"))

    assert check.outcome == "refused"


def test_few_rounds_decide_nothing():
    """Fewer rounds than five are too few, on either side."""
    few, slow = timings({"a": (1.0,)}), timings({"a": scaled(STEADY, 3)})

    for pair in ((few, slow), (slow, few)):
        (check,) = compare_speed(*pair)
        assert check.outcome == "inconclusive"
        assert "1 rounds are too few" in check.what


def test_many_benchmarks_widen_the_interval():
    """The more benchmarks, the wider the interval of each: 95 % of one, 99 % of five."""
    slow = (1.0, 1.1, 1.2, 1.3, 1.4)

    def checked(*names: str):
        (old, new) = (dict.fromkeys(names, times) for times in (STEADY, slow))
        return compare_speed(timings(old), timings(new))[0].delta

    one, five = checked("a"), checked("a", "b", "c", "d", "e")
    assert one is not None
    assert five is not None
    assert (one.level, five.level) == (0.95, 0.99)
    assert five.low <= one.low < one.high <= five.high
    assert five.high - five.low > one.high - one.low


def test_interval_is_that_of_all_resamples():
    """The interval is that of every pair of resamples, taken with loops for three rounds each."""
    new, old = (1.0, 2.0, 4.0), (1.0, 1.5, 3.0)
    everyone = sorted(
        median(ours) / median(theirs)
        for ours in product(new, repeat=3)
        for theirs in product(old, repeat=3)
    )

    value, low, high = ratio_of_medians(new, old, level=0.6)

    assert value == pytest.approx(2 / 1.5)
    assert low == pytest.approx(np.quantile(everyone, 0.2), rel=1e-6)
    assert high == pytest.approx(np.quantile(everyone, 0.8), rel=1e-6)


def test_false_alarms():
    """Of 200 benchmarks that are exactly as much slower as passes, at most 18 fail."""
    random = np.random.default_rng(0)
    alarms = 0
    for _ in range(200):
        old, new = np.exp(random.normal(0, 0.05, (2, 7)))
        _, low, _ = ratio_of_medians(list(1.1 * new), list(old), level=0.95)
        alarms += low > 1.1

    assert 0 < alarms <= 18
