"""What a baseline keeps of a benchmark file."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.errors import DataError
from harness.gate.timings import MOST_ROUNDS, Timings, read_timings

pytest_plugins = ["pytester"]


@pytest.fixture
def written(tmp_path):
    """Return a function that writes a benchmark file of these benchmarks, and reads it."""

    def write(*benchmarks: dict[str, Any], **named: Any) -> Timings:
        machine = {
            "machine": "x86_64",
            "system": "Linux",
            "python_version": "3.11.7",
            "cpu": {"brand_raw": "Some CPU", "count": 2},
        }
        document = {"machine_info": machine, "benchmarks": list(benchmarks), **named}
        path = tmp_path / "benchmark.json"
        path.write_text(json.dumps(document))
        return read_timings(path)

    return write


def benchmark(
    name: str = "bench.py::test", rounds: Any = (1.0,) * 5, **extra: Any
) -> dict[str, Any]:
    return {"fullname": name, "stats": {"data": list(rounds)}, "extra_info": extra}


def test_seconds(written):
    """Rounds are in seconds, the benchmarks in the order of their names, the machine in words."""
    found = written(benchmark("b", [3.0, 1.0, 2.0]), benchmark("a"))

    assert found.machine == "2 x Some CPU, Linux, Python 3.11"
    assert [timing.name for timing in found.timings] == ["a", "b"]
    assert (found.timings[1].unit, found.timings[1].rounds) == ("s", (3.0, 1.0, 2.0))


def test_reference(written):
    """A round with a reference beside it counts as their ratio: 3 / 2, 1 / 4."""
    (timing,) = written(benchmark(rounds=[3.0, 1.0], reference_seconds=[2.0, 4.0])).timings

    assert (timing.unit, timing.rounds) == ("x reference", (1.5, 0.25))


def test_many_rounds_are_thinned(written):
    """Of very many rounds evenly spaced ones are kept."""
    (timing,) = written(benchmark(rounds=[1.0 + i for i in range(10_000)])).timings

    assert len(timing.rounds) == MOST_ROUNDS
    assert timing.rounds[:2] == (1.0, 51.0)


def test_file_of_pytest_benchmark(pytester):
    """What pytest-benchmark writes today can be read."""
    pytester.makepyfile("def test_it(benchmark): benchmark.pedantic(sum, args=([1],), rounds=7)")
    pytester.runpytest_subprocess("--benchmark-json=out.json", "-p", "no:cacheprovider")

    (timing,) = read_timings(pytester.path / "out.json").timings
    assert timing.name.endswith("::test_it")
    assert len(timing.rounds) == 7


@pytest.mark.parametrize(
    "broken",
    [
        {"stats": {}},
        {"stats": {"data": []}},
        {"stats": {"data": [0.0]}},
        {"stats": {"data": [1.0, 2.0]}, "extra_info": {"reference_seconds": [1.0]}},
        {"stats": {"data": [1.0]}, "extra_info": {"reference_seconds": [0.0]}},
        {"stats": {"data": [float("nan")]}},
        {"stats": []},
    ],
    ids=["no data", "no round", "no time", "lengths", "zero reference", "nan", "no object"],
)
def test_rounds_that_cannot_be(written, broken):
    """A file without rounds, or with rounds that no clock gave, is refused in a sentence."""
    with pytest.raises(DataError, match="does not hold the rounds") as raised:
        written(benchmark() | broken)

    assert "--benchmark-json" in raised.value.next_step


@pytest.mark.parametrize("text", ["", "[]", "{}", "\x00"])
def test_no_benchmark_file(tmp_path, text):
    """A file of something else is refused in a sentence."""
    (tmp_path / "x.json").write_text(text)

    with pytest.raises(DataError, match=r"x\.json does not hold the rounds"):
        read_timings(tmp_path / "x.json")


def test_absent_file(tmp_path):
    """A file that is not there is told, with how to write one."""
    with pytest.raises(DataError, match=r"no\.json cannot be read: No such file"):
        read_timings(tmp_path / "no.json")
