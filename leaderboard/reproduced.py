"""Rows of the store as a table shows them: intervals, Δ to published, gain over no training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.store import Row, ScoreView
from harness.types import Interval, Trial
from leaderboard.columns import Column
from leaderboard.estimates import Estimates, MetricAt, is_built_in
from leaderboard.library import FLOOR, Library
from leaderboard.published import PublishedRow
from leaderboard.wording import trials_in_words

GainStatus = Literal[
    "compared", "reference", "not run", "other weights", "other trials", "not built in"
]


@dataclass(frozen=True, slots=True)
class Delta:
    """The distance to a published number.

    Attributes:
        value: Reproduced less published, a fraction.
        source: Paper and table, or several that print the same number.
    """

    value: float
    source: str


@dataclass(frozen=True, slots=True)
class Gain:
    """The difference of a row to the initial weights, at the headline metric's rank 1.

    Attributes:
        status: `compared`; `reference` for the initial weights themselves; or why there is none:
            they were not run, run from other weights or over other trials only, or the headline
            metric has no formula here.
        interval: The paired difference, where it was compared.
    """

    status: GainStatus
    interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class ReproducedRow:
    """A row of the store.

    Attributes:
        anchor: Its id in the page.
        title: What tables call the method.
        row: What the store has of it.
        original: Whether its images are those that the data set's card describes.
        values: By column, the number with its interval.
        deltas: By column, the distances to the published numbers of the same method and settings.
        gain: The difference to the initial weights.
        trials: How much of the protocol was run, in words.
        seconds: Training time of all its trials.
        images: Images through the identity loss in all its trials.
    """

    anchor: str
    title: str
    row: Row
    original: bool
    values: Mapping[str, Interval]
    deltas: Mapping[str, Sequence[Delta]]
    gain: Gain
    trials: str
    seconds: float
    images: int


def make_reproduced(
    library: Library,
    estimates: Estimates,
    row: Row,
    columns: Sequence[Column],
    beside: tuple[Sequence[Row], Sequence[PublishedRow]],
) -> ReproducedRow:
    """Return a row of the store as its table shows it.

    Args:
        library: Names the method.
        estimates: Computes the intervals.
        row: The row.
        columns: Of the table.
        beside: The other rows of the store, and the published rows, of the same table.
    """
    rows, published = beside
    scores = _scores(row)
    ours = [(column.key, column.metric) for column in columns if column.metric is not None]
    values = {key: estimates.of(scores, metric) for key, metric in ours}
    original = is_original(row)
    same = [other for other in published if original and other.is_reproduced_by(row)]
    trials = [Trial(score.split, score.seed) for score in scores]
    return ReproducedRow(
        anchor=anchor_of(row),
        title=library.method_title(row.method),
        row=row,
        original=original,
        values=values,
        deltas={key: _deltas(value, key, same) for key, value in values.items()},
        gain=_gain(estimates, row, rows),
        trials=trials_in_words(trials, len(row.protocol.spec.get("splits", ()))),
        seconds=sum(trial.fit.seconds for trial in row.trials),
        images=sum(trial.fit.identity_images for trial in row.trials),
    )


def anchor_of(row: Row) -> str:
    """Return the id of a row in the page of its data set."""
    return f"row-{row.trials[0].score.id}"


def is_original(row: Row) -> bool:
    """Return whether a row's images are those that the data set's card describes."""
    return all(trial.fit.provenance.get("original_data", True) for trial in row.trials)


def _deltas(ours: Interval, column: str, published: Sequence[PublishedRow]) -> list[Delta]:
    """Return the distance to each published number; tables that print the same one share it."""
    sources: dict[float, list[str]] = {}
    for row in published:
        value = row.cells[column].value if column in row.cells else None
        if value is not None:
            sources.setdefault(value, []).append(f"{row.paper.name}, {row.source}")
    return [
        Delta(ours.value - value, "; ".join(names))
        for value, names in sources.items()
        if ours.value is not None
    ]


def _gain(estimates: Estimates, row: Row, rows: Sequence[Row]) -> Gain:
    """Compare a row with the initial weights it started from."""
    if row.method == FLOOR:
        return Gain("reference")
    floors = [other for other in rows if other.method == FLOOR]
    if not floors:
        return Gain("not run")
    same_weights = [other for other in floors if _weights(other) == _weights(row)]
    if not same_weights:
        return Gain("other weights")
    if not is_built_in(row.protocol.headline):
        return Gain("not built in")
    # Of several, the one that is most like the row: its input size comes with the recipe.
    floor = min(same_weights, key=lambda other: (other.recipe != row.recipe, -len(other.trials)))
    rank1 = MetricAt(row.protocol.headline, 1)
    difference = estimates.difference(_scores(row), _scores(floor), rank1)
    return Gain("other trials") if difference is None else Gain("compared", difference)


def _weights(row: Row) -> str:
    return row.weights.sha256 or row.weights.name


def _scores(row: Row) -> list[ScoreView]:
    return [trial.score for trial in row.trials]
