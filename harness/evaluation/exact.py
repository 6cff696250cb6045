"""The reference distances of large blocks, to the last bit, at the speed of a matrix product.

|x - y|^2 = |x|^2 + |y|^2 - 2 x.y is a float64 matrix product, and its error is bounded. Where the
bound leaves open to which float32 the distance rounds, the pair is given to the reference.

The bound. Let u = 2^-53 and n = |x|^2 + |y|^2. A sum of d products in any order is off by at most
d u / (1 - d u) times the sum of their sizes, so the product of x and y by about d u |x||y| and the
squared lengths by d u n; the two sums that follow are off by at most 4 u n. Since 2 |x||y| <= n,
all of it is at most (2 d + 4) u n. The reference sums d squares of differences, each of them right
to 3 u: it is off by (d + 3) u |x - y|^2 <= 2 (d + 3) u n. Together (4 d + 10) u n; taken is
4 (d + 8) u n, which leaves room for the second-order terms and for the root.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.evaluation.distance import reference_distances
from harness.types.method import Distance

Float = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]

_U = 2.0**-53


def exact_distances(x: Float, y: Float, distance: Distance) -> Float32:
    """Return what `reference_distances` returns, (A, B), faster where A and B are large.

    Args:
        x: (A, d); of unit length for `cosine`.
        y: (B, d); of unit length for `cosine`.
        distance: `euclidean` or `cosine`.
    """
    squared, error = _squared_distances(x, y)
    found = _rounded(squared - error, distance)
    squared += error
    for a, doubtful in enumerate(found != _rounded(squared, distance)):
        columns = np.flatnonzero(doubtful)
        if len(columns):
            found[a, columns] = reference_distances(x[a : a + 1], y[columns], distance)[0]
    return found


def _squared_distances(x: Float, y: Float) -> tuple[Float, Float]:
    """Return |x - y|^2, (A, B), and the most that it can be off in each row, (A, 1)."""
    x_squared = np.einsum("ad,ad->a", x, x)[:, None]  # (A, 1)
    y_squared = np.einsum("bd,bd->b", y, y)  # (B,)
    squared = x @ y.T
    squared *= -2
    squared += x_squared
    squared += y_squared
    return squared, 4 * (x.shape[1] + 8) * _U * (x_squared + y_squared.max(initial=0))


def _rounded(squared: Float, distance: Distance) -> Float32:
    """Return distances of squared ones, rounded to float32; what is below zero counts as zero."""
    positive = np.maximum(squared, 0)
    exact = positive / 2 if distance == "cosine" else np.sqrt(positive)
    return exact.astype(np.float32)
