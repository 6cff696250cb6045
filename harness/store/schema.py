"""Which schema a database has, and how it gets the one that this version needs.

The revisions are the files of `migrations/versions`, named `r<number>_<what>.py`; the last is what
the code needs. Alembic is imported only where there is something to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from sqlalchemy import Connection, inspect, text

from harness.errors import StoreError
from harness.store.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"


def revisions() -> list[str]:
    """Return the revisions that this version knows, oldest first."""
    return sorted(path.name[1:5] for path in (MIGRATIONS / "versions").glob("r[0-9]*.py"))


def prepare(database: Database, home: Path) -> None:
    """Create the tables of an empty database; refuse one of another schema.

    Raises:
        StoreError: If the database is older, newer, or not one of this harness.
    """
    found = _find_revision(database)
    if found is None:
        _upgrade(database, home)
    elif found != revisions()[-1]:
        _refuse_newer(database, found)
        raise StoreError(
            f"The database {database.name} has schema {found}; this version needs "
            f"{revisions()[-1]}.",
            "Run `harness store upgrade`; make a copy of the database first.",
        )


def upgrade(url: str, *, home: Path) -> None:
    """Bring the database at an address to the schema of this version.

    Args:
        url: The database, in SQLAlchemy's form; it may be empty.
        home: HARNESS_HOME.

    Raises:
        StoreError: If it cannot be used, is not a store, or is newer than this version.
    """
    database = Database(url)
    try:
        _upgrade(database, home)
    finally:
        database.close()


def _upgrade(database: Database, home: Path) -> None:
    """Migrate as one transaction, one process at a time."""
    with _alone(database, home):
        found = _find_revision(database)
        if found == revisions()[-1]:
            return
        if found is None:
            _use_write_ahead_log(database)
        else:
            _refuse_newer(database, found)
        with database.connecting() as connection:
            _migrate(connection)


def _find_revision(database: Database) -> str | None:
    with database.reading() as session:
        tables = inspect(session.connection()).get_table_names()
        if not tables:
            return None
        if "alembic_version" not in tables:
            raise StoreError(
                f"The database {database.name} holds other things, {tables[0]!r} for one.",
                "Let HARNESS_DB name another file; it is made when it is first used.",
            )
        revision: str | None = session.scalar(text("SELECT version_num FROM alembic_version"))
        return revision


def _refuse_newer(database: Database, found: str) -> None:
    if found not in revisions():
        raise StoreError(
            f"The database {database.name} has schema {found}, which is newer than this version "
            f"of reid-harness knows.",
            "Run `pip install --upgrade reid-harness`, or let HARNESS_DB name another file.",
        )


@contextmanager
def _alone(database: Database, home: Path) -> Iterator[None]:
    sqlite = database.url.get_backend_name() == "sqlite"
    path = f"{database.url.database}.lock" if sqlite else home / "locks" / "schema.lock"
    try:
        with FileLock(path):
            yield
    except OSError as error:
        raise StoreError(
            f"The lock {path} cannot be taken: {error.strerror}.",
            "Set HARNESS_HOME or HARNESS_DB to a place that you may write.",
        ) from error


def _use_write_ahead_log(database: Database) -> None:
    if database.url.get_backend_name() == "sqlite":
        with database.translated():  # the mode cannot be changed within a transaction
            connection = database.engine.raw_connection()
            connection.cursor().execute("PRAGMA journal_mode = WAL")
            connection.close()


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
