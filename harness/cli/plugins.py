"""`harness plugins`: what is installed, what is wrong with it, and how to begin one."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from harness.cli.console import emit_json, stderr, stdout
from harness.cli.plugins_check import check_plugin
from harness.loader import Registry, load_plugins

if TYPE_CHECKING:
    from harness.scaffold import Written

app = typer.Typer(no_args_is_help=True, help="List the installed plugins, check or begin one.")
app.command("check")(check_plugin)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_plugins(as_json: AsJson = False) -> None:
    """List the methods, data sets and metrics that are installed.

    Example: `harness plugins list`
    """
    registry = load_plugins()
    rows = _rows(registry)
    if as_json:
        emit_json([row | _settings_of(registry, row["kind"], row["key"]) for row in rows])
        return
    table = Table("kind", "key", "what", "recipes", "from")
    for row in rows:
        table.add_row(row["kind"], row["key"], row["title"], ", ".join(row["recipes"]), row["from"])
    stdout.print(table)
    for problem in registry.problems:
        stderr.print(f"[yellow]{problem.origin} could not be loaded:[/] {problem.reason}")


def _rows(registry: Registry) -> list[dict[str, Any]]:
    methods = [("method", m.key, m.title, list(m.recipes)) for m in registry.methods.values()]
    datasets: list[tuple[str, str, str, list[str]]] = [
        ("dataset", d.key, d.card.title, []) for d in registry.datasets.values()
    ]
    metrics: list[tuple[str, str, str, list[str]]] = [
        ("metric", name, m.title, []) for name, m in registry.metrics.items()
    ]
    return [
        {
            "kind": kind,
            "key": key,
            "title": title,
            "recipes": recipes,
            "from": str(registry.origins.get((kind, key), "core")),
        }
        for kind, key, title, recipes in (*methods, *datasets, *metrics)
    ]


def _settings_of(registry: Registry, kind: str, key: str) -> dict[str, Any]:
    """Return what `--set` can change of a method: each key with its default and meaning."""
    if kind != "method":
        return {}
    fields = registry.methods[key].config.model_fields
    return {
        "settings": {
            name: {"default": field.default, "description": field.description}
            for name, field in fields.items()
        }
    }


@app.command("doctor")
def doctor(as_json: AsJson = False) -> None:
    """Say of each plugin whether it loads, and what it brings; exits with 3 if one does not.

    Example: `harness plugins doctor`
    """
    registry = load_plugins()
    if as_json:
        emit_json(
            {
                "loaded": [str(origin) for origin in registry.loaded],
                "problems": [
                    {
                        "plugin": str(p.origin),
                        "target": p.origin.target,
                        "reason": p.reason,
                        "traceback": p.traceback,
                    }
                    for p in registry.problems
                ],
            }
        )
    else:
        _print_health(registry)
    if registry.problems:
        raise typer.Exit(3)


def _print_health(registry: Registry) -> None:
    for origin in registry.loaded:
        keys = sorted({key for (_, key), from_ in registry.origins.items() if from_ == origin})
        stdout.print(f"[green]ok[/]      {origin}: {', '.join(keys) or 'brings nothing'}")
    for problem in registry.problems:
        stdout.print(f"[red]broken[/]  {problem.origin}, imported from {problem.origin.target}")
        stdout.print(problem.traceback, markup=False, highlight=False, end="")
        stdout.print(f"        {problem.advice}", markup=False, highlight=False)


@app.command("new")
def new(
    name: Annotated[
        str,
        typer.Argument(help="Its key on the command line: lower-case words joined by hyphens."),
    ],
    kind: Annotated[
        Literal["method", "dataset", "metric"], typer.Option("--kind", help="What it brings.")
    ] = "method",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FOLDER",
            help="Where to write it, a new folder; ./reid-NAME if not given.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a new plugin: a package that installs, passes its tests and runs as it is.

    What is to become yours is marked REPLACE. `docs/first-method.md` goes on from there.

    Example: `harness plugins new my-idea`
    """
    from harness.scaffold import write_plugin  # jinja2: help need not wait for it

    written = write_plugin(name, kind, out, load_plugins())
    if as_json:
        emit_json(
            {
                "name": written.names.key,
                "kind": written.kind,
                "distribution": written.names.distribution,
                "package": written.names.package,
                "folder": str(written.folder),
                "files": list(written.files),
            }
        )
    else:
        _print_next_steps(written)


def _print_next_steps(written: Written) -> None:
    """Say what was written, and the commands that come next."""
    key = written.names.key
    tries = {
        "method": f"harness run --plugin {key} --dataset synthped --recipe tiny",
        "dataset": f"harness data add {key} FOLDER",
        "metric": "harness run --plugin baseline-hr --dataset synthped --recipe smoke",
    }
    lines = (
        f"Wrote {written.names.distribution}, {len(written.files)} files:",
        "",
        *(f"    {file}" for file in written.files),
        "",
        "Install it, see that all is well, and make it yours:",
        "",
        f"    cd {shlex.quote(str(written.folder))}",
        '    pip install -e ".[test]"',
        f"    harness plugins check {key}",
        f"    {tries[written.kind]}",
        "    grep -rnI REPLACE .",
    )
    for line in lines:
        stdout.print(line, markup=False, highlight=False)
