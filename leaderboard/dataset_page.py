"""The context of a data set's page: published rows beside reproduced ones, protocol by protocol."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from harness.definitions import METRICS
from harness.specs import Cell, list_protocols, load_protocol
from harness.store import ProtocolInfo
from harness.types import MetricSpec
from leaderboard.columns import Column, make_columns
from leaderboard.estimates import Estimates
from leaderboard.external import COLUMNS, ExternalRow, make_externals
from leaderboard.library import FLOOR, Library
from leaderboard.published import Assumption, PublishedRow, assumptions, gather
from leaderboard.reproduced import ReproducedRow, make_reproduced

_SPECS = {spec.name: spec for spec in METRICS}


@dataclass(frozen=True, slots=True)
class Group:
    """What was published of a method in one setting, and what was reproduced of that.

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
        groups: The initial weights, then the published methods in the order of the papers, each
            with its other settings after it, then the others.
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
        externals: What files of other tools gave; never among the rows of the tables.
        external_columns: The numbers that are shown of them.
    """

    key: str
    tables: Sequence[ProtocolTable]
    definitions: Sequence[MetricSpec]
    externals: Sequence[ExternalRow]
    external_columns: Sequence[str] = COLUMNS


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
    return DatasetPage(
        key=key,
        tables=tables,
        definitions=[spec for spec in METRICS if spec.name in used],
        externals=make_externals(library.externals, key),
    )


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
    columns = make_columns(labels.headline, published)
    reproduced = [
        make_reproduced(library, estimates, row, columns, (rows, published)) for row in rows
    ]
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


def _grouped(published: Sequence[PublishedRow], reproduced: Sequence[ReproducedRow]) -> list[Group]:
    """Put what was reproduced right after what was published of the same method and settings.

    What a method gave with other settings than the published ones follows in a group of its own.
    """
    theirs = _by_method_and_settings(published)
    ours: dict[Hashable, list[ReproducedRow]] = {}
    for row in reproduced:
        same = (key for key, rows in theirs.items() if rows[0].is_reproduced_by(row.row))
        ours.setdefault(next(same, row.row.method), []).append(row)
    groups = [Group(rows[0].method, rows, ours.pop(key, [])) for key, rows in theirs.items()]
    for rows in ours.values():
        method = rows[0].row.method
        after = [place for place, group in enumerate(groups, start=1) if group.method == method]
        place = 0 if method == FLOOR else max(after, default=len(groups))
        groups.insert(place, Group(method, [], rows))
    return groups


def _by_method_and_settings(
    published: Sequence[PublishedRow],
) -> dict[Hashable, list[PublishedRow]]:
    """Gather published rows; one that none of our methods reproduces is on its own."""
    gathered: dict[Hashable, list[PublishedRow]] = {}
    for place, row in enumerate(published):
        key = place if row.method is None else (row.method, tuple(sorted(row.settings.items())))
        gathered.setdefault(key, []).append(row)
    return gathered
