"""`harness leaderboard`: build the static site. Light until it runs, and never with torch."""

from __future__ import annotations

import json
import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from harness.settings import Settings

if TYPE_CHECKING:
    from leaderboard.site import Built

app = typer.Typer(
    no_args_is_help=True, help="Show published numbers beside reproduced ones, as web pages."
)


@app.callback()
def _group() -> None:
    """Show published numbers beside reproduced ones, as web pages."""


@app.command("build")
def build(
    context: typer.Context,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The folder to write; HARNESS_HOME/site if not given."),
    ] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    images: Annotated[
        bool,
        typer.Option(
            "--images/--no-images",
            help="Show restored images beside those of the data set, which are read from its "
            "folder. Leave them out of pages that you publish.",
        ),
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Build the leaderboard: a folder of pages that opens from disk, without a server.

    Example: `harness leaderboard build --out site --open`
    """
    settings = Settings.from_environment()
    # What plugins brought is handed over by `harness`: this package knows no loader.
    load_papers: Callable[[], Sequence[str]] = context.obj or tuple
    built = _build(settings, out or settings.home / "site", load_papers(), images=images)
    if as_json:
        typer.echo(json.dumps({**asdict(built), "index": str(built.index)}, indent=2))
    else:
        typer.echo(
            f"{built.datasets} data sets, {built.rows} reproduced rows, {built.runs} runs: "
            f"{built.pages} pages, {built.written} files written."
        )
        typer.echo(built.index)
    if open_it:
        webbrowser.open(built.index.as_uri())


def _build(settings: Settings, folder: Path, papers: Sequence[str], *, images: bool) -> Built:
    """Build the site behind a bar, which is drawn on a terminal only."""
    from harness.store import Store  # SQLAlchemy, numpy and scipy: seconds that help need not wait
    from leaderboard import site

    console = Console(stderr=True)
    bars = Progress(console=console, transient=True, disable=not console.is_terminal)
    with bars, Store.open(settings.db, home=settings.home) as store:
        task = bars.add_task("Building pages", total=None)
        return site.build(
            store,
            folder,
            lambda done, total: bars.update(task, completed=done, total=total),
            settings if images else None,
            papers,
        )
