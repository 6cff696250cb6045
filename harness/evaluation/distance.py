"""The reference distance: accumulated in float64, rounded to float32; equal values are ties.

Each pair is computed by itself, in the order of its dimensions, so that a distance never depends
on the block that it was computed in, as a matrix product's last bits do.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from harness.evaluation.kernels import squared_lengths
from harness.evaluation.threads import in_threads
from harness.types.method import Distance

Float = npt.NDArray[np.float64]


def lengths(features: npt.NDArray[np.floating]) -> Float:
    """Return the Euclidean length of each feature, (N,), NaN or infinite where the feature is.

    Args:
        features: (N, d), float32 or float64.
    """
    squared = np.empty(len(features))
    in_threads(partial(squared_lengths, features, squared), len(features))
    return np.sqrt(squared)


def reference_distances(
    query: Float, gallery: Float, distance: Distance
) -> npt.NDArray[np.float32]:
    """Return the distance of each query to each gallery feature, (A, B).

    Args:
        query: (A, d); of unit length for `cosine`.
        gallery: (B, d); of unit length for `cosine`.
        distance: `euclidean`, |u - v|, or `cosine`, 1 - u.v computed as |u - v|^2 / 2, which is
            exact near zero.
    """
    squared = cdist(query, gallery, "sqeuclidean")
    exact = squared / 2 if distance == "cosine" else np.sqrt(squared)
    return exact.astype(np.float32)
