"""Writes files so that a reader never sees half of one, and only where something changed."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import NamedTemporaryFile

from harness.errors import UsageError


def write_if_changed(path: Path, content: bytes) -> bool:
    """Write a file and return True, unless it has this content already.

    Raises:
        UsageError: If it cannot be written.
    """
    try:
        if path.is_file() and path.read_bytes() == content:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, content)
    except OSError as error:
        raise UsageError(
            f"The page {path} cannot be written: {error.strerror}.",
            "Give another folder with --out, or make room in this one.",
        ) from error
    return True


def _replace(path: Path, content: bytes) -> None:
    """Write beside the file and put it in its place in one step."""
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as draft:
        try:
            draft.write(content)
            draft.flush()
            os.fchmod(draft.fileno(), 0o644)  # a temporary file is for its owner only
            os.replace(draft.name, path)
        except BaseException:
            os.unlink(draft.name)
            raise
