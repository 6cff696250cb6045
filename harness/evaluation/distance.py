"""The reference distance: accumulated in float64, rounded to float32; equal values are ties.

Each pair is computed by itself, in the order of its dimensions, so that a distance never depends
on the block that it was computed in, as a matrix product's last bits do.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.spatial.distance import cdist

from harness.evaluation.threads import in_threads
from harness.types.method import Distance

Float = npt.NDArray[np.float64]


def lengths(features: npt.NDArray[np.floating]) -> Float:
    """Return the Euclidean length of each feature, (N,), NaN or infinite where the feature is.

    Args:
        features: (N, d), float32 or float64.
    """
    squared = np.empty(len(features))
    in_threads(partial(_square_lengths, features, squared), len(features))
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


@njit(cache=True, nogil=True)
def _square_lengths(
    features: npt.NDArray[np.floating], squared: Float, rows: tuple[int, int]
) -> None:
    """Write the squared length of each feature of some rows, (N,), accumulated in float64.

    Always in the same four partial sums, so that it is the same on every machine.
    """
    d = features.shape[1]
    whole = d - d % 4
    for n in range(rows[0], rows[1]):
        row = features[n]
        s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
        for i in range(0, whole, 4):
            x0, x1 = np.float64(row[i]), np.float64(row[i + 1])
            x2, x3 = np.float64(row[i + 2]), np.float64(row[i + 3])
            s0 += x0 * x0
            s1 += x1 * x1
            s2 += x2 * x2
            s3 += x3 * x3
        for i in range(whole, d):
            s0 += np.float64(row[i]) * np.float64(row[i])
        squared[n] = (s0 + s1) + (s2 + s3)
