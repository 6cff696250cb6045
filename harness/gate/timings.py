"""What a baseline keeps of a benchmark file: the rounds of each benchmark, and on what machine.

The file is pytest-benchmark's (`pytest --benchmark-only --benchmark-json=FILE`). Where a benchmark
timed something that never changes beside each of its rounds, and left those seconds as
`reference_seconds` in its `extra_info`, a round counts as the ratio to its neighbour: on a machine
that other things run on, that says more than seconds do.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from harness.errors import DataError

REFERENCE = "reference_seconds"
"""The key of `extra_info` with the seconds of the reference, one for each round."""

MOST_ROUNDS = 200
"""A benchmark of more is thinned evenly: a baseline is a file to read and commit."""

_DIGITS = 6  # significant, of a round

Round = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Timing(BaseModel):
    """The rounds of one benchmark.

    Attributes:
        name: Its full name, `path::function[parameters]`.
        unit: Whether a round is in seconds, or in those of its reference.
        rounds: In the order they were run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    unit: Literal["s", "x reference"]
    rounds: tuple[Round, ...] = Field(min_length=1)


class Timings(BaseModel):
    """The benchmarks of one file.

    Attributes:
        machine: The processor, how many of it, and Python: what must be the same for seconds to be
            comparable.
        timings: By name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    machine: str
    timings: tuple[Timing, ...]


def read_timings(path: Path) -> Timings:
    """Read a benchmark file.

    Args:
        path: What pytest-benchmark wrote.

    Raises:
        DataError: If it cannot be read, is no such file, or lacks the rounds.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return Timings(
            machine=_machine(document["machine_info"]),
            timings=tuple(
                sorted(map(_timing, document["benchmarks"]), key=lambda timing: timing.name)
            ),
        )
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror or error}.",
            "Write it with `pytest --benchmark-only --benchmark-json=FILE`.",
        ) from error
    except (ValueError, ArithmeticError, LookupError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} does not hold the rounds of pytest-benchmark.",
            "Write it with `pytest --benchmark-only --benchmark-json=FILE`: `--benchmark-save` "
            "leaves the rounds out.",
        ) from error


def _machine(info: Mapping[str, Any]) -> str:
    cpu = info["cpu"]
    processor = cpu.get("brand_raw") or info["machine"]
    version = ".".join(str(info["python_version"]).split(".")[:2])
    return f"{cpu.get('count', '?')} x {processor}, {info['system']}, Python {version}"


def _timing(benchmark: Mapping[str, Any]) -> Timing:
    seconds: Sequence[float] = benchmark["stats"]["data"]
    reference: Sequence[float] | None = benchmark["extra_info"].get(REFERENCE)
    if reference is None:
        rounds = list(seconds)
    else:
        rounds = [ours / theirs for ours, theirs in zip(seconds, reference, strict=True)]
    step = math.ceil(len(rounds) / MOST_ROUNDS)
    return Timing(
        name=benchmark["fullname"],
        unit="s" if reference is None else "x reference",
        rounds=tuple(float(f"{one:.{_DIGITS}g}") for one in rounds[::step]),
    )
