"""Distances within a batch and the hardest pairs of each anchor.

A. Hermans, L. Beyer, B. Leibe, "In Defense of the Triplet Loss for Person Re-Identification",
arXiv 1703.07737v4, Eq. (5): batch-hard mining.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class HardPairs(NamedTuple):
    """Distance of each anchor to its hardest positive and to its hardest negative, each (N,)."""

    positive: Tensor
    negative: Tensor


def pairwise_distance(v: Tensor) -> Tensor:
    """Return the Euclidean distance between all pairs of rows of v.

    Computed from differences in float32, also under autocast: through a product in bfloat16 the
    distances of near features would be noise.

    Args:
        v: (N, d).

    Returns:
        (N, N), in the unit of v.
    """
    v = v.float()
    return torch.cdist(v, v, compute_mode="donot_use_mm_for_euclid_dist")


def batch_hard(v: Tensor, labels: Tensor) -> HardPairs:
    """Return, for each anchor, its farthest positive and its nearest negative.

    Args:
        v: Features, (N, d).
        labels: Identities, (N,).

    Raises:
        ValueError: If an identity has one image only, or the batch has one identity only.
    """
    same = labels[:, None] == labels[None, :]  # (N, N)
    alone = same.sum(dim=1) == 1  # (N,)
    if bool(alone.any()) or bool(same.all()):
        raise ValueError(
            "batch_hard needs two identities with two images each; "
            f"got {sorted(set(labels.tolist()))}, of which alone {labels[alone].tolist()}. "
            "Use a P x K stream with K >= 2."
        )
    distance = pairwise_distance(v)
    positive = distance.masked_fill(~same, float("-inf")).amax(dim=1)
    negative = distance.masked_fill(same, float("inf")).amin(dim=1)
    return HardPairs(positive, negative)
