"""`harness runs`: what has been run here, and bundles to pass runs on."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.console import emit_json, stderr, stdout
from harness.cli.runs_output import (
    intervals,
    metrics_table,
    print_run,
    run_json,
    runs_table,
    score_json,
    trials_table,
)
from harness.errors import DataError, UsageError
from harness.settings import Settings

if TYPE_CHECKING:
    from harness.store import ImportSummary, Store

app = typer.Typer(no_args_is_help=True, help="List, show, export and import runs.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

HELP_RUN = "The id of a run, or the start of it, as `harness runs list` shows it."
HELP_EXPORTED = "Ids of runs, or the starts of them; all runs that have ended unless given."


@app.command("list")
def list_all(as_json: AsJson = False) -> None:
    """List the runs, the newest first, with the mean of their headline metric at rank 1.

    A run that was stopped reads as interrupted; its command resumes it.

    Example: `harness runs list --json`
    """
    with _open_store() as store:
        runs = store.where_runs()
    if as_json:
        emit_json([run_json(run) for run in runs])
    elif not runs:
        stdout.print("There are no runs yet; `harness run --help` shows how to make one.")
    else:
        stdout.print(runs_table(runs))


@app.command("show")
def show(run: Annotated[str, typer.Argument(help=HELP_RUN)], as_json: AsJson = False) -> None:
    """Show a run: its numbers with their intervals, its trials, and how it ended.

    Example: `harness runs show 389781ad`
    """
    with _open_store() as store:
        found = store.find_or_raise_run(run)
        fits, scores = store.where_fits(found.id), store.where_scores(found.id)
        metrics = intervals(store, found, scores)
    if as_json:
        from harness.loader import load_plugins

        units = {name: spec.unit for name, spec in load_plugins().metrics.items()}
        trials = [score_json(score, units) for score in scores]
        emit_json({**run_json(found), "metrics": metrics, "trials": trials})
        return
    print_run(found)
    if metrics:
        stdout.print(metrics_table(metrics))
    stdout.print(trials_table(found, fits, scores))


@app.command("export")
def export(
    run: Annotated[list[str] | None, typer.Argument(help=HELP_EXPORTED)] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The file to write; standard output unless given.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --out: print what was written as JSON.")
    ] = False,
) -> None:
    """Write runs, with their fits, scores and evidence, as a bundle of JSON lines.

    A bundle has ids and relative paths; no pictures, and nothing of this machine's folders.

    Example: `harness runs export 389781ad --out results/baseline-hr.jsonl`
    """
    with _open_store() as store:
        ids = [store.find_or_raise_run(start).id for start in run] if run else None
        lines = store.export(ids)
        if out is None:
            for line in lines:
                typer.echo(line)
            return
        with stderr.status("Exporting"):
            count = _write_lines(out, lines)
    if as_json:
        emit_json({"file": str(out), "lines": count, "bytes": out.stat().st_size})
    else:
        stdout.print(f"Wrote {count:,} lines to {out}.", markup=False, highlight=False)


@app.command("import")
def import_(
    file: Annotated[list[Path], typer.Argument(help="Bundles that `harness runs export` wrote.")],
    as_json: AsJson = False,
) -> None:
    """Add the runs of bundles to the store; what it has already stays as it is.

    Each bundle is imported whole or not at all.

    Example: `harness runs import results/*.jsonl`
    """
    with _open_store() as store:
        summaries = {str(path): _import_file(store, path) for path in file}
    if as_json:
        emit_json(
            [
                {"file": name, "added": dict(summary.added), "known": dict(summary.known)}
                for name, summary in summaries.items()
            ]
        )
        return
    for name, summary in summaries.items():
        stdout.print(f"{name}: {_in_words(summary)}", markup=False, highlight=False)


def _open_store() -> Store:
    from harness.store import Store

    settings = Settings.from_environment()
    return Store.open(settings.db, home=settings.home)


def _write_lines(out: Path, lines: Iterable[str]) -> int:
    """Write lines to a file, whole or not at all, and return their number."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
        try:
            with open(handle, "w", encoding="utf-8", newline="\n") as stream:
                count = sum(1 for line in lines if stream.write(line + "\n"))
            os.chmod(name, 0o644)
            os.replace(name, out)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"{out} cannot be written: {error.strerror}.", "Give a file that you may write."
        ) from error
    return count


def _import_file(store: Store, path: Path) -> ImportSummary:
    from rich.progress import open as open_with_bar

    try:
        with open_with_bar(
            path, "r", encoding="utf-8", description=path.name, console=stderr, transient=True
        ) as stream:
            return store.import_(stream, name=str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise DataError(
            f"{path} cannot be read: {reason}.", "Give a file of `harness runs export`."
        ) from error


def _in_words(summary: ImportSummary) -> str:
    added, known = summary.added.get("run", 0), summary.known.get("run", 0)
    new = ", ".join(f"{count:,} {kind}" for kind, count in summary.added.items())
    return f"{added} new runs, {known} known before ({new or 'nothing'} added)."
