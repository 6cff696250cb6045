"""What is ranked: the features, identities and cameras of a side, checked at the door."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from harness.errors import DataError, TrainingError, UsageError
from harness.evaluation.distance import lengths
from harness.types.method import Distance

if TYPE_CHECKING:
    from torch import Tensor

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]

SHORTEST = 1e-150  # the squares of shorter features are lost in float64
LARGEST = 1e37  # longer features could be infinitely far apart in float32


@dataclass(frozen=True, slots=True)
class Labels:
    """Who and by which camera.

    Attributes:
        pids: (N,), identities; below 0 is junk, 0 a distractor.
        camids: (N,), cameras.
    """

    pids: Int
    camids: Int


@dataclass(frozen=True, slots=True)
class Side:
    """The query or the gallery.

    Attributes:
        features: (N, d), an array or a tensor of any floating type on any device.
        pids: (N,), identities; below 0 is junk, 0 a distractor.
        camids: (N,), cameras.
    """

    features: npt.NDArray[np.floating] | Tensor
    pids: Int
    camids: Int

    @property
    def labels(self) -> Labels:
        """Identities and cameras."""
        return Labels(self.pids, self.camids)


@dataclass(frozen=True, slots=True)
class PreparedSide:
    """A side whose features are an array, with their lengths.

    Attributes:
        features: (N, d), float32 or float64; half precision is widened.
        lengths: (N,), Euclidean.
        scale: (N,), by which features are divided: all 1 for `euclidean`, else the lengths.
        labels: Identities and cameras.
    """

    features: npt.NDArray[np.floating]
    lengths: Float
    scale: Float
    labels: Labels

    def rows(self, index: slice | Int) -> Float:
        """Return features in float64, ready for the reference distance."""
        features = np.ascontiguousarray(self.features[index], dtype=np.float64)
        return features / self.scale[index, None]


def check_features(query: Side, gallery: Side, distance: str) -> None:
    """Refuse features that do not fit together.

    Raises:
        DataError: If a side is empty, or its arrays or the two sides disagree.
        UsageError: If there is no such distance.
    """
    if distance not in ("euclidean", "cosine"):
        raise UsageError(f"There is no distance {distance!r}.", "Use euclidean or cosine.")
    for side, name in ((query, "query"), (gallery, "gallery")):
        counts = (len(side.features), len(side.pids), len(side.camids))
        if len(set(counts)) > 1 or side.features.ndim != 2:
            raise DataError(
                f"The {name} has features of shape {tuple(side.features.shape)}, {counts[1]} "
                f"identities and {counts[2]} cameras.",
                "Give one row of features, one identity and one camera for each image.",
            )
        if 0 in side.features.shape:
            raise DataError(
                f"The {name} has no features: their shape is {tuple(side.features.shape)}.",
                "Give at least one image on each side; a protocol chooses them by its cameras and "
                "identity lists.",
            )
    if query.features.shape[1] != gallery.features.shape[1]:
        raise DataError(
            f"Query features have {query.features.shape[1]} dimensions, gallery features "
            f"{gallery.features.shape[1]}.",
            "Extract both with the same model and feature.",
        )


def check_distances(shape: tuple[int, int], query: Labels, gallery: Labels) -> None:
    """Refuse a distance matrix that does not fit its labels.

    Raises:
        DataError: If it is empty, or the labels have other lengths.
    """
    for size, labels, name in ((shape[0], query, "query"), (shape[1], gallery, "gallery")):
        if not size or {size} != {len(labels.pids), len(labels.camids)}:
            raise DataError(
                f"The distance matrix has shape {shape}, but the {name} has {len(labels.pids)} "
                f"identities and {len(labels.camids)} cameras.",
                "Give a row for each query and a column for each gallery image, at least one each.",
            )


def check_queries(query: Labels) -> None:
    """Refuse queries that show nobody.

    Raises:
        DataError: If a query has no identity.
    """
    unknown = np.count_nonzero(query.pids <= 0)
    if unknown:
        raise DataError(
            f"{unknown} of {len(query.pids)} queries are junk or distractors (identity 0 or less).",
            "Leave them out of the query list of the protocol.",
        )


def prepare(side: Side, name: str, distance: Distance) -> PreparedSide:
    """Return a side with the lengths of its features.

    Args:
        side: The side, its shapes checked.
        name: "query" or "gallery", for messages.
        distance: `euclidean` or `cosine`.

    Raises:
        TrainingError: If features are not finite, or have no direction under `cosine`.
    """
    features = as_array(side.features)
    length = lengths(features)
    broken = np.count_nonzero(~(length < LARGEST))
    if broken:
        raise TrainingError(
            f"{broken} of {len(length)} {name} features hold NaN, infinity or values beyond "
            f"{LARGEST:g}.",
            "The training diverged: lower the learning rate, or train in float32.",
        )
    if distance == "euclidean":
        return PreparedSide(features, length, np.ones(len(length)), side.labels)
    zero = np.count_nonzero(length < SHORTEST)
    if zero:
        raise TrainingError(
            f"{zero} of {len(length)} {name} features are zero and have no cosine distance.",
            "The features collapsed: lower the learning rate, or use the euclidean distance.",
        )
    return PreparedSide(features, length, length, side.labels)


def as_array(features: Any) -> npt.NDArray[np.floating]:
    """Return features as a float32 or float64 array, without a copy where they are one on the CPU.

    Args:
        features: (N, d), an array or a tensor.
    """
    if not isinstance(features, np.ndarray):
        tensor = features.detach().cpu()
        features = (tensor if tensor.element_size() > 2 else tensor.float()).numpy()
    return np.ascontiguousarray(widened(features))


def widened(numbers: npt.NDArray[Any]) -> npt.NDArray[np.floating]:
    """Return numbers in float32 or float64, whichever holds them, without a copy where they are."""
    if numbers.dtype in (np.float32, np.float64):  # in the byte order of this machine
        return numbers
    half = numbers.dtype.kind == "f" and numbers.dtype.itemsize <= 4
    return numbers.astype(np.float32 if half else np.float64)
