"""Small scenes to rank, and a naive transcription of the rules that ranks them with loops."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from harness.evaluation.inputs import Side
from harness.types import Evidence

CMC_RANKS = 20


def side(features: Any, pids: Sequence[int], camids: Sequence[int]) -> Side:
    """Return a side from lists; scalars as features are images on a line."""
    array = np.asarray(features, dtype=np.float32)
    rows = array[:, None] if array.ndim == 1 else array
    return Side(rows, np.asarray(pids, dtype=np.int64), np.asarray(camids, dtype=np.int64))


def random_scene(seed: int, *, integers: bool, gallery: int = 14) -> tuple[Side, Side]:
    """Return queries and a gallery with distractors and junk, sure to hold a match.

    Integer features have exact distances and many ties; the others have neither.
    """
    rng = np.random.default_rng(seed)

    def features(n: int) -> np.ndarray:
        if integers:
            return rng.integers(1, 5, (n, 2)).astype(np.float32)
        return rng.normal(size=(n, 7)).astype(np.float32)

    query = side(features(5), rng.integers(1, 5, 5).tolist(), rng.integers(1, 3, 5).tolist())
    pids = [int(query.pids[0]), *rng.integers(-1, 5, gallery - 1).tolist()]
    camids = [3 - int(query.camids[0]), *rng.integers(1, 3, gallery - 1).tolist()]
    return query, side(features(gallery), pids, camids)


def permuted(one: Side, order: np.ndarray) -> Side:
    """Return a side in another order."""
    return Side(one.features[order], one.pids[order], one.camids[order])


def scaled(one: Side, factor: float) -> Side:
    """Return a side with its features multiplied."""
    return replace(one, features=(np.asarray(one.features) * factor).astype(np.float32))


def with_image(one: Side, feature: np.ndarray, pid: int, camid: int) -> Side:
    """Return a side with one image more at its end."""
    return Side(
        np.concatenate([one.features, feature[None].astype(np.float32)]),
        np.append(one.pids, pid),
        np.append(one.camids, camid),
    )


@dataclass
class NaiveQuery:
    """What the rules say of one query."""

    nearer: list[int]
    equal: list[int]
    valid: int
    identities: int
    top: list[tuple[float, int]]
    single_cmc: list[float]
    single_reciprocal: float


def rank_naively(query: Side, gallery: Side) -> Iterator[NaiveQuery]:
    """Rank with loops and Python floats, by Euclidean distance; every single-shot draw is made."""
    for feature, pid, camid in zip(query.features, query.pids, query.camids, strict=True):
        valid: list[tuple[float, int, Any]] = []  # distance, index, identity
        for g, other in enumerate(gallery.features):
            same_identity = gallery.pids[g] == pid
            if gallery.pids[g] == -1 or (same_identity and gallery.camids[g] == camid):
                continue
            squared = sum((float(x) - float(y)) ** 2 for x, y in zip(feature, other, strict=True))
            # A distractor is an identity of its own.
            identity = int(gallery.pids[g]) or f"distractor {g}"
            valid.append((float(np.float32(math.sqrt(squared))), g, identity))
        yield _naive_query(valid, int(pid))


def _naive_query(valid: list[tuple[float, int, Any]], pid: int) -> NaiveQuery:
    matches = sorted(distance for distance, _, identity in valid if identity == pid)
    negatives = [distance for distance, _, identity in valid if identity != pid]
    others: dict[Any, list[float]] = {}
    for distance, _, identity in valid:
        if identity != pid:
            others.setdefault(identity, []).append(distance)
    ranks = [
        1 + sum(distance <= match for distance in draw)
        for match in matches
        for draw in itertools.product(*others.values())
    ]
    return NaiveQuery(
        nearer=[sum(distance < match for distance in negatives) for match in matches],
        equal=[sum(distance == match for distance in negatives) for match in matches],
        valid=len(valid),
        identities=len({identity for _, _, identity in valid}),
        top=sorted((distance, g) for distance, g, _ in valid)[:10],
        single_cmc=[
            sum(rank <= k for rank in ranks) / len(ranks) if ranks else math.nan
            for k in range(1, CMC_RANKS + 1)
        ],
        single_reciprocal=sum(1 / rank for rank in ranks) / len(ranks) if ranks else math.nan,
    )


def of_query(evidence: Evidence, q: int) -> NaiveQuery:
    """Return one query of the evidence in the form of the transcription."""
    span = slice(evidence.offsets[q], evidence.offsets[q + 1])
    top = zip(evidence.top_distance[q].tolist(), evidence.top_index[q].tolist(), strict=True)
    return NaiveQuery(
        nearer=evidence.nearer[span].tolist(),
        equal=evidence.equal[span].tolist(),
        valid=int(evidence.valid[q]),
        identities=int(evidence.identities[q]),
        top=[(distance, g) for distance, g in top if g >= 0],
        single_cmc=evidence.single_cmc[q].tolist(),
        single_reciprocal=float(evidence.single_reciprocal[q]),
    )
