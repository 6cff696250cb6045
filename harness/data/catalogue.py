"""Finds, registers, reads and checks the copies of data sets on this machine.

Where a data set lies is decided in this order: the folder given to `harness data add`; a folder of
one of its usual names in HARNESS_DATA. A data set that is made from another lies where that one
does. A generated data set is made in HARNESS_HOME when it is first asked for.
"""

from __future__ import annotations

import pkgutil
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from filelock import FileLock

from harness.data.jsonfile import read_json, write_json
from harness.data.manifest import file_hash
from harness.errors import DataError, UsageError
from harness.settings import Settings
from harness.specs.hashes import load_hashes
from harness.types import Counts, DatasetSpec, Record
from harness.types.data import Records, Subset


@dataclass(frozen=True, slots=True)
class Report:
    """What a check of a copy found.

    Attributes:
        counts: What was read, or None where it could not be.
        files: Number of files whose hash was compared.
        problem: The first thing that is wrong, or None.
    """

    counts: Counts | None
    files: int
    problem: str | None


def load(
    spec: DatasetSpec, settings: Settings, announce: Callable[[str], None] = lambda _text: None
) -> tuple[Path, tuple[Record, ...]]:
    """Return a data set's folder and its records, sorted by id; raises as `locate` and `read`."""
    root = locate(spec, settings, announce)
    return root, read(spec, root)


def locate(
    spec: DatasetSpec, settings: Settings, announce: Callable[[str], None] = lambda _text: None
) -> Path:
    """Return the folder of a data set, generating it where that is how it is got.

    Args:
        spec: The data set.
        settings: Names HARNESS_HOME and HARNESS_DATA.
        announce: Called with a sentence before something that takes seconds.

    Raises:
        DataError: If there is no copy on this machine.
    """
    if spec.generate is not None:
        return _generated(spec, settings, announce)
    folder = find(spec, settings)
    if folder is not None:
        return folder
    card = spec.card
    registered = _registered(spec, settings)
    first = f"the registered folder {registered} is gone" if registered else "none is registered"
    raise DataError(
        f"There is no copy of {card.title}: {first}, and {settings.data} has no folder "
        f"{' or '.join(card.folders)}.",
        f"{card.how_to_get} Put it at {settings.data / card.folders[0]}, or run "
        f"`harness data add {spec.key} FOLDER`. `--dataset synthped` runs without any download.",
    )


def find(spec: DatasetSpec, settings: Settings) -> Path | None:
    """Return the folder of a data set if it is on this machine already."""
    if spec.rule is not None:
        candidates = [_generated_folder(spec, settings)]
    else:
        registered = _registered(spec, settings)
        usual = [settings.data / name for name in spec.card.folders]
        candidates = [Path(registered), *usual] if registered else usual
    return next((folder for folder in candidates if folder.is_dir()), None)


def read(spec: DatasetSpec, root: Path) -> tuple[Record, ...]:
    """Return the records of a copy, sorted by id.

    Raises:
        DataError: If it has none, has two of one id, lacks the high-resolution original of one, or
            has what the data set's reader refuses.
    """
    found = pkgutil.resolve_name(spec.read)(spec.source(root))
    records = sorted(found, key=lambda record: record.id)
    if not records:
        raise DataError(
            f"There is no image of {spec.card.title} in {root}.",
            f"Run `harness data add {spec.key} FOLDER` with the folder that has them.",
        )
    name, times = Counter(record.id for record in records).most_common(1)[0]
    if times > 1:
        raise DataError(
            f"The copy of {spec.card.title} in {root} has {times} images called {name!r}.",
            "Remove all but one.",
        )
    _check_originals(spec, records)
    return tuple(records)


def add(spec: DatasetSpec, folder: Path, settings: Settings) -> Counts:
    """Register a folder as the copy of a data set, after reading it; return what it has.

    Raises:
        UsageError: If the data set is generated.
        DataError: If the folder is missing or cannot be read as the data set.
    """
    if spec.generate is not None:
        raise UsageError(
            f"The data set {spec.key} is generated and has no folder to add.",
            f"Use it as it is: `--dataset {spec.key}`.",
        )
    root = folder.expanduser().absolute()
    if not root.is_dir():
        raise DataError(f"There is no folder {root}.", "Give the folder that holds the images.")
    records = read(spec, root)
    if spec.listing is not None:
        _check_files(spec, root, records)
    register(spec.origin, root, settings)
    return count(records)


def register(origin: str, root: Path | None, settings: Settings) -> None:
    """Remember the folder of a data set; None forgets it."""
    path = _registry(settings)
    with _lock(settings, "datasets"):
        folders = {key: folder for key, folder in read_json(path).items() if key != origin}
        write_json(path, folders if root is None else {**folders, origin: str(root)})


def count(records: Records) -> Counts:
    """Return how many images, identities and cameras records have; junk is no identity."""
    return Counts(
        images=len(records),
        identities=len({record.pid for record in records if record.pid > 0}),
        cameras=len({record.camid for record in records}),
        subsets=dict(Counter(r.subset for r in records if r.subset)) or None,
    )


def files_to_check(spec: DatasetSpec) -> int:
    """Return the number of files whose hash a complete copy is compared with."""
    return len(load_hashes(spec.card.hashes)) if spec.card.hashes else 0


def check(
    spec: DatasetSpec, root: Path, advance: Callable[[int], None] = lambda _n: None
) -> Report:
    """Compare a copy with the hashes and the counts of its card; every file is read.

    Args:
        spec: The data set.
        root: The copy.
        advance: Called with 1 after each file that was hashed.
    """
    expected = load_hashes(spec.card.hashes) if spec.card.hashes else {}
    problem = _first_difference(root, expected, advance)
    if problem is not None:
        return Report(None, len(expected), problem)
    try:
        counts = count(read(spec, root))
    except DataError as error:
        return Report(None, len(expected), error.what)
    if counts != spec.card.expected:
        problem = f"It has {in_words(counts)}; complete are {in_words(spec.card.expected)}."
    return Report(counts, len(expected), problem)


def _check_files(spec: DatasetSpec, root: Path, records: Records) -> None:
    """Refuse a folder without the files of a listing, which nobody looked for when it was read."""
    absent = [record.path for record in records if not (root / record.path).is_file()]
    if absent:
        raise DataError(
            f"{root} lacks {len(absent):,} of the {len(records):,} images of {spec.card.title}; "
            f"the first is {absent[0]}.",
            f"Give the folder that the paths in {spec.listing} are relative to.",
        )


def _check_originals(spec: DatasetSpec, records: Records) -> None:
    ids = {record.id for record in records}
    for record in records:
        if record.hr_id is not None and record.hr_id not in ids:
            raise DataError(
                f"The image {record.id!r} of {spec.card.title} is made from {record.hr_id!r}, "
                "which is not there.",
                "Add the original, or remove what was made from it.",
            )


def _first_difference(
    root: Path, expected: dict[str, str], advance: Callable[[int], None]
) -> str | None:
    """Name the first file, by path, that is missing, surplus or of other bytes."""
    suffixes = {Path(path).suffix for path in expected}
    present = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.suffix in suffixes and path.is_file()
    }
    for path in sorted(present | expected.keys()):
        if path not in present:
            return f"{path} is missing."
        if path not in expected:
            return f"{path} does not belong to the data set."
        if file_hash(root / path) != expected[path]:
            return f"{path} has other bytes than the original."
        advance(1)
    return None


def _generated(spec: DatasetSpec, settings: Settings, announce: Callable[[str], None]) -> Path:
    """Generate beside the final folder and rename: a folder that is there is complete."""
    folder = _generated_folder(spec, settings)
    if folder.is_dir():
        return folder
    with _lock(settings, folder.name):
        if not folder.is_dir():
            announce(f"Generating the data set {spec.key} in {folder} ...")
            partial = folder.with_name(f"{folder.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            pkgutil.resolve_name(str(spec.generate))(partial)
            partial.rename(folder)
    return folder


def _generated_folder(spec: DatasetSpec, settings: Settings) -> Path:
    return settings.home / "datasets" / str(spec.rule)


def _registered(spec: DatasetSpec, settings: Settings) -> str | None:
    folder: str | None = read_json(_registry(settings)).get(spec.origin)
    return folder


def _registry(settings: Settings) -> Path:
    return settings.home / "datasets.json"


def _lock(settings: Settings, name: str) -> FileLock:
    settings.locks.mkdir(parents=True, exist_ok=True)
    return FileLock(settings.locks / f"{name}.lock")


def in_words(counts: Counts) -> str:
    """Return counts as a phrase."""
    given = counts.subsets or {}
    parts = [f"{given[name]:,} {name}" for name in get_args(Subset) if name in given]
    images = f"{counts.images:,} images" + (f" ({', '.join(parts)})" if parts else "")
    return f"{images} of {counts.identities:,} identities by {counts.cameras} cameras"
