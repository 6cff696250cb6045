"""What is ranked: the features, identities and cameras of a side, checked at the door."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.errors import DataError, TrainingError, UsageError
from harness.evaluation.distance import lengths
from harness.types.method import Distance

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]

LARGEST = 1e37  # longer features could be infinitely far apart in float32


@dataclass(frozen=True, slots=True)
class Side:
    """The query or the gallery.

    Attributes:
        features: (N, d).
        pids: (N,), identities; below 0 is junk, 0 a distractor.
        camids: (N,), cameras.
    """

    features: npt.NDArray[np.floating]
    pids: Int
    camids: Int


@dataclass(frozen=True, slots=True)
class PreparedSide:
    """A side with the length by which its features are divided, all 1 for `euclidean`."""

    side: Side
    scale: Float

    def rows(self, index: slice | Int) -> Float:
        """Return features in float64, ready for the reference distance."""
        features = np.ascontiguousarray(self.side.features[index], dtype=np.float64)
        return features / self.scale[index, None]


def check_sides(query: Side, gallery: Side, distance: str) -> None:
    """Refuse sides that do not fit together.

    Raises:
        DataError: If a side is empty, its arrays or the two sides disagree, or a query has no
            identity.
        UsageError: If there is no such distance.
    """
    if distance not in ("euclidean", "cosine"):
        raise UsageError(f"There is no distance {distance!r}.", "Use euclidean or cosine.")
    for side, name in ((query, "query"), (gallery, "gallery")):
        counts = (len(side.features), len(side.pids), len(side.camids))
        if len(set(counts)) > 1 or side.features.ndim != 2:
            raise DataError(
                f"The {name} has features of shape {side.features.shape}, {counts[1]} identities "
                f"and {counts[2]} cameras.",
                "Give one row of features, one identity and one camera for each image.",
            )
        if not side.features.size:
            raise DataError(
                f"The {name} has no features: their shape is {side.features.shape}.",
                "Check the protocol's cameras and identity lists with `harness data check`.",
            )
    if query.features.shape[1] != gallery.features.shape[1]:
        raise DataError(
            f"Query features have {query.features.shape[1]} dimensions, gallery features "
            f"{gallery.features.shape[1]}.",
            "Extract both with the same model and feature.",
        )
    unknown = np.count_nonzero(query.pids <= 0)
    if unknown:
        raise DataError(
            f"{unknown} of {len(query.pids)} queries are junk or distractors (identity 0 or less).",
            "Leave them out of the query list of the protocol.",
        )


def prepare(side: Side, name: str, distance: Distance, block: int) -> PreparedSide:
    """Return a side with the scale of its features.

    Args:
        side: The side, its shapes checked.
        name: "query" or "gallery", for messages.
        distance: `euclidean` or `cosine`.
        block: Features converted to float64 at a time.

    Raises:
        TrainingError: If features are not finite, or have no direction under `cosine`.
    """
    length = lengths(side.features, block)
    broken = np.count_nonzero(~(length < LARGEST))
    if broken:
        raise TrainingError(
            f"{broken} of {len(length)} {name} features hold NaN, infinity or values beyond "
            f"{LARGEST:g}.",
            "The training diverged: lower the learning rate, or train in float32.",
        )
    if distance == "euclidean":
        return PreparedSide(side, np.ones(len(length)))
    zero = np.count_nonzero(length == 0)
    if zero:
        raise TrainingError(
            f"{zero} of {len(length)} {name} features are zero and have no cosine distance.",
            "The features collapsed: lower the learning rate, or use the euclidean distance.",
        )
    return PreparedSide(side, length)
