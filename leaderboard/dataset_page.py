"""The context of a data set's page: published rows beside reproduced ones, protocol by protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.definitions import METRICS, short_name
from harness.specs import Cell, list_protocols, load_protocol
from harness.store import ProtocolInfo, Row, ScoreView
from harness.types import Interval, MetricSpec, Trial
from leaderboard.estimates import Estimates, MetricAt
from leaderboard.library import FLOOR, Library
from leaderboard.published import Assumption, PublishedRow, assumptions, gather
from leaderboard.wording import trials_in_words

RANKS = (1, 5, 10, 20)
MEANS = ("map_sum_precision@1", "map_trapezoid@1", "map_single@1", "minp@1")

_SPECS = {spec.name: spec for spec in METRICS}

GainStatus = Literal[
    "compared", "reference", "not run", "other weights", "other trials", "not built in"
]


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


@dataclass(frozen=True, slots=True)
class Delta:
    """The distance to a published number.

    Attributes:
        value: Reproduced less published, a fraction.
        source: Paper and table.
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
        values: By column, the number with its interval.
        deltas: By column, the distances to the published numbers of the same method.
        gain: The difference to the initial weights.
        trials: How much of the protocol was run, in words.
        seconds: Training time of all its trials.
        images: Images through the identity loss in all its trials.
    """

    anchor: str
    title: str
    row: Row
    values: Mapping[str, Interval]
    deltas: Mapping[str, Sequence[Delta]]
    gain: Gain
    trials: str
    seconds: float
    images: int


@dataclass(frozen=True, slots=True)
class Group:
    """What was published of a method, and what was reproduced of it.

    Attributes:
        method: Key of our method; None for a published row that none of ours reproduces.
        published: By paper.
        reproduced: In the order of the store.
    """

    method: str | None
    published: Sequence[PublishedRow]
    reproduced: Sequence[ReproducedRow]


@dataclass(frozen=True, slots=True)
class ProtocolTable:
    """All numbers on a data set that may be compared.

    Attributes:
        anchor: Its id in the page.
        key: Key of the protocol; None where the numbers are of protocols that are not shipped.
        id: Its hash, known once a score is stored.
        title: What is compared.
        headline: The metric that rank-k stands for; None where it is not built in.
        headline_name: Its full name.
        columns: In order.
        groups: The initial weights, then the published methods in the order of the papers, then
            the others.
        assumptions: What is assumed of the published rows.
        has_floor: Whether there is a row of the initial weights.
    """

    anchor: str
    key: str | None
    id: str | None
    title: str
    headline: MetricSpec | None
    headline_name: str | None
    columns: Sequence[Column]
    groups: Sequence[Group]
    assumptions: Sequence[Assumption]
    has_floor: bool

    @property
    def published(self) -> list[PublishedRow]:
        """The published rows, in the order of the table."""
        return [row for group in self.groups for row in group.published]

    @property
    def reproduced(self) -> list[ReproducedRow]:
        """The reproduced rows, in the order of the table."""
        return [row for group in self.groups for row in group.reproduced]

    @property
    def notes(self) -> list[Cell]:
        """The published cells that are not as printed, or in doubt."""
        cells = (cell for row in self.published for cell in row.cells.values())
        return [cell for cell in cells if cell.flag != "verbatim" or cell.note]


@dataclass(frozen=True, slots=True)
class DatasetPage:
    """The context of `datasets/<key>.html`.

    Attributes:
        key: Key of the data set.
        tables: One for each protocol.
        definitions: The built-in metrics of the columns.
    """

    key: str
    tables: Sequence[ProtocolTable]
    definitions: Sequence[MetricSpec]


@dataclass(frozen=True, slots=True)
class _Labels:
    """What a table says of its protocol, whether from the store or from the specs."""

    key: str | None
    id: str | None
    title: str
    headline: str | None


def make_dataset(library: Library, estimates: Estimates, key: str) -> DatasetPage:
    """Return the context of the page of a data set."""
    cells = [cell for cell in library.cells if cell.dataset == key]
    tables = [
        _table(library, estimates, labels, [c for c in cells if c.protocol == labels.key])
        for labels in _protocols(library, key, cells)
    ]
    used = {c.metric.name for table in tables for c in table.columns if c.metric is not None}
    return DatasetPage(key, tables, [spec for spec in METRICS if spec.name in used])


def _protocols(library: Library, dataset: str, cells: Sequence[Cell]) -> list[_Labels]:
    """Return the protocols of a data set: with rows, published only, and not shipped at last."""
    stored = [_stored(info) for info in library.protocols.values() if info.dataset == dataset]
    assumed = dict.fromkeys(cell.protocol for cell in cells if cell.protocol is not None)
    missing = [_shipped(key) for key in assumed if key not in {labels.key for labels in stored}]
    unknown = [cell for cell in cells if cell.protocol is None]
    none = [_Labels(None, None, "published only, under protocols that are not shipped", None)]
    return stored + missing + (none if unknown else [])


def _stored(info: ProtocolInfo) -> _Labels:
    return _Labels(info.key, info.id, info.title, info.headline)


def _shipped(key: str) -> _Labels:
    if key not in list_protocols():  # a paper may assume what a plugin brings
        return _Labels(key, None, key, None)
    spec = load_protocol(key)
    return _Labels(key, None, spec.title, spec.headline)


def _table(
    library: Library, estimates: Estimates, labels: _Labels, cells: Sequence[Cell]
) -> ProtocolTable:
    """Return the table of one protocol."""
    rows = [row for row in library.rows if row.protocol.id == labels.id]
    published = gather(cells, library.papers)
    columns = _columns(labels.headline, published)
    reproduced = [_reproduced(library, estimates, row, columns, (rows, published)) for row in rows]
    return ProtocolTable(
        anchor=f"protocol-{(labels.id or labels.key or 'none')[:12]}",
        key=labels.key,
        id=labels.id,
        title=labels.title,
        headline=_SPECS.get(labels.headline or ""),
        headline_name=labels.headline,
        columns=columns,
        groups=_grouped(published, reproduced),
        assumptions=assumptions(cells, library.papers),
        has_floor=any(row.method == FLOOR for row in rows),
    )


def _columns(headline: str | None, published: Sequence[PublishedRow]) -> list[Column]:
    """Return our columns, then what only papers report."""
    columns = []
    if headline is not None:
        ours = [MetricAt(headline, k) for k in RANKS] + [MetricAt(name, None) for name in MEANS]
        columns = [_column(metric, headline) for metric in ours]
    known = {column.key for column in columns}
    theirs = dict.fromkeys(key for row in published for key in row.cells if key not in known)
    return columns + [Column(key, _title_in_words(key), None) for key in theirs]


def _column(metric: MetricAt, headline: str) -> Column:
    key = short_name(metric.name, metric.k, headline)
    title = _title_in_words(key) if metric.k else _SPECS[metric.name].title
    return Column(key, title, metric)


def _title_in_words(key: str) -> str:
    """Return the title of a short name.

    >>> _title_in_words("rank5"), _title_in_words("map_unknown")
    ('rank-5', 'mAP, definition not stated')
    """
    if key == "map_unknown":
        return "mAP, definition not stated"
    return f"rank-{key[4:]}" if key.startswith("rank") else key.replace("_", " ")


def _reproduced(
    library: Library,
    estimates: Estimates,
    row: Row,
    columns: Sequence[Column],
    beside: tuple[Sequence[Row], Sequence[PublishedRow]],
) -> ReproducedRow:
    """Return a row of the store with all that stands in the table."""
    rows, published = beside
    scores = _scores(row)
    ours = [(column.key, column.metric) for column in columns if column.metric is not None]
    values = {key: estimates.of(scores, metric) for key, metric in ours}
    same = [other for other in published if other.method == row.method]
    trials = [Trial(score.split, score.seed) for score in scores]
    return ReproducedRow(
        anchor=f"row-{scores[0].id}",
        title=library.method_title(row.method),
        row=row,
        values=values,
        deltas={key: _deltas(value, key, same) for key, value in values.items()},
        gain=_gain(estimates, row, rows),
        trials=trials_in_words(trials, len(row.protocol.spec.get("splits", ()))),
        seconds=sum(trial.fit.seconds for trial in row.trials),
        images=sum(trial.fit.identity_images for trial in row.trials),
    )


def _deltas(ours: Interval, column: str, published: Sequence[PublishedRow]) -> list[Delta]:
    theirs = [(row, row.cells[column].value) for row in published if column in row.cells]
    return [
        Delta(ours.value - value, f"{row.paper.name}, {row.source}")
        for row, value in theirs
        if ours.value is not None and value is not None
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
    if row.protocol.headline not in _SPECS:
        return Gain("not built in")
    # Of several, the one that is most like the row: its input size comes with the recipe.
    floor = min(same_weights, key=lambda other: (other.recipe != row.recipe, -len(other.trials)))
    rank1 = MetricAt(row.protocol.headline, 1)
    difference = estimates.difference(_scores(row), _scores(floor), rank1)
    return Gain("other trials") if difference is None else Gain("compared", difference)


def _grouped(published: Sequence[PublishedRow], reproduced: Sequence[ReproducedRow]) -> list[Group]:
    """Put what was reproduced of a method right after what was published of it."""
    methods = dict.fromkeys(
        [FLOOR, *_methods_or_places(published), *(row.row.method for row in reproduced)]
    )
    groups = []
    for method in methods:
        if isinstance(method, int):
            groups.append(Group(None, [published[method]], []))
            continue
        theirs = [row for row in published if row.method == method]
        ours = [row for row in reproduced if row.row.method == method]
        if theirs or ours:
            groups.append(Group(method, theirs, ours))
    return groups


def _methods_or_places(published: Sequence[PublishedRow]) -> list[str | int]:
    """Return for each row the method that reproduces it, or its place where there is none."""
    return [row.method or place for place, row in enumerate(published)]


def _weights(row: Row) -> str:
    return row.weights.sha256 or row.weights.name


def _scores(row: Row) -> list[ScoreView]:
    return [trial.score for trial in row.trials]
