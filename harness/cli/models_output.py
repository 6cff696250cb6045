"""What `harness models` says of a model: as JSON and as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich import box
from rich.markup import escape
from rich.table import Table

from harness.cli.console import stdout

if TYPE_CHECKING:
    from harness.run.model_card import NumbersTable
    from harness.store import AliasMove, ModelVersionView


def version_json(version: ModelVersionView, *, is_here: bool) -> dict[str, Any]:
    """Return a version in its JSON form.

    Args:
        version: The version.
        is_here: Whether its file is on this machine.
    """
    return {"address": str(version.address), **asdict(version), "is_here": is_here}


def move_json(move: AliasMove) -> dict[str, Any]:
    """Return a move of an alias in its JSON form."""
    return asdict(move)


def numbers_json(table: NumbersTable) -> dict[str, Any]:
    """Return the numbers of one score in their JSON form; fractions in per cent."""
    return {
        "protocol_id": table.protocol.id,
        "protocol": table.protocol.key,
        "dataset": table.protocol.dataset,
        "headline": table.protocol.headline,
        "split": table.split,
        "variant": table.variant,
        "metrics": {name: dict(number) for name, number in table.numbers.items()},
    }


def models_table(versions: Sequence[ModelVersionView]) -> Table:
    """Return a table of models: how many versions, the newest, and where the aliases point."""
    table = _table("model", "method", "data set")
    table.add_column("versions", justify="right")
    table.add_column("newest", no_wrap=True)
    table.add_column("aliases", overflow="fold")
    by_name: dict[str, list[ModelVersionView]] = {}
    for version in versions:
        by_name.setdefault(version.name, []).append(version)
    for name, own in by_name.items():
        last = own[-1]
        aliases = ", ".join(f"@{alias} ({v.version})" for v in own for alias in v.aliases)
        table.add_row(
            escape(name),
            escape(last.method),
            escape(last.dataset),
            str(len(own)),
            f"{last.version} ({last.created[:10]})",
            escape(aliases),
        )
    return table


def versions_table(versions: Sequence[ModelVersionView], here: Mapping[str, bool]) -> Table:
    """Return a table of the versions of a model.

    Args:
        versions: In order.
        here: Whether the file is on this machine, by SHA-256.
    """
    table = _table("version", "registered", "split", "seed", "fit", "aliases", "tags", "file")
    for version in versions:
        state = f"{version.sha256[:8]}" if here[version.sha256] else "absent"
        table.add_row(
            str(version.version),
            version.created[:10],
            str(version.split),
            str(version.seed),
            (version.fit_id or "imported")[:8],
            escape(", ".join(f"@{alias}" for alias in version.aliases)),
            escape(", ".join(f"{key}={value}" for key, value in version.tags.items())),
            f"deleted {version.deleted[:10]}" if version.deleted else state,
        )
    return table


def print_version(version: ModelVersionView, *, is_here: bool) -> None:
    """Print what a version is."""
    stdout.print(f"[bold]{version.address}[/]", highlight=False)
    facts = {
        "what": version.source,
        "method": f"{version.method}, version {version.method_version}",
        "fit": version.fit_id or "not in this store",
        "aliases": ", ".join(f"@{alias}" for alias in version.aliases) or "none",
        "tags": ", ".join(f"{key}={value}" for key, value in version.tags.items()) or "none",
        "has seen": _seen(version),
        "licence": version.licence or "not declared",
        "sha256": version.sha256 + ("" if is_here else "  (not on this machine)"),
        "registered": version.created[:16].replace("T", " ") + " (UTC)",
    }
    for name, value in facts.items():
        stdout.print(f"{name:>10}  {value}", markup=False, highlight=False)


def _seen(version: ModelVersionView) -> str:
    if version.trained_on is None:
        return (
            "not known: it is older than the registry; give the `harness run` that made it once "
            "more, which trains nothing"
        )
    text = f"{len(version.trained_on):,} identities"
    return text if version.trained_on_is_all else f"{text}, and others that are not declared"


def print_numbers(table: NumbersTable) -> None:
    """Print the numbers of one score, with the protocol and how the intervals were computed."""
    protocol = f"{table.protocol.dataset}: {table.protocol.title}"
    stdout.print(f"\n{protocol}, split {table.split}, {table.variant}", markup=False)
    shown = Table("metric", "unit", box=box.SIMPLE, caption=table.method, caption_justify="left")
    for name in ("value", "low", "high"):
        shown.add_column(name, justify="right")
    for name, number in table.numbers.items():
        ends = ("-" if number[e] is None else f"{number[e]:.1f}" for e in ("value", "low", "high"))
        shown.add_row(name, number["unit"], *ends)
    stdout.print(shown)


def print_moves(moves: Sequence[AliasMove]) -> None:
    """Print how the aliases of a model moved, the newest last."""
    if not moves:
        return
    table = Table("when", "alias", "from", "to", "reason", box=box.SIMPLE, title="Aliases")
    for move in moves:
        table.add_row(
            move.created[:16].replace("T", " "),
            f"@{escape(move.alias)}",
            str(move.from_version or "-"),
            str(move.to_version or "removed"),
            escape(move.reason),
        )
    stdout.print(table)


def _table(*names: str) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")  # 80 columns hold a row
    for number, name in enumerate(names):
        table.add_column(name, no_wrap=number == 0, overflow="fold")
    return table
