"""Says with one hash which images, with which labels, a number was computed on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from harness.data.jsonfile import read_json, write_json
from harness.errors import DataError
from harness.settings import Settings
from harness.specs import load_hashes
from harness.types import DatasetSpec
from harness.types.data import Records


def manifest(spec: DatasetSpec, records: Records, hashes: Mapping[str, str]) -> str:
    """Return the SHA-256 over one line for each record, sorted.

    A line is the JSON array [id, pid, camid, r, hr_id, content], with the subset at its end where
    the layout has subsets. The content is the hash of the file; for a generated data set it is the
    name of its rule, because the bytes of a generated file change with the version of the image
    library and the picture does not.

    Args:
        spec: The data set.
        records: Its records, in any order.
        hashes: SHA-256 by `Record.path`; not used for a generated data set.
    """
    lines = sorted(
        json.dumps(
            [r.id, r.pid, r.camid, r.r, r.hr_id, spec.rule or hashes[r.path]]
            + ([r.subset] if r.subset else [])
        )
        for r in records
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def content_hashes(
    root: Path,
    records: Records,
    settings: Settings,
    advance: Callable[[int], None] = lambda _n: None,
) -> dict[str, str]:
    """Return the SHA-256 of each record's file by `Record.path`.

    A file whose size and time of change are those of an earlier call is not read again.

    Args:
        root: The data set's folder.
        records: Whose files.
        settings: Names the HARNESS_HOME in which earlier hashes are kept.
        advance: Called with 1 after each file.

    Raises:
        DataError: If a file is missing or cannot be read.
    """
    place = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]
    cache = settings.home / "hashes" / f"{place}.json"
    known = read_json(cache)
    current: dict[str, list[int | str]] = {}
    for path in sorted({record.path for record in records}):
        size, changed = _stamp(root / path)
        entry = known.get(path)
        if entry is None or entry[:2] != [size, changed]:
            entry = [size, changed, file_hash(root / path)]
        current[path] = entry
        advance(1)
    if current != known:
        write_json(cache, current)
    return {path: str(entry[2]) for path, entry in current.items()}


def find_difference(spec: DatasetSpec, records: Records, hashes: Mapping[str, str]) -> str | None:
    """Return a sentence on how the files that are used differ from the original, or None.

    Args:
        spec: The data set; one without a list of hashes is compared by its count only.
        records: Its records.
        hashes: SHA-256 by `Record.path`.
    """
    images = spec.card.expected.images
    if len(records) != images:
        return f"This copy of {spec.key} has {len(records):,} of {images:,} images."
    if spec.card.hashes is None:
        return None
    expected = load_hashes(spec.card.hashes)
    changed = sorted(path for path, found in hashes.items() if expected.get(path) != found)
    if changed:
        return f"{len(changed)} files of {spec.key} differ from the original, {changed[0]} first."
    return None


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file.

    Raises:
        DataError: If it is missing or cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from error


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    return status.st_size, status.st_mtime_ns


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(
        f"{path} cannot be read: {error.strerror}.",
        "Replace it by a good copy; `harness data check` names the first file that differs.",
    )
