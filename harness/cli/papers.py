"""`harness papers`: what the papers published, cell by cell."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table as Grid

from harness.cli.console import emit_json, stdout
from harness.errors import UnknownName
from harness.loader import load_plugins

if TYPE_CHECKING:
    from harness.specs import Cell, PaperSpec, Row, Table

app = typer.Typer(no_args_is_help=True, help="Show the tables that the papers published.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_all(as_json: AsJson = False) -> None:
    """List the papers whose tables are known.

    Example: `harness papers list`
    """
    rows = [_listed(paper) for paper in _papers().values()]
    if as_json:
        emit_json(rows)
        return
    grid = Grid("key", "title", "venue", "tables", "numbers")
    for row in rows:
        tables = ", ".join(row["tables"])
        venue = f"{row['venue']} {row['year']}"
        grid.add_row(row["key"], escape(row["title"]), venue, tables, str(row["numbers"]))
    stdout.print(grid)


@app.command("show")
def show(
    key: Annotated[str, typer.Argument(help="The paper, as `harness papers list` names it.")],
    table: Annotated[str | None, typer.Option("--table", help="One table of it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the tables of a paper as printed, in per cent.

    Example: `harness papers show rain --table 1`
    """
    papers = _papers()
    if key not in papers:
        raise UnknownName("paper", key, papers, "harness papers list")
    paper = papers[key]
    tables = paper.tables if table is None else (paper.table(table),)
    if as_json:
        shown = {t.key for t in tables}
        cells = [_in_percent(cell) for cell in paper.cells() if cell.table in shown]
        emit_json({**_listed(paper), "authors": list(paper.authors), "cells": cells})
        return
    stdout.print(f"[bold]{escape(paper.title)}[/]")
    stdout.print(f"{', '.join(paper.authors)}. {paper.venue} {paper.year}. {paper.url}")
    for one in tables:
        _print_table(paper, one)


def _papers() -> dict[str, PaperSpec]:
    from harness.specs import all_papers

    return all_papers(load_plugins().papers)


def _listed(paper: PaperSpec) -> dict[str, Any]:
    return {
        "key": paper.key,
        "name": paper.name,
        "title": paper.title,
        "venue": paper.venue,
        "year": paper.year,
        "url": paper.url,
        "tables": [table.key for table in paper.tables],
        "numbers": sum(cell.value is not None for cell in paper.cells()),
    }


def _in_percent(cell: Cell) -> dict[str, Any]:
    value = None if cell.value is None else round(100 * cell.value, 4)
    return {**asdict(cell), "value": value}


def _print_table(paper: PaperSpec, table: Table) -> None:
    """Print one grid for each data set, since a terminal is narrower than a page."""
    stdout.print(f"\n[bold]{escape(table.printed)}[/]: {escape(table.title)}")
    if table.note:
        stdout.print(escape(table.note), style="dim")
    for dataset, assumed in table.datasets.items():
        rows = [row for row in table.rows if dataset in row.cells]
        metrics = list(dict.fromkeys(metric for row in rows for metric in row.cells[dataset]))
        grid = Grid("method", *metrics, "reproduced by", title=dataset, title_justify="left")
        for row in rows:
            numbers = [_marked(row, dataset, metric) for metric in metrics]
            grid.add_row(escape(row.title or row.name), *numbers, _reproduced_by(paper, row))
        stdout.print(grid)
        known = (
            f"Compared under protocol {assumed.protocol}" if assumed.protocol else "Not compared"
        )
        stdout.print(f"{known}; the paper does not say: {', '.join(assumed.unknown)}.", style="dim")
        for note in _notes(rows, dataset):
            stdout.print(escape(note), style="dim")


def _reproduced_by(paper: PaperSpec, row: Row) -> str:
    """Return the method that reproduces a row, and what must be set for it."""
    if row.method is None:
        return ""
    changed = paper.find_changed(row.method, row.settings)
    return ", ".join(
        [row.method, *(f"{key}={json.dumps(value)}" for key, value in changed.items())]
    )


def _notes(rows: Sequence[Row], dataset: str) -> list[str]:
    """Return what must be known of single numbers."""
    return [
        f"{row.title or row.name}, {metric} {entry.printed}: {entry.note}"
        for row in rows
        for metric, entry in row.cells[dataset].items()
        if entry.note
    ]


def _marked(row: Row, dataset: str, metric: str) -> str:
    entry = row.cells[dataset].get(metric)
    if entry is None:
        return ""
    styles = [name for name, on in (("bold", entry.bold), ("underline", entry.underline)) if on]
    text = entry.printed if entry.flag == "verbatim" else f"{entry.printed} ({entry.flag})"
    return f"[{' '.join(styles)}]{escape(text)}[/]" if styles else escape(text)
