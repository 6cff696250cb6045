"""`harness check`: the store held against a baseline; the exit code is what CI acts on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from harness.cli.console import emit_json, stderr, stdout
from harness.settings import Settings

if TYPE_CHECKING:
    from harness.gate.verdict import Check, Verdict

HELP_BASELINE = "Its name in the folder, or the path of its file."
HELP_FOLDER = "Where baselines are kept."
HELP_STRICT = "Exit with 5 where the evidence does not decide."
HELP_NOISE = "Noise floor in points, where none was learnt from repeats."
HELP_BENCHMARK = "Hold these times against those of the baseline, too (pytest-benchmark's JSON)."
HELP_OUT = "Write verdict.json, junit.xml, comment.md and summary.md to this folder."
HELP_SCHEMA = "Print the JSON Schema of verdict.json, and check nothing."

_LEGEND = (
    "change: new - baseline with its 95 % interval, in points. margin: the largest loss that "
    "passes.\nshows: the smallest loss that would be found four times in five."
)

_COLOURS = {
    "pass": "green",
    "fail": "bold red",
    "missing": "bold red",
    "refused": "bold red",
    "inconclusive": "yellow",
}


def check(
    baseline: Annotated[str, typer.Option("--baseline", help=HELP_BASELINE)] = "main",
    folder: Annotated[Path, typer.Option("--folder", help=HELP_FOLDER)] = Path("baselines"),
    strict: Annotated[bool, typer.Option("--strict", help=HELP_STRICT)] = False,
    noise: Annotated[float | None, typer.Option("--noise", help=HELP_NOISE)] = None,
    benchmark: Annotated[Path | None, typer.Option("--benchmark", help=HELP_BENCHMARK)] = None,
    out: Annotated[Path | None, typer.Option("--out", help=HELP_OUT)] = None,
    schema: Annotated[bool, typer.Option("--schema", help=HELP_SCHEMA)] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Hold the newest rows of the store, and feature files, against a baseline.

    The same models by the same code must give the same ranks; elsewhere, the same numbers within
    noise; other models may not be worse by more than the margin, person by person, and nor may a
    method of which there are 5 seeds or 10 splits. Exits with 0 where nothing is found, 1 for a
    loss or a row that has vanished, 4 where ranks differ or unlike would be compared.

    For example:

    - `harness check --baseline main`
    - `harness check --baseline main --strict --out reports --json`
    """
    from harness.gate.baseline import find_file
    from harness.gate.check import check_baseline
    from harness.gate.verdict import Verdict
    from harness.loader import load_plugins
    from harness.store import Store

    if schema:
        emit_json(Verdict.model_json_schema())
        return
    path = find_file(baseline, folder)
    settings = Settings.from_environment()
    with Store.open(settings.db, home=settings.home) as store, stderr.status("Checking"):
        verdict = check_baseline(
            path, store, load_plugins(), strict=strict, noise=noise, benchmark=benchmark
        )
    _report(verdict, out, as_json=as_json)
    raise typer.Exit(verdict.exit_code)


def _report(verdict: Verdict, out: Path | None, *, as_json: bool) -> None:
    """Print a verdict, and write it where that was asked for."""
    from harness.gate.github import append_summary, runs_here, workflow_commands
    from harness.gate.reports import write_reports

    if out is not None:
        write_reports(verdict, out)
    if as_json:
        emit_json(verdict.model_dump(mode="json"))
    else:
        _print(verdict)
    if runs_here(os.environ):
        append_summary(verdict, os.environ)
        for command in () if as_json else workflow_commands(verdict):
            typer.echo(command)


def _print(verdict: Verdict) -> None:
    from harness.gate.wording import counted, headline

    _say(f"Baseline {verdict.baseline}: {verdict.reason}")
    for place, (row, checks) in enumerate(groupby(verdict.checks, key=lambda one: one.row)):
        found = list(checks)
        _say(f"{row} ({found[0].tier})")
        stdout.print(_table(found, show_header=place == 0))
    _say(_LEGEND)
    for one in verdict.where("refused", "fail", "missing", "inconclusive"):
        stdout.print(f"{one.outcome}:", style=_COLOURS[one.outcome], end=" ")
        _say(f"{one.row}, {one.metric}: {one.what}")
        _say(f"  {one.next_step}")
    for note in verdict.notes:
        _say(note)
    if verdict.new_rows:
        _say(f"Not in the baseline: {', '.join(verdict.new_rows)}.")
    _say(f"{counted(verdict.checks)}: {headline(verdict)}.")


def _table(checks: Sequence[Check], *, show_header: bool) -> Table:
    """Return the checks of one row, in columns as wide as those of other rows."""
    from harness.gate.wording import change, number

    grid = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", show_header=show_header)
    grid.add_column("", min_width=18, no_wrap=True)
    for name, width in (("old", 5), ("new", 5), ("change", 20), ("margin", 6), ("shows", 5)):
        grid.add_column(name, justify="right", min_width=width, no_wrap=True)
    grid.add_column("outcome", no_wrap=True)
    for one in checks:
        grid.add_row(
            escape(f" {one.metric}"),
            number(one.baseline),
            number(one.new),
            escape(change(one)),
            number(one.margin),
            number(one.detectable),
            f"[{_COLOURS[one.outcome]}]{one.outcome}[/]",
        )
    return grid


def _say(text: str) -> None:
    stdout.print(text, markup=False, highlight=False)
