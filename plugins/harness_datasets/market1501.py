"""Market-1501: a supermarket's entrance by six cameras, with junk and distractors in the gallery.

`mlr-market1501` is the same images with queries at multiple low resolutions: its protocol degrades
them when they are read, and nothing is written to disk.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness import Counts, DataError, DatasetCard, DatasetSpec, Record, Subset

FOLDERS: Mapping[Subset, str] = {
    "train": "bounding_box_train",
    "query": "query",
    "gallery": "bounding_box_test",
}
NAME = re.compile(r"(?P<pid>-1|\d{4})_c(?P<camera>[1-6])s\d_\d+_\d+\.jpg")

MARKET1501 = DatasetSpec(
    card=DatasetCard(
        key="market1501",
        title="Market-1501",
        summary=(
            "Pedestrians in front of a supermarket by six cameras, found by a detector and scaled "
            "to 128 x 64 pixels; 751 identities train, 750 test."
        ),
        citation=(
            "L. Zheng, L. Shen, L. Tian, S. Wang, J. Wang, Q. Tian: Scalable Person "
            "Re-identification: A Benchmark. ICCV 2015."
        ),
        year=2015,
        licence="None is stated; published for research.",
        status="available",
        how_to_get=(
            "Download Market-1501-v15.09.15.zip from its authors' page "
            "(https://zheng-lab.cecs.anu.edu.au/Project/project_reid.html) and unpack it."
        ),
        folders=(
            "Market-1501-v15.09.15",
            "market1501/Market-1501-v15.09.15",
            "Market-1501",
            "market1501",
            "mini-Market-1501",
        ),
        expected=Counts(
            images=36_036,
            identities=1501,
            cameras=6,
            subsets={"train": 12_936, "query": 3368, "gallery": 19_732},
        ),
        notes=(
            "Of the 19,732 files of the gallery 3,819 are junk (-1, ignored) and 2,798 distractors "
            "(0000, they stay as negatives); without junk it has 15,913. The authors' page says "
            "2,793 distractors.",
            "A mini set of the same layout is read too; its numbers are not set beside published "
            "ones.",
        ),
    ),
    read="harness_datasets.market1501:read",
    protocol="market1501",
)

MLR_MARKET1501 = DatasetSpec(
    card=MARKET1501.card.model_copy(
        update={
            "key": "mlr-market1501",
            "title": "MLR-Market-1501",
            "summary": (
                "Market-1501 with queries at multiple low resolutions: each is down-sampled 2, 3 "
                "or 4 times, against the gallery of high resolution."
            ),
            "notes": (
                "Made from Market-1501 when it is read: the rate of each query is drawn by a hash "
                "of its name, and training images are the originals.",
                *MARKET1501.card.notes,
            ),
        }
    ),
    read="harness_datasets.market1501:read",
    protocol="mlr-market1501",
    made_from="market1501",
)


def read(root: Path) -> Sequence[Record]:
    """Return the records of training, query and gallery, junk and distractors with them.

    Files other than JPEG (`Thumbs.db`) and other folders (`gt_bbox`) are passed over.

    Args:
        root: The folder with `bounding_box_train`, `bounding_box_test` and `query`, each with
            files `IIII_cCsS_FFFFFF_BB.jpg`: identity, camera, sequence, frame, box.

    Raises:
        DataError: If one of the folders is missing, or a JPEG has another name.
    """
    return [record for subset in FOLDERS for record in _subset(root, subset)]


def _subset(root: Path, subset: Subset) -> Iterator[Record]:
    folder = FOLDERS[subset]
    if not (root / folder).is_dir():
        raise DataError(
            f"Market-1501 in {root} has no folder {folder}.",
            f"Give the folder that has all of {', '.join(FOLDERS.values())}.",
        )
    for path in sorted((root / folder).glob("*.jpg")):
        match = NAME.fullmatch(path.name)
        if match is None:
            raise DataError(
                f"{path} is not named like an image of Market-1501 (0002_c1s1_000451_03.jpg).",
                "Move it out of the data set's folder.",
            )
        name = f"{folder}/{path.name}"
        pid, camera = int(match["pid"]), int(match["camera"])
        yield Record(name, name, pid, camera, subset=subset)
