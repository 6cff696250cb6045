"""`harness data`: which data sets there are, where they lie, and whether a copy is complete."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from harness.cli.console import emit_json, stderr, stdout
from harness.errors import DataError
from harness.loader import load_plugins
from harness.settings import Settings
from harness.types import DatasetSpec

app = typer.Typer(no_args_is_help=True, help="List, register and check data sets.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_datasets(as_json: AsJson = False) -> None:
    """List the data sets and where this machine has them.

    Example: `harness data list`
    """
    settings = Settings.from_environment()
    rows = [_listed(spec, settings) for spec in load_plugins().datasets.values()]
    if as_json:
        emit_json(rows)
        return
    table = Table("key", "data set")
    for heading in ("images", "identities"):
        table.add_column(heading, justify="right")
    table.add_column("folder", overflow="fold")
    for row in rows:
        expected = row["expected"]
        table.add_row(
            row["key"],
            escape(row["title"]),
            f"{expected['images']:,}",
            f"{expected['identities']:,}",
            escape(_place(row)),
        )
    stdout.print(table)
    for row in rows:
        if not (row["folder"] or row["generated"] or row["made_from"]):
            stdout.print(f"[bold]{row['key']}[/]: {escape(row['how_to_get'])}")


@app.command("add")
def add_folder(
    key: Annotated[str, typer.Argument(help="The data set, as `harness data list` names it.")],
    folder: Annotated[Path, typer.Argument(help="The folder that holds its images.")],
    as_json: AsJson = False,
) -> None:
    """Register the folder in which a data set lies.

    Example: `harness data add caviar ~/data/CAVIAR4REID`
    """
    from harness.data import catalogue

    spec = load_plugins().dataset(key)
    counts = catalogue.add(spec, folder, Settings.from_environment())
    if as_json:
        emit_json({"key": key, "counts": counts.model_dump(exclude_none=True)})
        return
    stdout.print(f"{spec.card.title}: {catalogue.in_words(counts)}.", markup=False)
    stdout.print(f"Compare it with the original: `harness data check {key}`")


@app.command("check")
def check_copies(
    key: Annotated[
        str | None, typer.Argument(help="The data set; all that are on this machine unless given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare a copy with its card, file by file; exits with 6 at the first that differs.

    Example: `harness data check caviar`
    """
    from harness.data import catalogue

    settings = Settings.from_environment()
    registry = load_plugins()
    if key is None:
        found = [(spec, catalogue.find(spec, settings)) for spec in registry.datasets.values()]
        copies = [(spec, root) for spec, root in found if root is not None]
    else:
        spec = registry.dataset(key)
        copies = [(spec, catalogue.locate(spec, settings, stderr.print))]
    results = [_checked(spec, root) for spec, root in copies]
    if as_json:
        emit_json(results)
    else:
        _print_results(results)
    _raise_first_problem(results)


def _listed(spec: DatasetSpec, settings: Settings) -> dict[str, Any]:
    from harness.data.catalogue import find

    folder = find(spec, settings)
    return {
        "key": spec.key,
        "title": spec.card.title,
        "status": spec.card.status,
        "protocol": spec.protocol,
        "generated": spec.generate is not None,
        "made_from": spec.made_from,
        "expected": spec.card.expected.model_dump(exclude_none=True),
        "folder": str(folder) if folder else None,
        "how_to_get": spec.card.how_to_get,
        "licence": spec.card.licence,
        "citation": spec.card.citation,
        "notes": list(spec.card.notes),
    }


def _place(row: dict[str, Any]) -> str:
    """Return where a data set is, or what would bring it here."""
    if row["folder"]:
        return str(row["folder"])
    if row["generated"]:
        return "made on first use"
    missing = f"made from {row['made_from']}" if row["made_from"] else "not here"
    return missing if row["status"] == "available" else f"{missing}, {row['status']}"


def _checked(spec: DatasetSpec, root: Path) -> dict[str, Any]:
    from rich.progress import Progress

    from harness.data import catalogue

    with Progress(console=stderr, transient=True) as progress:
        task = progress.add_task(f"Checking {spec.key}", total=catalogue.files_to_check(spec))
        report = catalogue.check(spec, root, lambda n: progress.advance(task, n))
    return {
        "key": spec.key,
        "folder": str(root),
        "counts": report.counts.model_dump(exclude_none=True) if report.counts else None,
        "files_compared": report.files,
        "problem": report.problem,
    }


def _print_results(results: list[dict[str, Any]]) -> None:
    if not results:
        stdout.print("No data set is on this machine; `harness data list` says which there are.")
    for result in results:
        if result["problem"] is None:
            compared = result["files_compared"]
            how = f"the bytes of {compared:,} files" if compared else "the counts"
            stdout.print(
                f"[green]ok[/]     {result['key']}: {how} are as expected, "
                f"in {escape(result['folder'])}"
            )
        else:
            stdout.print(f"[red]wrong[/]  {result['key']}: {escape(result['problem'])}")


def _raise_first_problem(results: list[dict[str, Any]]) -> None:
    for result in results:
        if result["problem"] is not None:
            raise DataError(
                f"The copy of {result['key']} in {result['folder']} is not the original: "
                f"{result['problem']}",
                "Get what is missing or differs, and run the check again.",
            )
