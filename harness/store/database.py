"""The connection to the database: how transactions begin, and the one place that names its errors.

On SQLite a writing transaction takes the write lock when it begins, so that it waits for another
writer (up to `BUSY_S`) instead of failing when it first writes:
https://www.sqlite.org/lang_transaction.html#immediate
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url
from sqlalchemy.orm import Session

from harness.errors import IntegrityError, StoreError

BUSY_S = 60
"""How long a transaction waits for another one to end [seconds]."""

_ADVICE = {
    "locked": "Another process is writing to it; try again when it has finished.",
    "not a database": "Move that file away, or let HARNESS_DB name another one.",
    "malformed": "The file is damaged: restore a copy, or import your bundles into a new one.",
    "full": "Free some disk space; what was stored before is safe.",
    "readonly": "Give yourself the right to write it, or let HARNESS_DB name another file.",
}
_ADVICE_OTHERWISE = "Check that HARNESS_DB names a database that you may read and write."


class Database:
    """An engine with sessions to read and to write.

    Args:
        url: The address, in SQLAlchemy's form.

    Raises:
        StoreError: If the address is none, its driver is absent, or its folder cannot be made.
    """

    def __init__(self, url: str) -> None:
        self.url = _checked_url(url)
        self.name = self.url.render_as_string(hide_password=True)
        self.engine = _engine(self.url)
        self._writer = self.engine.execution_options(begin="IMMEDIATE")

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session that sees one state of the database."""
        with self.translated(), Session(self.engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open a session; commit at the end, or nothing where an error leaves the block."""
        with self.translated(), Session(self._writer) as session, session.begin():
            yield session

    @contextmanager
    def connecting(self) -> Iterator[Connection]:
        """Open a connection in one writing transaction, for changes of the schema.

        Foreign keys are off on SQLite: a table that changes is made anew, and the rows that refer
        to it would not let the old one go (https://www.sqlite.org/lang_altertable.html#otheralter).
        """
        changer = self._writer.execution_options(foreign_keys="OFF")
        with self.translated(), changer.begin() as connection:
            yield connection

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Raise the database's errors as ours."""
        try:
            yield
        except exc.IntegrityError as error:
            raise IntegrityError(
                f"The database {self.name} refused a row: {error.orig}.",
                "Store what the row refers to first, and store it once.",
            ) from error
        except exc.DBAPIError as error:
            reason = str(error.orig)
            advice = (text for sign, text in _ADVICE.items() if sign in reason)
            raise StoreError(
                f"The database {self.name} cannot be used: {reason}.",
                next(advice, _ADVICE_OTHERWISE),
            ) from error


def _checked_url(url: str) -> URL:
    try:
        return make_url(url)
    except exc.ArgumentError:
        raise StoreError(
            f"{url!r} is not the address of a database.",
            "Let HARNESS_DB name a file, or give a URL such as sqlite:////data/harness.sqlite.",
        ) from None


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url)
    try:
        return create_engine(url)
    except (exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise StoreError(
            f"There is no driver here for the database {url.drivername!r}: {error}.",
            "Install its driver, or let HARNESS_DB name a file.",
        ) from error


def _sqlite_engine(url: URL) -> Engine:
    if url.database in (None, "", ":memory:"):
        raise StoreError(
            "A database in memory is lost when the command ends.",
            "Let HARNESS_DB name a file.",
        )
    _make_folder(Path(str(url.database)).parent)
    engine = create_engine(url, connect_args={"timeout": BUSY_S})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The folder {folder} of the database cannot be made: {error.strerror}.",
            "Set HARNESS_HOME or HARNESS_DB to a place that you may write.",
        ) from error


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # `_begin` opens the transactions, not the driver
    connection.execute("PRAGMA synchronous = NORMAL")  # in WAL mode safe against a killed process


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    connection.exec_driver_sql(f"PRAGMA foreign_keys = {options.get('foreign_keys', 'ON')}")
    connection.exec_driver_sql(f"BEGIN {options.get('begin', 'DEFERRED')}")
