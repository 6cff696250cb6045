"""Line charts as numbers: where each line runs in a box, for a template to draw as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 320, 140  # of the plot [units of the view box]


@dataclass(frozen=True, slots=True)
class Line:
    """One line.

    Attributes:
        label: What it is of ("split 0, seed 1").
        points: "x,y x,y ...", y downwards, in units of the view box.
        first: Its first value.
        last: Its last value.
    """

    label: str
    points: str
    first: float
    last: float


@dataclass(frozen=True, slots=True)
class Chart:
    """A line chart.

    Attributes:
        title: What it shows.
        x_title: What runs to the right.
        x_range: The values at the left and the right edge.
        y_range: The values at the lower and the upper edge, in the unit of the lines.
        lines: At least one.
    """

    title: str
    x_title: str
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    lines: Sequence[Line]


def draw(
    title: str,
    x_title: str,
    series: Mapping[str, Sequence[tuple[float, float]]],
    *,
    y_range: tuple[float, float] | None = None,
) -> Chart | None:
    """Return the chart of some series, or None where none of them has a value.

    Args:
        title: What it shows.
        x_title: What runs to the right.
        series: By label, (x, y) in the order of x.
        y_range: The lower and the upper edge; those of the values where None.
    """
    drawn = {label: values for label, values in series.items() if values}
    if not drawn:
        return None
    x_range = _range([x for values in drawn.values() for x, _ in values])
    y_range = y_range or _range([y for values in drawn.values() for _, y in values])
    lines = [
        Line(label, _points(values, x_range, y_range), values[0][1], values[-1][1])
        for label, values in drawn.items()
    ]
    return Chart(title, x_title, x_range, y_range, lines)


def _points(
    values: Sequence[tuple[float, float]],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
) -> str:
    placed = ((WIDTH * _share(x, x_range), HEIGHT * (1 - _share(y, y_range))) for x, y in values)
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)


def _share(value: float, edges: tuple[float, float]) -> float:
    """Return where a value lies between two edges, 0 to 1; the middle where they are one."""
    low, high = edges
    return (value - low) / (high - low) if high > low else 0.5


def _range(values: Sequence[float]) -> tuple[float, float]:
    return min(values), max(values)
