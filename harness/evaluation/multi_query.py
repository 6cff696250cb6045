"""Multi-query: one feature for all images of the query's person by the query's camera.

As on Market-1501 (Zheng et al., Scalable Person Re-identification, ICCV 2015), whose multi-query
images are those of a query's identity and camera; the pooled feature takes the place of the query's
own and is ranked as it would be.

Axes: Q queries, N multi-query images, d dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from harness.errors import DataError, UnknownName
from harness.evaluation.inputs import PreparedSide, Side, prepare

Pooling = Literal["mean", "mean-unit", "max"]

POOLING: Mapping[Pooling, str] = {
    "mean": "The mean of the features as they are (layumi's baseline, whose features are of unit "
    "length).",
    "mean-unit": "The mean of the features brought to unit length first, so that each image weighs "
    "the same.",
    "max": "The largest value in each dimension (Zheng et al., ICCV 2015).",
}


def pool_queries(query: Side, images: Side, pooling: Pooling = "mean-unit") -> Side:
    """Return the queries with a feature pooled over the images of their identity and camera.

    The query's own image counts where it is among the images, as it is on Market-1501.

    Args:
        query: Q queries; only their identities and cameras are used.
        images: The N multi-query images; those of nobody's identity and camera are passed over.
        pooling: A key of `POOLING`.

    Raises:
        DataError: If a query has no multi-query image, or the two have other dimensions.
        TrainingError: If multi-query features are not finite, or have no direction to bring to unit
            length.
        UnknownName: If there is no such pooling.
    """
    if pooling not in POOLING:
        raise UnknownName("pooling", pooling, POOLING)
    shapes = tuple(query.features.shape), tuple(images.features.shape)
    if shapes[0][1:] != shapes[1][1:]:
        raise DataError(
            f"Query features have shape {shapes[0]}, multi-query features {shapes[1]}.",
            "Extract both with the same model and feature.",
        )
    groups, group_of_query, group_of_image = _groups(query, images)
    has_image = np.bincount(group_of_image[group_of_image >= 0], minlength=groups) > 0
    lonely = np.count_nonzero(~has_image[group_of_query])
    if lonely:
        raise DataError(
            f"{lonely} of {len(query.pids)} queries have no multi-query image of their identity "
            "and camera.",
            "Give at least one for each query, as its own image.",
        )
    scaled = prepare(images, "multi-query", "cosine" if pooling == "mean-unit" else "euclidean")
    pooled = _pool(scaled, group_of_image, groups, largest=pooling == "max")
    return replace(query, features=pooled[group_of_query])


def _groups(query: Side, images: Side) -> tuple[int, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return how many pairs of identity and camera the queries have, and whose each image is.

    Returns:
        The number of groups, the group of each query, (Q,), and of each image, (N,), -1 where it is
        of no query.
    """
    both = np.stack([query.pids, query.camids], axis=1)
    of_images = np.stack([images.pids, images.camids], axis=1)
    known, group_of_query = np.unique(both, axis=0, return_inverse=True)
    place = {tuple(pair): group for group, pair in enumerate(known.tolist())}
    group_of_image = np.array(
        [place.get(tuple(pair), -1) for pair in of_images.tolist()], dtype=int
    )
    return len(known), group_of_query.reshape(-1), group_of_image


def _pool(
    images: PreparedSide, group: npt.NDArray[np.int64], groups: int, *, largest: bool
) -> npt.NDArray[np.floating]:
    """Return the largest values or the mean of each group, (groups, d), none of which is empty."""
    order = np.argsort(group, kind="stable")[np.count_nonzero(group < 0) :]
    start = np.searchsorted(group[order], np.arange(groups))
    rows = images.rows(order)
    if largest:
        return np.maximum.reduceat(rows, start, axis=0).astype(images.features.dtype)
    count = np.bincount(group[order], minlength=groups)
    mean = np.add.reduceat(rows, start, axis=0) / count[:, None]
    return mean.astype(images.features.dtype)
