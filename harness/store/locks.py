"""Who is alive: a lock of the operating system for each fit and run that a process works on.

The lock falls with the process, however it ends, so a row that says `running` and whose lock is
free was interrupted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from harness.errors import StoreError, UsageError

# Longer than `is_held` of another process can have a free lock in its hands.
_PATIENCE_S = 2.0


class Locks:
    """The locks of one HARNESS_HOME.

    Args:
        folder: Where the lock files lie; made when the first is held.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def hold(self, owner: str) -> Iterator[None]:
        """Hold the lock of a fit or run while the block runs.

        Args:
            owner: The id of the fit or run.

        Raises:
            UsageError: If a living process holds it.
            StoreError: If the folder cannot be written.
        """
        lock = self._lock(owner)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=_PATIENCE_S)
        except Timeout:
            raise UsageError(
                f"Another process is working on {owner}.",
                "Wait until it has finished, or stop it; the same command then resumes.",
            ) from None
        except OSError as error:
            raise StoreError(
                f"The lock folder {self._folder} cannot be written: {error.strerror}.",
                "Set HARNESS_HOME to a folder that you may write.",
            ) from error
        try:
            yield
        finally:
            lock.release()

    def is_held(self, owner: str) -> bool:
        """Return whether a living process, this one included, holds the lock of a fit or run."""
        if not self._path(owner).exists():
            return False
        lock = self._lock(owner)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        return False

    def _path(self, owner: str) -> Path:
        return self._folder / f"{owner}.lock"

    def _lock(self, owner: str) -> FileLock:
        return FileLock(self._path(owner))
