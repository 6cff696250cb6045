"""A published number beside a reproduced one: the distance, the verdict, and what to know of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.specs import Cell
from harness.stats.verdicts import Verdict, judge, qualify
from harness.store import Row
from harness.types import Interval, Trial
from leaderboard.columns import make_columns
from leaderboard.estimates import Estimates, by_seed
from leaderboard.published import column_of
from leaderboard.reproduced import is_original
from leaderboard.wording import trials_in_words


@dataclass(frozen=True, slots=True)
class Comparison:
    """One published number, and what was reproduced of it.

    Attributes:
        cell: The published number.
        ours: The reproduced one; None where nothing was run, or the metric is not ours.
        delta: Reproduced less published, a fraction; None where they are not compared.
        verdict: What is said of it; None where the paper has no number.
    """

    cell: Cell
    ours: Interval | None
    delta: float | None
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class Reproduction:
    """The published numbers of one row on one data set, beside one row of the store.

    Attributes:
        source: The published row as printed.
        row: The row of the store; None where nothing was run.
        trials: How much of the protocol was run, in words.
        otherwise: In which way it is of another data set or protocol; None where it is not.
        qualifiers: In what it was made with less than the paper.
        comparisons: One for each published number.
    """

    source: str
    row: Row | None
    trials: str
    otherwise: str | None
    qualifiers: Sequence[str]
    comparisons: Sequence[Comparison]


def compare(estimates: Estimates, cells: Sequence[Cell], row: Row) -> Reproduction:
    """Return published numbers beside a row of the store.

    Args:
        estimates: Computes the intervals.
        cells: Numbers of one published row on one data set.
        row: A row of the same method and settings.
    """
    otherwise = _otherwise(cells[0], row)
    trials = [Trial(trial.score.split, trial.score.seed) for trial in row.trials]
    splits = len(row.protocol.spec.get("splits", ()))
    return Reproduction(
        source=cells[0].row,
        row=row,
        trials=trials_in_words(trials, splits),
        otherwise=otherwise,
        qualifiers=qualify(
            recipe=row.recipe,
            narrowed=row.narrowed,
            weights=row.weights.name,
            splits=len({trial.split for trial in trials}),
            of_splits=splits,
        ),
        comparisons=[_comparison(estimates, cell, row, otherwise) for cell in cells],
    )


def not_run(cells: Sequence[Cell]) -> Reproduction:
    """Return published numbers of which nothing was reproduced."""
    return Reproduction(
        source=cells[0].row,
        row=None,
        trials="",
        otherwise=None,
        qualifiers=(),
        comparisons=[
            Comparison(cell, None, None, None if cell.value is None else judge(cell.value, None))
            for cell in cells
        ],
    )


def _comparison(estimates: Estimates, cell: Cell, row: Row, otherwise: str | None) -> Comparison:
    metrics = {column.key: column.metric for column in make_columns(row.protocol.headline, ())}
    metric = metrics.get(column_of(cell))
    scores = [trial.score for trial in row.trials]
    ours = None if metric is None else estimates.of(scores, metric)
    if cell.value is None or metric is None or ours is None:
        return Comparison(cell, ours, None, None)
    comparable = otherwise is None and ours.value is not None
    return Comparison(
        cell=cell,
        ours=ours,
        delta=ours.value - cell.value if comparable and ours.value is not None else None,
        verdict=judge(cell.value, ours, by_seed=by_seed(scores, metric), otherwise=otherwise),
    )


def _otherwise(cell: Cell, row: Row) -> str | None:
    """Return in which way a row is of another data set or protocol than a published number."""
    if row.dataset != cell.dataset:
        return f"run on {row.dataset}, published on {cell.dataset}"
    if cell.protocol is None:
        return "no protocol is assumed for the published number"
    if row.protocol.key != cell.protocol:
        return f"run under protocol {row.protocol.key}, published as if under {cell.protocol}"
    return None if is_original(row) else "run on images that differ from the original data set"
