"""What evidence says query by query: the CMC curve, and the queries that are hardest to find."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.definitions.counts import cmc_multi, cmc_single, match_ranks
from harness.store import RecordIds, ScoreView
from harness.types import Evidence
from leaderboard.estimates import Estimates

CMC_RANKS = 20
HARDEST = 10
TOP = 5

Formula = Callable[[Evidence, int | None], npt.NDArray[np.float64]]

_FORMULAS: Mapping[str, Formula] = {"cmc_single@1": cmc_single, "cmc_multi@1": cmc_multi}


@dataclass(frozen=True, slots=True)
class Ranked:
    """A gallery image in the list of a query.

    Attributes:
        id: Record id.
        pid: Identity.
        correct: Whether it is the query's.
    """

    id: str
    pid: int
    correct: bool


@dataclass(frozen=True, slots=True)
class HardQuery:
    """A query that is hard to find.

    Attributes:
        id: Record id.
        pid: Identity.
        split: Of the trial.
        seed: Of the trial.
        reciprocal: Expected reciprocal rank over single-shot draws.
        rank: Rank of its nearest true match in the full gallery.
        top: The nearest gallery images.
    """

    id: str
    pid: int
    split: int
    seed: int
    reciprocal: float
    rank: int
    top: Sequence[Ranked]


def cmc(estimates: Estimates, scores: Sequence[ScoreView], metric: str) -> list[tuple[int, float]]:
    """Return (k, CMC at k), the mean over trials, up to the last k that every trial defines.

    Args:
        estimates: Holds the evidence.
        scores: Of one run and variant.
        metric: The full name of a CMC; of another metric the curve is empty.
    """
    formula = _FORMULAS.get(metric)
    if formula is None:
        return []
    curve = []
    for k in range(1, CMC_RANKS + 1):
        values = [_mean_of_queries(estimates.evidence(score), formula, k) for score in scores]
        if np.isnan(values).any():
            break
        curve.append((k, float(np.mean(values))))
    return curve


def _mean_of_queries(evidence: Evidence, formula: Formula, k: int) -> float:
    """Return the mean over the queries with a match, NaN where one of them has no value."""
    has_match = np.diff(evidence.offsets) > 0
    return float(formula(evidence, k)[has_match].mean())


def hardest(estimates: Estimates, scores: Sequence[ScoreView]) -> list[HardQuery]:
    """Return the queries with the lowest expected reciprocal rank, the hardest first."""
    found = [query for score in scores for query in _hardest_of_score(estimates, score)]
    found.sort(key=lambda query: (query.reciprocal, query.split, query.seed, query.id))
    return found[:HARDEST]


def _hardest_of_score(estimates: Estimates, score: ScoreView) -> list[HardQuery]:
    evidence = estimates.evidence(score)
    queries, gallery = estimates.records(score)
    order = np.argsort(evidence.single_reciprocal, kind="stable")  # NaN last
    with_match = [int(q) for q in order if not np.isnan(evidence.single_reciprocal[q])]
    first_rank = match_ranks(evidence)[2]
    return [
        HardQuery(
            id=queries.ids[q],
            pid=queries.pids[q],
            split=score.split,
            seed=score.seed,
            reciprocal=float(evidence.single_reciprocal[q]),
            rank=int(first_rank[evidence.offsets[q]]),
            top=_top(evidence, q, queries.pids[q], gallery),
        )
        for q in with_match[:HARDEST]
    ]


def _top(evidence: Evidence, q: int, pid: int, gallery: RecordIds) -> list[Ranked]:
    nearest = [int(g) for g in evidence.top_index[q, :TOP] if g >= 0]
    return [Ranked(gallery.ids[g], gallery.pids[g], gallery.pids[g] == pid) for g in nearest]
