"""Where lines run."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from leaderboard.chart import HEIGHT, WIDTH, draw

finite = st.floats(-1e6, 1e6)


def test_by_hand():
    """Two points at opposite ends are opposite corners: y runs downwards in an SVG."""
    chart = draw("t", "step", {"a": [(0, 0.0), (10, 5.0)]})
    assert chart is not None
    assert chart.lines[0].points == f"0.0,{HEIGHT}.0 {WIDTH}.0,0.0"
    assert (chart.lines[0].first, chart.lines[0].last) == (0.0, 5.0)
    assert (chart.x_range, chart.y_range) == ((0, 10), (0.0, 5.0))


def test_one_value_stands_in_the_middle():
    """A line without extent is in the middle, not a division by zero."""
    chart = draw("t", "step", {"a": [(3, 1.0)]})
    assert chart is not None
    assert chart.lines[0].points == f"{WIDTH / 2},{HEIGHT / 2}"


def test_nothing_to_draw():
    """Without a value there is no chart."""
    assert draw("t", "step", {"a": [], "b": []}) is None


@given(st.dictionaries(st.text(), st.lists(st.tuples(finite, finite), min_size=1), min_size=1))
def test_all_lines_stay_in_the_box(series):
    """Whatever the values, every point lies within the box."""
    chart = draw("t", "step", series)
    assert chart is not None
    for line in chart.lines:
        for point in line.points.split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= WIDTH
            assert 0 <= y <= HEIGHT
