"""The columns of a table of results: ours, then what only papers report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.definitions import METRICS, short_name
from leaderboard.estimates import MetricAt
from leaderboard.published import PublishedRow
from leaderboard.wording import metric_title

RANKS = (1, 5, 10, 20)
MEANS = ("map_sum_precision@1", "map_trapezoid@1", "map_single@1", "minp@1")

_TITLES = {spec.name: spec.title for spec in METRICS}


@dataclass(frozen=True, slots=True)
class Column:
    """One metric of a table.

    Attributes:
        key: Its short name ("rank1"), which published cells share.
        title: In the head of the table.
        metric: The metric; None where only papers report it, under a definition we have not.
    """

    key: str
    title: str
    metric: MetricAt | None


def make_columns(headline: str | None, published: Sequence[PublishedRow]) -> list[Column]:
    """Return our columns, then what only papers report."""
    columns = []
    if headline is not None:
        ours = [MetricAt(headline, k) for k in RANKS] + [MetricAt(name, None) for name in MEANS]
        columns = [_column(metric, headline) for metric in ours]
    known = {column.key for column in columns}
    theirs = dict.fromkeys(key for row in published for key in row.cells if key not in known)
    return columns + [Column(key, metric_title(key), None) for key in theirs]


def _column(metric: MetricAt, headline: str) -> Column:
    key = short_name(metric.name, metric.k, headline)
    title = metric_title(key) if metric.k else _TITLES[metric.name]
    return Column(key, title, metric)
