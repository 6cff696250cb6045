"""What a paper published: its tables as printed, cell by cell.

A file lists for each row its numbers by data set and metric, exactly as printed and quoted; what
all cells of a table share stands once, at the table. `PaperSpec.cells` expands this to flat cells.

A number may carry the paper's own marks, as in Markdown: `"**78.9**"` is bold, `"__77.6__"`
underlined. One that needs more is written as a mapping: `{printed: "74.5", flag: suspicious,
note: ...}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from pydantic import Field, model_validator

from harness.errors import UnknownName
from harness.specs.cell import ApDefinition, Cell, Flag, Settings, Source
from harness.specs.document import Spec, parse
from harness.specs.folder import find_or_raise, list_keys

KIND = "papers"

NUMBER = re.compile(r"\d+(\.\d+)?")
NO_VALUE = ("-", "?")  # not reported, lost


class CellEntry(Spec):
    """One number as a file has it; see `Cell`."""

    printed: str
    bold: bool = False
    underline: bool = False
    flag: Flag = "verbatim"
    note: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_marks(cls, written: Any) -> Any:
        if not isinstance(written, str):
            return written
        bold = _is_between("**", written)
        inner = written[2:-2] if bold else written
        underline = _is_between("__", inner)
        return {
            "printed": inner[2:-2] if underline else inner,
            "bold": bold,
            "underline": underline,
        }

    @model_validator(mode="after")
    def _check_number(self) -> CellEntry:
        if self.printed in NO_VALUE:
            return self
        if not NUMBER.fullmatch(self.printed) or Decimal(self.printed) > 100:
            raise ValueError(f"{self.printed!r} is neither a percentage nor one of {NO_VALUE}")
        return self

    @property
    def value(self) -> float | None:
        """The number as a fraction, or None where there is none."""
        return None if self.printed in NO_VALUE else float(Decimal(self.printed) / 100)


class Row(Spec):
    """One row of a table.

    Attributes:
        name: As printed, without the citation.
        title: The method as we name it; `name` unless given.
        cites: The citation in the row.
        year: Of the row's method; the paper's unless given.
        method: Key of our method that reproduces it.
        settings: With which of its settings, where the paper has rows of several.
        cells: By data set, then by metric.
    """

    name: str
    title: str | None = None
    cites: str | None = None
    year: int | None = None
    method: str | None = None
    settings: Settings = Field(default_factory=dict)
    cells: Mapping[str, Mapping[str, CellEntry]]

    @model_validator(mode="after")
    def _check_settings(self) -> Row:
        if self.settings and self.method is None:
            raise ValueError(f"row {self.name!r} has settings, but no method that they are of")
        return self


class Assumed(Spec):
    """Under which protocol a table's numbers on a data set are compared, and what is open."""

    protocol: str | None
    unknown: tuple[str, ...]


class Table(Spec):
    """One table of a paper.

    Attributes:
        key: Its name on the command line.
        printed: Its name in the paper.
        title: What it shows.
        document: The text that the numbers were copied from.
        ap: The definition behind every `map`; None in a table without.
        datasets: What is assumed for each data set.
        note: What a reader must know of the copy.
        rows: In the paper's order.
    """

    key: str
    printed: str
    title: str
    document: str
    ap: ApDefinition | None
    datasets: Mapping[str, Assumed]
    note: str | None = None
    rows: tuple[Row, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check_rows(self) -> Table:
        names = [row.name for row in self.rows]
        for row in self.rows:
            if names.count(row.name) > 1:
                raise ValueError(f"the row {row.name!r} is there twice")
            for dataset, entries in row.cells.items():
                if dataset not in self.datasets:
                    raise ValueError(f"row {row.name!r}: {dataset!r} is not among `datasets`")
                if self.ap is None and "map" in entries:
                    raise ValueError(f"row {row.name!r} has a map, so the table must state `ap`")
        return self


class PaperSpec(Spec):
    """A paper and its tables.

    Attributes:
        key: The name of the file.
        name: What the method is called.
        title: Of the paper.
        authors: As printed.
        venue: Where it appeared.
        year: When.
        url: Where to read it.
        tables: In the paper's order.
    """

    key: str
    name: str
    title: str
    authors: tuple[str, ...]
    venue: str
    year: int
    url: str
    tables: tuple[Table, ...] = ()

    def table(self, key: str) -> Table:
        """Return the table of that key.

        Raises:
            UnknownName: If the paper has none of that key.
        """
        for table in self.tables:
            if table.key == key:
                return table
        raise UnknownName(f"table of {self.key}", key, [table.key for table in self.tables])

    def cells(self, *, dataset: str | None = None) -> tuple[Cell, ...]:
        """Return every cell in the paper's order, of all data sets or of one."""
        found = (
            cell for table in self.tables for row in table.rows for cell in self._row(table, row)
        )
        return tuple(cell for cell in found if dataset in (None, cell.dataset))

    def find_changed(self, method: str, settings: Settings) -> Settings:
        """Return what a row of a method sets otherwise than the paper's first row of it.

        The first row is taken for the method as it is by itself.
        """
        rows = (row for table in self.tables for row in table.rows)
        first = next((row.settings for row in rows if row.method == method), {})
        return {key: value for key, value in settings.items() if first.get(key) != value}

    def _row(self, table: Table, row: Row) -> Iterator[Cell]:
        for dataset, entries in row.cells.items():
            assumed = table.datasets[dataset]
            for metric, entry in entries.items():
                yield Cell(
                    paper=self.key,
                    table=table.key,
                    row=row.name,
                    title=row.title or row.name,
                    method=row.method,
                    settings=row.settings,
                    year=row.year or self.year,
                    dataset=dataset,
                    metric=metric,
                    ap=table.ap if metric == "map" else None,
                    printed=entry.printed,
                    value=entry.value,
                    protocol=assumed.protocol,
                    unknown=assumed.unknown,
                    source=Source(table.document, table.printed, row.name),
                    bold=entry.bold,
                    underline=entry.underline,
                    flag=entry.flag,
                    note=entry.note,
                )


def list_papers() -> tuple[str, ...]:
    """Return the keys of the papers that ship with the harness, sorted."""
    return list_keys(KIND)


def load_paper(key: str) -> PaperSpec:
    """Read the paper of that key.

    Raises:
        UnknownName: If there is none.
        UsageError: If its file is not a paper.
    """
    path = find_or_raise(KIND, key)
    return parse_paper(path.read_text(encoding="utf-8"), str(path))


def parse_paper(text: str, origin: str) -> PaperSpec:
    """Return the paper that a YAML text describes; `origin` names it in messages.

    Raises:
        UsageError: If it is not a paper.
    """
    return parse(text, origin, PaperSpec)


def _is_between(mark: str, text: str) -> bool:
    return len(text) > 2 * len(mark) and text.startswith(mark) and text.endswith(mark)
