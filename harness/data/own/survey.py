"""Opens every image once: its size, and the hash of its bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from harness.data.manifest import file_hash
from harness.errors import DataError
from harness.pixels import read_image


@dataclass(frozen=True, slots=True)
class Seen:
    """What a file turned out to be.

    Attributes:
        sha256: Of its bytes.
        height: Of the image [pixels].
        width: Of the image [pixels].
    """

    sha256: str
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Survey:
    """What all files turned out to be, by path: images, or the reason why not."""

    seen: Mapping[str, Seen]
    broken: Mapping[str, str]


def survey(
    root: Path, paths: Iterable[str], advance: Callable[[int], None] = lambda _n: None
) -> Survey:
    """Decode images, and return what each is.

    Args:
        root: The data set's folder.
        paths: Relative to it.
        advance: Called with 1 after each.
    """
    seen: dict[str, Seen] = {}
    broken: dict[str, str] = {}
    ordered = sorted(set(paths))
    with ThreadPoolExecutor() as pool:
        for path, found in zip(ordered, pool.map(lambda p: _open(root / p), ordered), strict=True):
            if isinstance(found, Seen):
                seen[path] = found
            else:
                broken[path] = found
            advance(1)
    return Survey(seen, broken)


def _open(file: Path) -> Seen | str:
    try:
        height, width = read_image(file).shape[:2]
        return Seen(file_hash(file), height, width)
    except DataError as error:
        return error.what
