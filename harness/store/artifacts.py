"""Files by their content: models, features, restored images; never in a bundle."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from harness.errors import StoreError
from harness.store import models
from harness.store.drafts import ArtifactInfo, new_id


def keep_file(folder: Path, kind: str, source: Path, *, name: str | None = None) -> ArtifactInfo:
    """Copy a file to `folder/<sha256[:2]>/<sha256><suffix>`, whole or not at all.

    Args:
        folder: Of the artifacts.
        kind: `model`, `features` or `restored`.
        source: The file.
        name: What it is kept as, with its suffix; its own name where None.

    Returns:
        What is to be noted of it, as yet without an owner.

    Raises:
        StoreError: If the file cannot be read or the folder cannot be written.
    """
    name = name or source.name
    try:
        sha256 = hash_file(source)
        target = place_of(folder, sha256, name)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy_atomically(source, target)
        size = target.stat().st_size
    except OSError as error:
        raise StoreError(
            f"The artifact {source.name} cannot be kept in {folder}: {error.strerror}.",
            "Set HARNESS_HOME to a folder that you may write, and that has space left.",
        ) from error
    return ArtifactInfo(sha256=sha256, kind=kind, name=name, bytes=size)


def _copy_atomically(source: Path, target: Path) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent)
    os.close(handle)
    try:
        shutil.copyfile(source, name)
        os.replace(name, target)
    finally:
        Path(name).unlink(missing_ok=True)


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def place_of(folder: Path, sha256: str, name: str) -> Path:
    """Return where an artifact of a content and a name lies, there or not."""
    return folder / sha256[:2] / f"{sha256}{Path(name).suffix}"


def add_artifact(session: Session, info: ArtifactInfo) -> None:
    """Note an artifact of a fit or score; a second time changes nothing."""
    values = asdict(info)
    if session.scalar(select(models.Artifact.id).filter_by(**values)) is None:
        session.add(models.Artifact(id=new_id(), **values))


def find_file(session: Session, folder: Path, sha256: str) -> Path | None:
    """Return where an artifact lies, or None where it is not on this machine."""
    names = session.scalars(select(models.Artifact.name).filter_by(sha256=sha256))
    places = (place_of(folder, sha256, name) for name in names)
    return next((place for place in places if place.is_file()), None)
