"""The copy of a data set on this machine, as its reader gives it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.data.catalogue import find, locate
from harness.loader import resolve
from harness.settings import Settings
from harness.testing.check import Blocked, NotRun
from harness.types import DatasetSpec, Record


def find_copy(spec: DatasetSpec) -> tuple[Path, Sequence[Record]]:
    """Return the folder of a data set and the records in the order in which its reader has them.

    Raises:
        NotRun: If there is no copy here.
        Blocked: If it cannot be drawn or read, which is another check's to tell.
    """
    try:
        root = find_root(spec)
        read = resolve(spec.read, needed_by=f"data set {spec.key!r}")
        return root, list(read(spec.source(root)))
    except NotRun:
        raise
    except Exception as error:
        raise Blocked("its copy cannot be read: see `reads`") from error


def find_root(spec: DatasetSpec) -> Path:
    """Return the folder of a data set, generated where that is how it is got.

    Raises:
        NotRun: If there is no copy here; whatever its `generate` raises is passed on.
    """
    settings = Settings.from_environment()
    folder = locate(spec, settings) if spec.generate else find(spec, settings)
    if folder is None:
        raise NotRun(f"there is no copy of {spec.card.title} on this machine")
    return folder
