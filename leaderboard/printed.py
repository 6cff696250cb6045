"""A table of a paper in the paper's own layout, with what was reproduced under its own rows."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from harness.specs import CellEntry, PaperSpec, Table
from harness.specs import Row as PaperRow
from harness.store import Row
from leaderboard.comparison import Comparison, Reproduction

Place = tuple[str, str]
"""A column of the paper's table: data set and metric."""


@dataclass(frozen=True, slots=True)
class Line:
    """Rows of the store of one training on several data sets, as one line of the paper's table.

    Attributes:
        row: One of them, for what they share.
        comparisons: By column.
    """

    row: Row
    comparisons: Mapping[Place, Comparison]


@dataclass(frozen=True, slots=True)
class PrintedRow:
    """One row of the paper's table.

    Attributes:
        row: As the paper has it.
        own: Whether it is the method's that the page is of.
        entries: By column, as printed.
        lines: What was reproduced of it.
    """

    row: PaperRow
    own: bool
    entries: Mapping[Place, CellEntry]
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class PrintedTable:
    """A table of a paper.

    Attributes:
        paper: The paper.
        table: The table.
        groups: Its data sets with their metrics, in the paper's order.
        rows: Its rows, in the paper's order.
    """

    paper: PaperSpec
    table: Table
    groups: Sequence[tuple[str, Sequence[str]]]
    rows: Sequence[PrintedRow]

    @property
    def columns(self) -> list[Place]:
        """The columns from left to right."""
        return [(dataset, metric) for dataset, metrics in self.groups for metric in metrics]


def print_table(
    paper: PaperSpec, table: Table, method: str, reproductions: Sequence[Reproduction]
) -> PrintedTable:
    """Return a table in its own layout.

    Args:
        paper: The paper.
        table: The table.
        method: Key of the method whose rows are reproduced here.
        reproductions: Of these rows.
    """
    return PrintedTable(
        paper=paper,
        table=table,
        groups=[(dataset, _metrics(table, dataset)) for dataset in table.datasets],
        rows=[
            PrintedRow(
                row=row,
                own=row.method == method,
                entries={
                    (dataset, metric): entry
                    for dataset, entries in row.cells.items()
                    for metric, entry in entries.items()
                },
                lines=_lines([r for r in reproductions if r.source == row.name]),
            )
            for row in table.rows
        ],
    )


def _metrics(table: Table, dataset: str) -> list[str]:
    """Return the metrics that some row reports on a data set, in the paper's order."""
    return list(dict.fromkeys(m for row in table.rows for m in row.cells.get(dataset, ())))


def _lines(reproductions: Sequence[Reproduction]) -> list[Line]:
    """Gather what was trained in the same way on several data sets; what is compared only."""
    values: dict[Hashable, dict[Place, Comparison]] = {}
    rows: dict[Hashable, Row] = {}
    for reproduction in reproductions:
        row = reproduction.row
        if row is not None and reproduction.otherwise is None:
            rows.setdefault(_training(row), row)
            of_line = values.setdefault(_training(row), {})
            of_line.update({(c.cell.dataset, c.cell.metric): c for c in reproduction.comparisons})
    return [Line(row, values[training]) for training, row in rows.items()]


def _training(row: Row) -> Hashable:
    weights = row.weights.sha256 or row.weights.name
    return (row.method_version, row.recipe, row.config_hash, row.precision, weights, row.variant)
