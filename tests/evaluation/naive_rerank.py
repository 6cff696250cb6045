"""k-reciprocal re-ranking with loops over dense lists, each released code by its name."""

from __future__ import annotations

import math

import numpy as np

from harness.evaluation.distance import reference_distances
from harness.evaluation.inputs import Side, prepare
from harness.types.method import Distance

WITHOUT_JUNK = ("torchreid", "fastreid")


def rerank_naively(
    query: Side, gallery: Side, key: str, distance: Distance, k1: int, k2: int, lambda_: float
) -> np.ndarray:
    """Return the re-ranked distances, (Q, G); NaN for junk that does not take part."""
    taking_part = [g for g, pid in enumerate(gallery.pids) if pid >= 0 or key not in WITHOUT_JUNK]
    rows = [*prepare(query, "query", distance).rows(slice(None))]
    rows += [*prepare(gallery, "gallery", distance).rows(np.array(taking_part, dtype=int))]
    found = reference_distances(np.array(rows), np.array(rows), distance).tolist()
    squared = [[2 * x if distance == "cosine" else x * x for x in row] for row in found]
    if key == "fastreid":
        unit, mixed = squared, found if distance == "cosine" else squared
    else:
        power = 1 if key == "paper" else 2
        unit = [[(x / (max(row) or 1)) ** power for x in row] for row in squared]
        mixed = unit
    lists = [[j for _, j in sorted((x, j) for j, x in enumerate(row))] for row in found]
    if key == "fastreid":
        lists = [one[:k1] for one in lists]
    features = _expand(_encode(lists, unit, k1), lists, k2)
    result = np.full((len(query.pids), len(gallery.pids)), np.nan)
    for q in range(len(query.pids)):
        for column, g in enumerate(taking_part, start=len(query.pids)):
            jaccard = _jaccard(features[q], features[column])
            result[q, g] = (1 - lambda_) * jaccard + lambda_ * mixed[q][column]
    return result


def _reciprocal(lists: list[list[int]], k: int) -> list[set[int]]:
    return [{j for j in one[: k + 1] if i in lists[j][: k + 1]} for i, one in enumerate(lists)]


def _encode(lists: list[list[int]], unit: list[list[float]], k1: int) -> list[dict[int, float]]:
    near, half = _reciprocal(lists, k1), _reciprocal(lists, int(np.around(k1 / 2)))
    features = []
    for i in range(len(lists)):
        members = set(near[i])
        for j in near[i]:
            if len(half[j] & near[i]) > 2 / 3 * len(half[j]):
                members |= half[j]
        least = min((unit[i][j] for j in members), default=0)
        weight = {j: math.exp(least - unit[i][j]) for j in members}
        features.append({j: w / sum(weight.values()) for j, w in weight.items()})
    return features


def _expand(
    features: list[dict[int, float]], lists: list[list[int]], k2: int
) -> list[dict[int, float]]:
    if k2 == 1:
        return features
    expanded = []
    for one in lists:
        mean: dict[int, float] = {}
        for j in one[:k2]:
            for column, value in features[j].items():
                mean[column] = mean.get(column, 0) + value / len(one[:k2])
        expanded.append(mean)
    return expanded


def _jaccard(one: dict[int, float], other: dict[int, float]) -> float:
    shared = sum(min(value, other.get(column, 0)) for column, value in one.items())
    return 1 - shared / (2 - shared)
