"""`harness store`: the database itself."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli.console import emit_json, stdout
from harness.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Look after the database.")


@app.command("upgrade")
def upgrade_store(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Bring the database to the schema of this version; nothing in it is lost.

    Example: `harness store upgrade`
    """
    from harness.store import upgrade

    settings = Settings.from_environment()
    upgrade(settings.db, home=settings.home)
    if as_json:
        emit_json({"db": settings.db, "status": "current"})
    else:
        stdout.print(f"{settings.db} has the schema of this version.", markup=False)
