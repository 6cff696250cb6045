"""The file of a score's restored images: the pixels, and where to find what they were made from.

It is a safetensors file: for each query its restored image as uint8 under the record's id, and in
the metadata, as JSON, the rest. It belongs to this machine and is never in a bundle.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from harness.errors import IntegrityError
from harness.specs.protocol import Down

KIND = "restored"
"""The kind of artifact."""

SAMPLE = 24
"""How many restored images of a score are kept."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A query that was restored.

    Attributes:
        id: Of its record.
        path: Of its file within the data set.
        r: The down-sampling rate; None is native low resolution.
        original: The file of its high-resolution original, or None where there is none.
        restored: (H, W, 3), at network size.
    """

    id: str
    path: str
    r: int | None
    original: str | None
    restored: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class PictureFile:
    """The restored images that a score keeps.

    Attributes:
        folder: Of the data set, as `Settings.portable` writes it.
        down: The filter that degraded the queries.
        reduced_from: Height and width to which they were brought before; None is their own.
        pictures: In the order of the queries.
    """

    folder: str
    down: Down
    reduced_from: tuple[int, int] | None
    pictures: Sequence[Picture]


def choose_sample(ids: Sequence[str], pids: Sequence[int]) -> list[int]:
    """Return which queries are kept: one of each identity, up to 24, chosen by a hash of the id.

    It knows nothing of how well an image came out, and two methods show the same queries.

    Args:
        ids: Of the queries' records.
        pids: Their identities.

    Returns:
        Indices, ascending.
    """
    by_hash = sorted(range(len(ids)), key=lambda i: hashlib.sha256(ids[i].encode()).digest())
    first: dict[int, int] = {}
    for i in by_hash:
        first.setdefault(pids[i], i)
    return sorted(list(first.values())[:SAMPLE])


def save_pictures(path: Path, file: PictureFile) -> None:
    """Write restored images; equal ones give equal bytes."""
    listed = [
        {"id": one.id, "path": one.path, "r": one.r, "original": one.original}
        for one in file.pictures
    ]
    about = {
        "folder": file.folder,
        "down": file.down,
        "reduced_from": file.reduced_from,
        "pictures": listed,
    }
    pixels = {one.id: one.restored for one in file.pictures}
    save_file(pixels, path, {"pictures": json.dumps(about)})  # of one entry the order is fixed


def load_pictures(path: Path) -> PictureFile:
    """Read restored images.

    Raises:
        IntegrityError: If the file is damaged.
    """
    try:
        with safe_open(path, "np") as file:
            about = json.loads(file.metadata()["pictures"])
            pictures = [
                Picture(**one, restored=file.get_tensor(one["id"])) for one in about["pictures"]
            ]
        size = about["reduced_from"]
        return PictureFile(
            about["folder"], about["down"], None if size is None else tuple(size), pictures
        )
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise IntegrityError(
            f"The restored images {path} cannot be read: {error}.",
            "Delete the file: pages then show ids only.",
        ) from error
