"""The command `harness`: parse, one call into the library, print, exit code.

Nothing here imports torch; a command that needs it imports it when it runs. Other packages add
commands through the entry-point group `reid_harness.commands`, each a typer app.
"""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from typing import Annotated

import typer

from harness import __version__
from harness.cli import (
    baseline,
    check,
    compare,
    data,
    doctor,
    embed,
    evaluate,
    models,
    papers,
    plugins,
    run,
    runs,
    store,
)
from harness.cli.console import stderr
from harness.errors import HarnessError, InternalError, Interrupted
from harness.hookspecs import COMMAND_GROUP
from harness.loader import load_plugins

app = typer.Typer(
    name="harness",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"reid-harness {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Benchmark person re-identification: every published number beside the reproduced one.

    Try it without any download:
    `harness run --plugin baseline-hr --dataset synthped --recipe smoke`
    """
    context.obj = _papers_of_plugins


def _papers_of_plugins() -> list[str]:
    """Return the papers that plugins registered; what a command of another package is handed."""
    return load_plugins().papers


app.command("run")(run.run)
app.command("embed")(embed.embed)
app.command("evaluate")(evaluate.evaluate)
app.command("compare")(compare.compare)
app.command("check")(check.check)
app.add_typer(baseline.app, name="baseline")
app.add_typer(data.app, name="data")
app.add_typer(plugins.app, name="plugins")
app.add_typer(papers.app, name="papers")
app.add_typer(runs.app, name="runs")
app.add_typer(models.app, name="models")
app.add_typer(store.app, name="store")
app.command("doctor")(doctor.doctor)


def _add_commands_of_plugins() -> None:
    """Mount the commands that other packages bring; a broken one is told and left out."""
    for entry in sorted(entry_points(group=COMMAND_GROUP), key=lambda e: e.name):
        try:
            app.add_typer(entry.load(), name=entry.name)
        except Exception as error:  # noqa: BLE001 - one broken command must not break the others
            stderr.print(f"[yellow]The command {entry.name!r} cannot be loaded: {error}[/]")


def main() -> None:
    """Run the command line and exit with the code that `harness.errors` documents."""
    _add_commands_of_plugins()
    sys.exit(_exit_code(debug="--debug" in sys.argv))


def _exit_code(*, debug: bool) -> int:
    """Run the command and return its exit code; typer ends its own errors with SystemExit."""
    try:
        app()
    except HarnessError as error:
        if debug:
            stderr.print_exception()
        _print_error(error)
        return error.exit_code
    except SystemExit as end:
        return Interrupted.exit_code if _was_interrupted(end) else _code_of(end)
    except BrokenPipeError:
        return 0
    except Exception as error:  # noqa: BLE001 - a bug is told in a sentence, too
        if debug:
            stderr.print_exception()
        _print_error(InternalError(error))
        return InternalError.exit_code
    return 0


def _was_interrupted(end: BaseException | None) -> bool:
    """Say whether Ctrl-C is what ended the command."""
    while end is not None:
        if isinstance(end, KeyboardInterrupt):
            return True
        end = end.__context__
    return False


def _code_of(end: SystemExit) -> int:
    return end.code if isinstance(end.code, int) else int(end.code is not None)


def _print_error(error: HarnessError) -> None:
    stderr.print("Error:", style="bold red", end=" ")
    stderr.print(error.what, markup=False, highlight=False)
    stderr.print(error.next_step, markup=False, highlight=False)
