"""The copy of a data set on this machine, as its reader gives it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.data.catalogue import find, locate
from harness.errors import DataError
from harness.loader import resolve
from harness.settings import Settings
from harness.testing.check import NotRun
from harness.types import DatasetSpec, Record


def find_copy(spec: DatasetSpec) -> tuple[Path, Sequence[Record]]:
    """Return the folder of a data set and the records in the order in which its reader has them.

    Raises:
        NotRun: If there is no copy here, or its reader fails, which is another check's to tell.
    """
    root = find_root(spec)
    try:
        read = resolve(spec.read, needed_by=f"data set {spec.key!r}")
        return root, list(read(spec.source(root)))
    except Exception as error:
        raise NotRun("its copy cannot be read: see `reads`") from error


def find_root(spec: DatasetSpec) -> Path:
    """Return the folder of a data set, generated where that is how it is got.

    Raises:
        NotRun: If there is no copy here.
    """
    settings = Settings.from_environment()
    try:
        return locate(spec, settings) if spec.generate else _found(spec, settings)
    except DataError as error:
        raise NotRun(error.what) from error


def _found(spec: DatasetSpec, settings: Settings) -> Path:
    folder = find(spec, settings)
    if folder is None:
        raise NotRun(f"there is no copy of {spec.card.title} on this machine")
    return folder
