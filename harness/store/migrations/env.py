"""What alembic runs to migrate: on the connection and in the transaction that it is given."""

from __future__ import annotations

from alembic import context

from harness.store.models import Base


def migrate() -> None:
    """Run the migrations; on SQLite a table that changes is made anew (batch mode)."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=Base.metadata,
        render_as_batch=True,
    )
    context.run_migrations()


if hasattr(context, "config"):  # only alembic's runs have one; a test collector imports this, too
    migrate()
