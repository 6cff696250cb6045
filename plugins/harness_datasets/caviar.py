"""CAVIAR4REID: a shopping centre seen by a near and a far camera; its low resolution is real."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from harness import Counts, DataError, DatasetCard, DatasetSpec, Record

NEAR, FAR = 1, 2
NAME = re.compile(r"(?P<pid>\d{4})(?P<image>\d{3})\.jpg")
LAST_NEAR_IMAGE = 10  # images 1 to 10 are by the near camera, 11 to 20 by the far one

CAVIAR = DatasetSpec(
    card=DatasetCard(
        key="caviar",
        title="CAVIAR4REID",
        summary=(
            "Pedestrians in a shopping centre by two cameras. The far one captures them at about "
            "57 pixels in height, the near one at about 99 (medians)."
        ),
        citation=(
            "D. S. Cheng, M. Cristani, M. Stoppa, L. Bazzani, V. Murino: Custom Pictorial "
            "Structures for Re-identification. BMVC 2011."
        ),
        year=2011,
        licence="None is stated; made from the public CAVIAR videos, used for research.",
        status="available",
        how_to_get=(
            "Download CAVIAR4REID from its authors' page "
            "(https://lorisbaz.github.io/caviar4reid.html) and unpack it."
        ),
        folders=("CAVIAR4REID", "CAVIARa", "caviar"),
        expected=Counts(images=1000, identities=50, cameras=2),
        hashes="caviar.sha256",
        notes=(
            "A complete copy is 1,220 files of 72 identities. The 22 identities that only the near "
            "camera sees are not used.",
            "The file names hold no camera. Of each identity, images 001-010 are taken as camera 1 "
            "(near) and 011-020 as camera 2 (far), as everyone does; the heights of identities 20 "
            "and 50 run the other way.",
            "0029002.jpg and 0029003.jpg are the same bytes.",
        ),
    ),
    read="harness_datasets.caviar:read",
    protocol="caviar",
)


def read(root: Path) -> Sequence[Record]:
    """Return the records of the identities that both cameras see.

    Files other than JPEG (`Thumbs.db`) are passed over.

    Args:
        root: The folder with the files `IIIINNN.jpg`: identity IIII, image NNN.

    Raises:
        DataError: If a JPEG has another name.
    """
    records = [_record(path) for path in sorted(root.glob("*.jpg"))]
    far = {record.pid for record in records if record.camid == FAR}
    near = {record.pid for record in records if record.camid == NEAR}
    return [record for record in records if record.pid in far & near]


def _record(path: Path) -> Record:
    match = NAME.fullmatch(path.name)
    if match is None:
        raise DataError(
            f"{path} is not named like an image of CAVIAR4REID (0001001.jpg).",
            "Move it out of the data set's folder.",
        )
    camera = NEAR if int(match["image"]) <= LAST_NEAR_IMAGE else FAR
    resolution = 1 if camera == NEAR else None
    return Record(path.name, path.name, int(match["pid"]), camera, resolution)
