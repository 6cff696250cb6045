"""`harness data`: which data sets there are, where they lie, and whether a copy is complete."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from harness.cli import data_add
from harness.cli.console import emit_json, stderr, stdout
from harness.cli.data_findings import print_findings, raise_first_error
from harness.errors import DataError
from harness.loader import OWN, load_plugins
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
    registry = load_plugins()
    rows = [_listed(spec, settings) for spec in registry.datasets.values()]
    for problem in registry.problems:
        stderr.print(f"[yellow]{problem.origin} could not be loaded:[/] {escape(problem.reason)}")
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


app.command("add")(data_add.add)


@app.command("remove")
def remove(
    key: Annotated[str, typer.Argument(help="A data set of your own.")], as_json: AsJson = False
) -> None:
    """Forget a data set of your own: its card, list and protocol; no image is touched.

    What was scored on it stays in the store.

    Example: `harness data remove mall`
    """
    from harness.data.own.shelf import remove as take_off

    take_off(key, Settings.from_environment())
    if as_json:
        emit_json({"key": key, "removed": True})
    else:
        stdout.print(f"{key} is forgotten; its images are where they were.", markup=False)


@app.command("check")
def check_copies(
    key: Annotated[
        str | None, typer.Argument(help="The data set; all that are on this machine unless given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare a copy with its card, file by file; exits with 6 at the first that differs.

    Of a data set of your own, every image is opened and what is odd is told, with what to change;
    exits with 6 if something is wrong.

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
    results = [
        _result(spec, root, settings, own=registry.origin("dataset", spec.key).distribution == OWN)
        for spec, root in copies
    ]
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


def _result(spec: DatasetSpec, root: Path, settings: Settings, *, own: bool) -> dict[str, Any]:
    """Return what is so of one copy; what cannot be read is wrong, and stops no other."""
    from harness.data.own.finding import Finding

    try:
        return _examined(spec, root, settings) if own else _checked(spec, root)
    except DataError as error:
        unread = Finding("not-read", "error", error.what, error.next_step)
        return {
            "key": spec.key,
            "folder": str(root),
            "counts": None,
            "files_compared": 0,
            "problem": error.what,
            "findings": [unread.as_json()],
        }


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
        "findings": [],
    }


def _examined(spec: DatasetSpec, root: Path, settings: Settings) -> dict[str, Any]:
    """Return the same of a data set of the user's own, with what the doctor finds."""
    from rich.progress import Progress

    from harness.data.catalogue import count
    from harness.data.own.checkup import check_own
    from harness.data.own.shelf import load_own

    with Progress(console=stderr, transient=True) as progress:
        task = progress.add_task(f"Checking {spec.key}", total=spec.card.expected.images)
        found = check_own(load_own(spec.key, settings), root, lambda n: progress.advance(task, n))
    errors = [finding for finding in found.findings if finding.level == "error"]
    return {
        "key": spec.key,
        "folder": str(root),
        "counts": count(found.records).model_dump(exclude_none=True),
        "files_compared": found.compared,
        "problem": errors[0].what if errors else None,
        "findings": [finding.as_json() for finding in found.findings],
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
        print_findings(result["findings"])


def _raise_first_problem(results: list[dict[str, Any]]) -> None:
    for result in results:
        raise_first_error(result["key"], result["findings"])
        if result["problem"] is not None:
            raise DataError(
                f"The copy of {result['key']} in {result['folder']} is not the original: "
                f"{result['problem']}",
                "Get what is missing or differs, and run the check again.",
            )
