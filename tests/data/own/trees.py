"""Small data sets of one's own: a picture of noise for each file that is named."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from harness.data.own.gather import Gathered
from harness.data.own.survey import Seen, Survey
from harness.types import Record
from harness.types.data import Subset

PATTERN = r"(?P<pid>\d+)_c(?P<camid>\d+)_\d+\.png"


def draw(folder: Path, names: Iterable[str], height: int = 64, width: int = 32) -> Path:
    """Draw a picture for each name, of its own, and return the folder."""
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(list(name.encode()))
        Image.fromarray(rng.integers(0, 255, (height, width, 3), np.uint8)).save(file)
    return folder


def names(people: Iterable[int], cameras: Iterable[int] = (1, 2), images: int = 1) -> list[str]:
    """Return the names of some images of each person by each camera, as PATTERN has them."""
    return [
        f"{pid:03d}_c{camid}_{image}.png"
        for pid in people
        for camid in cameras
        for image in range(1, images + 1)
    ]


def record(pid: int, camid: int, image: int = 1, subset: Subset | None = None) -> Record:
    """Return the record of one image."""
    name = f"{pid}_{camid}_{image}"
    return Record(name, name, pid, camid, subset=subset)


def gathered(*records: Record) -> Gathered:
    """Return records as a CSV gives them."""
    return Gathered(Path("/nowhere"), records, {}, {})


def surveyed(*records: Record, height: int = 64, width: int = 32) -> Survey:
    """Return what files of one size and different bytes turn out to be."""
    return Survey({r.path: Seen(r.path, height, width) for r in records}, {})
