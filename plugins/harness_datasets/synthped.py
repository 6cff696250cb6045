"""`synthped`, the embedded data set: pedestrians drawn procedurally, so that nothing is fetched.

64 identities (`synthped_look`) are drawn (`synthped_figure` on `synthped_canvas`) in three places
(`synthped_scene`) by three cameras (`synthped_camera`), four times each. What varies is drawn
from generators seeded by identity, camera and image, so a picture does not depend on those drawn
before it. Between versions of numpy and Pillow the last bit of a pixel may differ. A change of any
picture in this code asks for a new `rule` in `synthped_card`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harness import DataError, Record
from harness_datasets.synthped_camera import CAMERAS, photograph
from harness_datasets.synthped_look import look_of

SEED = 1503
IDENTITIES = 64
IMAGES = 4  # of each identity by each camera
LOW_RESOLUTION = 2  # the camera that captures it


def read(root: Path) -> Sequence[Record]:
    """Return the records of a complete copy, sorted by id.

    Raises:
        DataError: If a picture is missing, or a file is there that is not of the set.
    """
    records = _records()
    wanted = {record.path for record in records}
    found = {path.name for path in root.glob("*") if not path.name.startswith(".")}
    advice = f"Delete {root}; it is drawn anew on next use."
    for name in sorted(wanted - found):
        raise DataError(f"The picture {name} of synthped is missing in {root}.", advice)
    for name in sorted(found - wanted):
        raise DataError(f"The file {name} in {root} is not of synthped.", advice)
    return records


def generate(root: Path) -> None:
    """Draw all pictures into `root`.

    A picture takes its name when it is complete, so that `read` tells an interrupted generation
    from a finished one.
    """
    root.mkdir(parents=True, exist_ok=True)
    unfinished = root / ".unfinished.png"
    for record in _records():
        image = int(record.id.rsplit("_", 1)[1])
        rng = np.random.default_rng((SEED, record.pid, record.camid, image))
        photograph(CAMERAS[record.camid], look_of(record.pid), rng).save(unfinished)
        unfinished.replace(root / record.path)


def _records() -> list[Record]:
    """Return what a complete copy holds, sorted by id."""
    return [
        Record(
            id=f"{pid:04d}_c{camid}_{image:02d}",
            path=f"{pid:04d}_c{camid}_{image:02d}.png",
            pid=pid,
            camid=camid,
            r=None if camid == LOW_RESOLUTION else 1,
        )
        for pid in range(1, IDENTITIES + 1)
        for camid in CAMERAS
        for image in range(1, IMAGES + 1)
    ]
