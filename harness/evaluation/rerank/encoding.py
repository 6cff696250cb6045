"""k-reciprocal features: each image as weights on the images that find each other.

Paper: Z. Zhong, L. Zheng, D. Cao, S. Li, "Re-ranking Person Re-identification with k-reciprocal
Encoding", CVPR 2017, arXiv:1701.08398v4.

    R(p, k)      reciprocal
    R*(p, k)     expanded
    V_p          weighted, and averaged by the local query expansion

An image has some dozens of neighbours, so V, (N, N), is a sparse matrix with a few dozen values in
a row, and so are the sets: pattern matrices with a 1 where the column's image is in the row's set.

Axes: N images, K neighbours in a list.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

Index = npt.NDArray[np.int32]
Float = npt.NDArray[np.float64]
Matrix: TypeAlias = "sparse.csr_array[np.float64, tuple[int, int]]"

_BLOCK = 4096  # rows of N whose sets are expanded at a time


def encode(lists: Index, k1: int, k2: int, distances: Callable[[int, Index], Float]) -> Matrix:
    """Return the k-reciprocal features V of all images, (N, N).

    Args:
        lists: (N, K), the neighbours of each image, nearest first.
        k1: Neighbours that have to find each other.
        k2: Neighbours whose features are averaged; 1 for none.
        distances: Returns the distances, in the unit of the weights, of one image to some.
    """
    near = reciprocal(lists, k1)
    half = reciprocal(lists, round(k1 / 2))  # a half goes to the even number, as in NumPy
    blocks = (slice(start, start + _BLOCK) for start in range(0, len(lists), _BLOCK))
    sets = sparse.vstack([expanded(near[block], half) for block in blocks], format="csr")
    features = weighted(sets, distances)
    return features if k2 == 1 else averaged(features, lists[:, :k2])


def reciprocal(lists: Index, k: int) -> Matrix:
    """Return the images that are among each other's first k, besides themselves: R(p, k).

    The released codes cut lists that begin with the image itself after k + 1 images.
    """
    found = _pattern(lists[:, : k + 1])
    return sparse.csr_array(found.multiply(found.T))


def expanded(near: Matrix, half: Matrix) -> Matrix:
    """Return R*(p, k1): R(p, k1) and the R(q, k1/2) of its images q that overlap enough.

    More than two thirds of R(q, k1/2) must lie in R(p, k1); the paper's text says at least.

    Args:
        near: (A, N), R(p, k1) of some images.
        half: (N, N), R(q, k1/2) of all images; symmetric, so that near @ half counts what R(p, k1)
            and R(q, k1/2) share.
    """
    shared = sparse.csr_array((near @ half).multiply(near))
    size = np.diff(half.indptr)
    shared.data = (shared.data > 2 / 3 * size[shared.indices]).astype(np.float64)
    shared.eliminate_zeros()
    union = sparse.csr_array(near + shared @ half)
    union.data[:] = 1
    union.sort_indices()
    return union


def weighted(sets: Matrix, distances: Callable[[int, Index], Float]) -> Matrix:
    """Return V_p: the weights exp(-d(p, g)) of the images g of each set, of sum 1."""
    weights = np.empty(sets.nnz)
    for p, (start, stop) in enumerate(zip(sets.indptr, sets.indptr[1:], strict=False)):
        if start < stop:
            d = distances(p, sets.indices[start:stop])
            weight = np.exp(d.min() - d)
            weights[start:stop] = weight / weight.sum()
    return sparse.csr_array((weights, sets.indices, sets.indptr), shape=sets.shape)


def averaged(features: Matrix, lists: Index) -> Matrix:
    """Return the mean of the features of each image's list: V_p after the local query expansion."""
    mean = sparse.csr_array((_pattern(lists) @ features) / lists.shape[1])
    mean.sort_indices()
    return mean


def _pattern(lists: Index) -> Matrix:
    """Return a 1 for each image of each list, (N, N)."""
    size, length = lists.shape
    ends = np.arange(size + 1) * length
    return sparse.csr_array((np.ones(lists.size), lists.ravel(), ends), shape=(size, size))
