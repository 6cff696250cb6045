"""Images that lie in files and folders, as records: who and by which camera, read from the path."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import DataError, UsageError
from harness.types import Record

PATTERN = r"(?:^|/)(?P<pid>-?\d+)_c(?P<camid>\d+)"
"""As Market-1501 and many after it name their files: 0002_c1s1_000451_03.jpg."""

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})

LABELS = range(-(2**63), 2**63)
"""The numbers that an array of labels holds: 64 bits, with a sign."""


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image that was found.

    Attributes:
        path: Of the file.
        name: Its path within the folder that was given, or its own name.
    """

    path: Path
    name: str


def find_images(places: Sequence[Path]) -> list[ImageFile]:
    """Return the images of files and, recursively, of folders, in order, each file once.

    A file that is named is taken whatever its suffix.

    Raises:
        DataError: If a place is not there, or a folder has no image.
    """
    found: dict[Path, ImageFile] = {}
    for place in places:
        if not place.exists():
            raise DataError(f"There is no file or folder {place}.", "Check the path.")
        for image in _in_folder(place) if place.is_dir() else [ImageFile(place, place.name)]:
            found.setdefault(image.path.resolve(), image)
    return list(found.values())


def _in_folder(folder: Path) -> list[ImageFile]:
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    images = [ImageFile(p, p.relative_to(folder).as_posix()) for p in files if p.is_file()]
    if not images:
        raise DataError(
            f"There is no image in {folder}.",
            f"Give a folder with files that end in {', '.join(sorted(SUFFIXES))}.",
        )
    return images


def compile_pattern(text: str) -> re.Pattern[str]:
    """Return a pattern of paths.

    Raises:
        UsageError: If it is no regular expression, or has no group `pid`.
    """
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise UsageError(
            f"--pattern '{text}' is no regular expression: {error}.",
            r"Write one such as '(?P<pid>\d+)_c(?P<camid>\d+)'.",
        ) from error
    if "pid" not in pattern.groupindex:
        raise UsageError(
            f"--pattern '{text}' does not say which part is the identity.",
            r"Name it, and the camera: '(?P<pid>\d+)_c(?P<camid>\d+)'.",
        )
    return pattern


def to_record(image: ImageFile, r: int | None, pattern: re.Pattern[str] | None) -> Record:
    """Return an image as a record.

    Args:
        image: The image.
        r: Its down-sampling rate; None is low resolution as captured.
        pattern: Of its name; where it has no group `camid`, the camera is 0. None leaves both at
            0, for an image that nobody labelled.

    Raises:
        DataError: If the name does not fit, says no number, or one beyond `LABELS`.
    """
    path = str(image.path)
    if pattern is None:
        return Record(id=path, path=path, pid=0, camid=0, r=r)
    found = pattern.search(image.name)
    if found is None:
        raise DataError(
            f"The name {image.name!r} does not fit the pattern '{pattern.pattern}'.",
            "Give `--pattern` with the groups pid and camid, or leave the file out.",
        )
    groups = {"camid": "0", **found.groupdict()}
    try:
        pid, camid = int(groups["pid"]), int(groups["camid"])
    except (TypeError, ValueError) as error:
        raise DataError(
            f"The name {image.name!r} gives the identity {groups['pid']!r} and the camera "
            f"{groups['camid']!r}, which are not both numbers.",
            "Give `--pattern` with groups of digits.",
        ) from error
    if pid not in LABELS or camid not in LABELS:
        raise DataError(
            f"The name {image.name!r} gives the identity {pid} and the camera {camid}, one of "
            "which is too large for 64 bits.",
            "Give `--pattern` with groups of fewer digits, or leave the file out.",
        )
    return Record(id=path, path=path, pid=pid, camid=camid, r=r)
