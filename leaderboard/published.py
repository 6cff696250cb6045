"""Published cells gathered into the rows in which a paper printed them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.specs import Cell, PaperSpec, Settings
from harness.store import Row

NOT_REPORTED = "-"


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """One row of one table of one paper, on one data set.

    Attributes:
        paper: The paper.
        source: The table, and the row's name where it is printed differently.
        title: The row's method as we name it.
        method: Key of our method that reproduces it, if there is one.
        settings: With which of its settings; empty where any are meant.
        year: Of the row's method.
        cells: By column.
    """

    paper: PaperSpec
    source: str
    title: str
    method: str | None
    settings: Settings
    year: int
    cells: Mapping[str, Cell]

    def is_reproduced_by(self, row: Row) -> bool:
        """Return whether a row of the store is of this row's method and settings."""
        return any(cell.is_reproduced_by(row.method, row.config) for cell in self.cells.values())

    def command(self, dataset: str) -> str:
        """Return the command that reproduces it on a data set; "" where no method of ours does."""
        if self.method is None:
            return ""
        changed = self.paper.find_changed(self.method, self.settings)
        words = [f" --set {key}={json.dumps(value)}" for key, value in changed.items()]
        return f"harness run --plugin {self.method} --dataset {dataset}" + "".join(words)


@dataclass(frozen=True, slots=True)
class Assumption:
    """Under which protocol a table's numbers are compared.

    Attributes:
        source: Paper and table.
        dataset: The data set.
        protocol: Key of the assumed protocol, or None where none is shipped.
        unknown: What the paper does not say of its own.
    """

    source: str
    dataset: str
    protocol: str | None
    unknown: tuple[str, ...]


def column_of(cell: Cell) -> str:
    """Return the column in which a published number stands.

    A mAP stands under its definition. One whose definition the paper does not give is of its own
    column, since the definitions differ by points.
    """
    return f"map_{cell.ap}" if cell.ap is not None else cell.metric


def gather(cells: Iterable[Cell], papers: Mapping[str, PaperSpec]) -> list[PublishedRow]:
    """Return the published rows of cells, in their order, without rows that report nothing."""
    rows: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in cells:
        rows.setdefault((cell.paper, cell.table, cell.row), []).append(cell)
    return [
        _row(row, papers[row[0].paper])
        for row in rows.values()
        if any(cell.printed != NOT_REPORTED for cell in row)
    ]


def assumptions(cells: Iterable[Cell], papers: Mapping[str, PaperSpec]) -> list[Assumption]:
    """Return what is assumed of each table and data set of the cells, in their order."""
    return list(
        dict.fromkeys(
            Assumption(
                source=f"{papers[cell.paper].name}, {cell.source.table}",
                dataset=cell.dataset,
                protocol=cell.protocol,
                unknown=cell.unknown,
            )
            for cell in cells
        )
    )


def _row(cells: Sequence[Cell], paper: PaperSpec) -> PublishedRow:
    first = cells[0]
    return PublishedRow(
        paper=paper,
        source=first.source.table + (f", {first.row}" if first.row != first.title else ""),
        title=first.title,
        method=first.method,
        settings=first.settings,
        year=first.year,
        cells={column_of(cell): cell for cell in cells},
    )
