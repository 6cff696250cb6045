"""`harness models`: the model registry."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import models_export
from harness.cli.console import emit_json, stdout
from harness.cli.models_output import (
    models_table,
    move_json,
    numbers_json,
    print_moves,
    print_numbers,
    print_version,
    version_json,
    versions_table,
)
from harness.errors import UsageError
from harness.settings import Settings
from harness.types.address import ModelAddress

if TYPE_CHECKING:
    from harness.store import ModelVersionView, Store

app = typer.Typer(
    no_args_is_help=True,
    help="List, show, name, export, import and delete the models that fits left.",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

HELP_ADDRESS = "Of the model: models:/NAME@ALIAS or models:/NAME/VERSION."
HELP_NAME = "Show the versions of this model; all models unless given."
HELP_CARD = "Write the model card to this file, as Markdown; - is standard output."
HELP_REASON = "Why the alias moves; it is kept in the history."
HELP_IMPORTED = "A file of `harness models export --format safetensors`."
HELP_OVERWRITE = "Replace the file of --card where it is there."
NO_MODELS = "There are no models yet; `harness run --help` shows how to train one."


@app.command("list")
def list_all(
    name: Annotated[str | None, typer.Argument(help=HELP_NAME)] = None, as_json: AsJson = False
) -> None:
    """List the registered models, or the versions of one; each fit leaves a version.

    The fits of a method on a data set are versions of one model, over its splits and seeds.

    Example: `harness models list baseline-hr-caviar`
    """
    with _open_store() as store:
        versions = store.models.where(name)
        here = {v.sha256: store.models.find_file(v.sha256) is not None for v in versions}
    live = [version for version in versions if version.deleted is None]
    if as_json:
        shown = live if name is None else versions
        emit_json([version_json(version, is_here=here[version.sha256]) for version in shown])
    elif name is not None:
        stdout.print(versions_table(versions, here))
    elif live:
        stdout.print(models_table(live))
    else:
        stdout.print(NO_MODELS)


@app.command("show")
def show(
    address: Annotated[str, typer.Argument(help=HELP_ADDRESS)],
    card: Annotated[Path | None, typer.Option("--card", help=HELP_CARD)] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help=HELP_OVERWRITE)] = False,
    as_json: AsJson = False,
) -> None:
    """Show a model: what it is, its numbers, whom it has seen, and how its aliases moved.

    For example:

    - `harness models show models:/baseline-hr-caviar@best`
    - `harness models show models:/baseline-hr-caviar/3 --card CARD.md`
    """
    from harness.loader import load_plugins
    from harness.run.model_card import model_card, number_tables

    with _open_store() as store:
        version = store.models.find_or_raise(ModelAddress(address))
        if card is not None:
            _write_card(card, model_card(version, store, load_plugins()), overwrite=overwrite)
            return
        tables = number_tables(version, store, load_plugins())
        moves = store.models.where_moves(version.name)
        is_here = store.models.find_file(version.sha256) is not None
    if as_json:
        numbers = [numbers_json(table) for table in tables]
        history = [move_json(move) for move in moves]
        emit_json({**version_json(version, is_here=is_here), "scores": numbers, "moves": history})
        return
    print_version(version, is_here=is_here)
    for table in tables:
        print_numbers(table)
    print_moves(moves)


@app.command("alias")
def move_alias(
    address: Annotated[str, typer.Argument(help=HELP_ADDRESS)],
    alias: Annotated[str, typer.Argument(help="The alias, e.g. best.")],
    reason: Annotated[str, typer.Option("--reason", help=HELP_REASON)] = "",
    remove: Annotated[bool, typer.Option("--remove", help="Remove the alias.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let an alias point at a version, from wherever it pointed, or remove it; and keep why.

    Whoever gives models:/NAME@ALIAS gets that version from now on. What was stored of a run names
    the version and does not change.

    Example: `harness models alias models:/baseline-hr-caviar/3 best --reason "Highest mAP"`
    """
    given = ModelAddress(address)
    if not reason.strip():
        raise UsageError(
            f"No reason is given why {alias!r} moves.", 'Give one: `--reason "Highest mAP"`.'
        )
    with _open_store() as store:
        if remove:
            store.models.remove_alias(given, alias, reason)
        else:
            store.models.move_alias(given, alias, reason)
        move = store.models.where_moves(given.name)[-1]
    if as_json:
        emit_json({"name": given.name, **move_json(move)})
    else:
        before = f"version {move.from_version}" if move.from_version else "nowhere"
        after = f"version {move.to_version}" if move.to_version else "nowhere"
        text = f"models:/{given.name}@{alias} went from {before} to {after}."
        stdout.print(text, markup=False, highlight=False)


@app.command("tag")
def write_tag(
    address: Annotated[str, typer.Argument(help=HELP_ADDRESS)],
    tag: Annotated[str, typer.Argument(help="KEY=VALUE, or KEY with --remove.")],
    remove: Annotated[bool, typer.Option("--remove", help="Take the tag off.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a word of your own on a version, over what the tag said before.

    Example: `harness models tag models:/baseline-hr-caviar/3 reviewed=yes`
    """
    given = ModelAddress(address)
    key, equals, value = tag.partition("=")
    if not key or bool(equals) == remove:
        raise UsageError(
            f"{tag!r} is no tag to {'remove' if remove else 'set'}.",
            "Give its key alone." if remove else "Give KEY=VALUE, e.g. reviewed=yes.",
        )
    with _open_store() as store:
        if remove:
            version = store.models.remove_tag(given, key)
        else:
            version = store.models.set_tag(given, key, value)
    _tell(version, f"{version.address}: {_tags(version)}.", as_json=as_json)


@app.command("delete")
def delete(
    address: Annotated[str, typer.Argument(help=HELP_ADDRESS)],
    yes: Annotated[bool, typer.Option("--yes", help="Do it; it cannot be undone.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete a version: its file goes, where no other version needs it; its number stays taken.

    Scores and evidence of its fit stay. A version that an alias points at is not deleted.

    Example: `harness models delete models:/baseline-hr-caviar/3 --yes`
    """
    with _open_store() as store:
        version = store.models.find_or_raise(ModelAddress(address))
        if not yes:
            raise UsageError(
                f"{version.address} ({version.source}) would be deleted for ever.",
                "Give --yes as well to do it.",
            )
        gone = store.models.delete(version.address)
    if as_json:
        emit_json({"address": str(version.address), "file_removed": gone})
    else:
        file = " and its file" if gone else "; its file stays, because another version needs it"
        stdout.print(f"Deleted {version.address}{file}.", markup=False, highlight=False)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help=HELP_IMPORTED)],
    name: Annotated[
        str | None, typer.Option("--name", help="Of the model. Default: METHOD-DATASET.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Register a model that another store exported; it is checked against its SHA-256.

    Example: `harness models import baseline-hr.safetensors --name from-the-cluster`
    """
    with _open_store() as store:
        version = store.models.import_(file, name=name)
    _tell(version, f"{file.name} is {version.address}: {version.source}.", as_json=as_json)


app.command("export")(models_export.export)


def _open_store() -> Store:
    from harness.store import Store

    settings = Settings.from_environment()
    return Store.open(settings.db, home=settings.home)


def _tags(version: ModelVersionView) -> str:
    return ", ".join(f"{key}={value}" for key, value in version.tags.items()) or "no tags"


def _tell(version: ModelVersionView, text: str, *, as_json: bool) -> None:
    if as_json:
        emit_json(version_json(version, is_here=True))
    else:
        stdout.print(text, markup=False, highlight=False)


def _write_card(path: Path, text: str, *, overwrite: bool) -> None:
    """Write a card, whole or not at all; never over a file that nobody gave up."""
    if str(path) == "-":
        typer.echo(text, nl=False)
        return
    if path.exists() and not overwrite:
        raise UsageError(f"{path} is there already.", "Give --overwrite, or another file.")
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}.", "Give a file that you may write."
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    stdout.print(f"Wrote {path}.", markup=False, highlight=False)
