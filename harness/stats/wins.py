"""Who wins where: the identities and queries for which one row is better than another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from harness.stats.trials import PerQuery, differences, identities_of, pair, shares_by_identity

Float = npt.NDArray[np.float64]

LARGEST = 5

_ROUNDING = 1e-12  # values nearer than that are equal


@dataclass(frozen=True, slots=True)
class Tally:
    """How often A wins, B wins, or they are equal."""

    a: int
    b: int
    equal: int


@dataclass(frozen=True, slots=True)
class QueryPair:
    """One query in one trial.

    Attributes:
        split: Of the trial.
        seed: Of the trial.
        index: Of the query among those of its split.
        a: Its value in A.
        b: Its value in B.
    """

    split: int
    seed: int
    index: int
    a: float
    b: float


@dataclass(frozen=True, slots=True)
class IdentityPair:
    """One identity.

    Attributes:
        pid: The identity.
        delta: A - B, the mean over its queries with the weights that they have in the row.
        queries: Its queries in all trials, those that speak most for the winner first.
    """

    pid: int
    delta: float
    queries: tuple[QueryPair, ...]


@dataclass(frozen=True, slots=True)
class Wins:
    """Who wins where.

    Attributes:
        identities: By the mean difference of each.
        queries: By each query in each trial.
        of_a: The identities with the largest wins of A, the largest first.
        of_b: Those of B.
    """

    identities: Tally
    queries: Tally
    of_a: tuple[IdentityPair, ...]
    of_b: tuple[IdentityPair, ...]


def count_wins(
    a: Sequence[PerQuery],
    b: Sequence[PerQuery],
    *,
    higher_is_better: bool = True,
    largest: int = LARGEST,
) -> Wins:
    """Return who wins where, over the trials that both rows have.

    Args:
        a: The trials of one row; each has a value.
        b: The trials of another row under the same protocol.
        higher_is_better: The direction of the metric.
        largest: How many identities to name for each.

    Raises:
        UsageError: If a row has no trial, or the rows are of different protocols.
        Inconclusive: If they have no trial (split and seed) in common.
        IntegrityError: If a common trial has other queries, or other queries with a value.
    """
    of_queries = differences(a, b)
    better = 1 if higher_is_better else -1
    pids, mean = identities_of(of_queries), _mean_by_identity(of_queries)
    gain = better * mean
    order = np.argsort(gain, kind="stable")
    common = pair(a, b)

    def named(i: int) -> IdentityPair:
        sign = better if gain[i] > 0 else -better
        queries = sorted(_queries(common, int(pids[i])), key=lambda q: -sign * (q.a - q.b))
        return IdentityPair(int(pids[i]), float(mean[i]), tuple(queries))

    return Wins(
        identities=_tally(gain),
        queries=_tally(better * np.concatenate([d.values for d in of_queries])),
        of_a=tuple(named(i) for i in order[::-1][:largest] if gain[i] > _ROUNDING),
        of_b=tuple(named(i) for i in order[:largest] if gain[i] < -_ROUNDING),
    )


def _mean_by_identity(trials: Sequence[PerQuery]) -> Float:
    """Return the mean of each identity, its queries weighted as in the number of the row, (I,)."""
    ones = [replace(t, values=np.where(np.isnan(t.values), np.nan, 1.0)) for t in trials]
    return shares_by_identity(trials) / shares_by_identity(ones)


def _tally(gain: Float) -> Tally:
    return Tally(
        a=int((gain > _ROUNDING).sum()),
        b=int((gain < -_ROUNDING).sum()),
        equal=int((np.abs(gain) <= _ROUNDING).sum()),
    )


def _queries(common: Sequence[tuple[PerQuery, PerQuery]], pid: int) -> Iterator[QueryPair]:
    """Yield the queries of an identity that have a value."""
    for a, b in common:
        for index in np.flatnonzero((a.pids == pid) & ~np.isnan(a.values)):
            yield QueryPair(
                a.split, a.seed, int(index), float(a.values[index]), float(b.values[index])
            )
