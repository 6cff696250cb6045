"""Make the feature files that this repository's baseline holds the ranking code to.

    python baselines/features/make.py FOLDER

Nobody's images: identities are random points, and the images of one lie around it. Between them the
two files have what a ranking can get wrong: images that the rule leaves out (same person, same
camera), junk (-1), distractors (0), queries with several matches and with none, one image under two
names, and in `tied.npz`, whose features are a few whole numbers, ties everywhere.

The files are committed. The rule draws from NumPy's frozen generator (`RandomState`), so that it
makes the same numbers anywhere; a test makes them again.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

IDENTITIES = 60
CAMERAS = 3
EACH = 2  # gallery images of an identity in a camera
JUNK = 60
DISTRACTORS = 120
ALONE = 4  # queries whose identity the gallery does not have

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float32]


def clustered(seed: int, *, dimensions: int, spread: float, levels: int | None) -> dict[str, Any]:
    """Return the parts of a feature file, by the names that `harness evaluate` reads.

    Args:
        seed: Of the random points.
        dimensions: d.
        spread: Standard deviation of the images of an identity; that of the identities is 1.
        levels: How many steps of 1 each feature is rounded to on either side; None leaves it.
    """
    random = np.random.RandomState(seed)
    centres = random.standard_normal((IDENTITIES + ALONE + 1, dimensions))
    centres[0] = 0  # around which junk and distractors lie

    def features(ids: Int) -> Float:
        points = centres[np.maximum(ids, 0)] + spread * random.standard_normal(
            (len(ids), dimensions)
        )
        points[ids <= 0] += random.standard_normal((np.count_nonzero(ids <= 0), dimensions))
        if levels is not None:
            points = np.clip(np.rint(points), -levels, levels)
        return points.astype(np.float32)

    everyone = np.arange(1, IDENTITIES + 1)
    query_ids = np.concatenate([np.repeat(everyone, 2), np.arange(ALONE) + IDENTITIES + 1])
    query_cams = np.arange(len(query_ids)) % CAMERAS
    gallery_ids = np.concatenate(
        [np.repeat(everyone, CAMERAS * EACH), np.full(JUNK, -1), np.full(DISTRACTORS, 0)]
    )
    gallery_cams = np.arange(len(gallery_ids)) // EACH % CAMERAS
    gallery = features(gallery_ids)
    gallery[CAMERAS * EACH] = gallery[0]  # of the second identity, as of the first
    return {
        "query_features": features(query_ids),
        "query_ids": query_ids,
        "query_cams": query_cams,
        "gallery_features": gallery,
        "gallery_ids": gallery_ids,
        "gallery_cams": gallery_cams,
    }


def make(folder: Path) -> None:
    """Write the files.

    Args:
        folder: Where to.
    """
    clear = clustered(1501, dimensions=32, spread=1.3, levels=None)
    tied = clustered(632, dimensions=6, spread=0.7, levels=2)
    np.savez_compressed(folder / "clustered.npz", **clear)
    np.savez_compressed(folder / "tied.npz", **tied)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
