"""VIPeR: 632 pedestrians outdoors, one image of each by each of two cameras.

`mlr-viper` is the same images with queries at multiple low resolutions: its protocol degrades them
when they are read, and nothing is written to disk.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness import Counts, DataError, DatasetCard, DatasetSpec, Record

CAMERAS = {"cam_a": 1, "cam_b": 2}
NAME = re.compile(r"(?P<pid>\d{3})_(?P<angle>\d{1,3})\.bmp")
PID_OF_ZERO = 1000  # identity 000; 0 would mean a distractor, and the numbers end at 873

VIPER = DatasetSpec(
    card=DatasetCard(
        key="viper",
        title="VIPeR",
        summary=(
            "Pedestrians outdoors by two cameras, mostly 90 degrees apart; one image of each "
            "identity by each camera, scaled to 128 x 48 pixels."
        ),
        citation=(
            "D. Gray, H. Tao: Viewpoint Invariant Pedestrian Recognition with an Ensemble of "
            "Localized Features. ECCV 2008."
        ),
        year=2008,
        licence="None is stated; published for research.",
        status="available",
        how_to_get=(
            "Download VIPeR.v1.0.zip from its authors' page (https://vision.soe.ucsc.edu/node/178) "
            "and unpack it."
        ),
        folders=("VIPeR", "viper/VIPeR", "viper"),
        expected=Counts(images=1264, identities=632, cameras=2),
        hashes="viper.sha256",
        notes=(
            "An identity is the number that starts its file names, which has gaps up to 873. 000 "
            "is identity 1000 here, because 0 means a distractor.",
            "With one image for each identity and camera, single-shot and multi-shot agree.",
        ),
    ),
    read="harness_datasets.viper:read",
    protocol="viper",
)

MLR_VIPER = DatasetSpec(
    card=VIPER.card.model_copy(
        update={
            "key": "mlr-viper",
            "title": "MLR-VIPeR",
            "summary": (
                "VIPeR with queries at multiple low resolutions: each is down-sampled 2, 3 or 4 "
                "times, against a gallery of high resolution."
            ),
            "notes": (
                "Made from VIPeR when it is read: the rate of each query is drawn by a hash of its "
                "name, and training images are the originals of both cameras.",
                *VIPER.card.notes,
            ),
        }
    ),
    read="harness_datasets.viper:read",
    protocol="mlr-viper",
    made_from="viper",
)


def read(root: Path) -> Sequence[Record]:
    """Return the records of both cameras.

    Files other than BMP are passed over.

    Args:
        root: The folder with `cam_a` and `cam_b`, each with files `III_ANGLE.bmp`.

    Raises:
        DataError: If a camera's folder is missing, or a BMP has another name.
    """
    return [record for folder in CAMERAS for record in _camera(root, folder)]


def _camera(root: Path, folder: str) -> Iterator[Record]:
    if not (root / folder).is_dir():
        raise DataError(
            f"VIPeR in {root} has no folder {folder}.",
            "Give the folder that has both cam_a and cam_b.",
        )
    for path in sorted((root / folder).glob("*.bmp")):
        match = NAME.fullmatch(path.name)
        if match is None:
            raise DataError(
                f"{path} is not named like an image of VIPeR (001_45.bmp).",
                "Move it out of the data set's folder.",
            )
        name = f"{folder}/{path.name}"
        yield Record(name, name, int(match["pid"]) or PID_OF_ZERO, CAMERAS[folder])
