"""The values of a metric query by query: of one trial, of two paired, summed by identity.

A row of a table is a set of trials (split and seed) of one protocol. Its number is the mean over
its trials of the mean over the queries of the trial. An identity can be in several trials, and is
one unit in all of them.

Axes: T trials, Q queries, I identities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from harness.definitions.measure import measure
from harness.errors import Inconclusive, IntegrityError, UsageError
from harness.types import Evidence, MetricSpec

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]


class OfTrial(Protocol):
    """What tells its trial."""

    @property
    def split(self) -> int:
        """The split of the trial."""

    @property
    def seed(self) -> int:
        """The seed of the trial."""


class Scored(OfTrial, Protocol):
    """What tells its trial and its protocol, as a stored score does."""

    @property
    def protocol_id(self) -> str:
        """The id of the protocol."""


AnyTrial = TypeVar("AnyTrial", bound=OfTrial)


@dataclass(frozen=True, slots=True)
class PerQuery:
    """A metric of one trial, query by query.

    Attributes:
        values: (Q,), in the unit of the metric, NaN where a query has no value.
        pids: (Q,), the identity of each query.
        split: The split of the trial.
        seed: The seed of the trial.
        protocol: The id of the protocol.
    """

    values: Float
    pids: Int
    split: int
    seed: int
    protocol: str


def per_query(
    spec: MetricSpec, k: int | None, evidence: Evidence, pids: Sequence[int], score: Scored
) -> PerQuery:
    """Return a metric of one score, query by query.

    Args:
        spec: The metric, which is measurable from the evidence.
        k: One of its ranks, or None where it has none.
        evidence: Of the score.
        pids: (Q,), the identity of each query, in the order of the evidence.
        score: Tells the trial and the protocol.
    """
    return PerQuery(
        values=measure(spec, evidence, k).values,
        pids=np.array(pids, dtype=np.int64),
        split=score.split,
        seed=score.seed,
        protocol=score.protocol_id,
    )


def pair(a: Sequence[AnyTrial], b: Sequence[AnyTrial]) -> list[tuple[AnyTrial, AnyTrial]]:
    """Return the trials that both have, in the order of a.

    Raises:
        Inconclusive: If there is none.
    """
    others = {(trial.split, trial.seed): trial for trial in b}
    common = [
        (trial, others[trial.split, trial.seed])
        for trial in a
        if (trial.split, trial.seed) in others
    ]
    if not common:
        raise Inconclusive(
            "The two rows have no trial (split and seed) in common.",
            "Run both over the same splits and seeds.",
        )
    return common


def differences(a: Sequence[PerQuery], b: Sequence[PerQuery]) -> list[PerQuery]:
    """Return a - b, query by query, over the trials that both have.

    Args:
        a: The trials of one row.
        b: The trials of another row under the same protocol.

    Raises:
        UsageError: If a row has no trial, or the rows are of different protocols.
        Inconclusive: If they have no trial (split and seed) in common.
        IntegrityError: If a common trial has other queries, or other queries with a value.
    """
    check_trials(a)
    check_trials(b)
    _check_one_protocol([*a, *b])
    return [_subtract(one, other) for one, other in pair(a, b)]


def sums_by_identity(trials: Sequence[PerQuery]) -> tuple[Float, Float]:
    """Return the sum and the number of the values of each identity in each trial, both (T, I).

    The I identities are those with a value, in ascending order.

    Raises:
        UsageError: If there is no trial, or the trials are of several protocols.
        IntegrityError: If a trial has not one identity for each value, or occurs twice.
    """
    check_trials(trials)
    identities = identities_of(trials)
    sums = np.zeros((len(trials), len(identities)))
    counts = np.zeros_like(sums)
    for t, trial in enumerate(trials):
        keep = ~np.isnan(trial.values)
        column = np.searchsorted(identities, trial.pids[keep])
        np.add.at(sums[t], column, trial.values[keep])
        np.add.at(counts[t], column, 1)
    return sums, counts


def identities_of(trials: Sequence[PerQuery]) -> Int:
    """Return the identities that have a value in one of the trials, (I,), ascending."""
    return np.unique(np.concatenate([trial.pids[~np.isnan(trial.values)] for trial in trials]))


def shares_by_identity(trials: Sequence[PerQuery]) -> Float:
    """Return what each identity contributes to the number of a row, which is their sum, (I,).

    Args:
        trials: The trials of one row; each has a value.
    """
    sums, counts = sums_by_identity(trials)
    return np.asarray((sums / counts.sum(axis=1, keepdims=True)).mean(axis=0))


def mean_of_trials(sums: Float, counts: Float) -> Float:
    """Return the mean over trials of the mean over queries.

    A trial none of whose identities was drawn is left out of the mean.

    Args:
        sums: (T, ..., I), sums of values of the identities that were drawn.
        counts: (T, ..., I), numbers of these values.

    Returns:
        The means, (...).
    """
    total, number = sums.sum(axis=-1), counts.sum(axis=-1)
    drawn = number > 0
    means: Float = np.divide(total, number, out=np.zeros_like(total), where=drawn)
    return np.asarray(means.sum(axis=0) / drawn.sum(axis=0))


def check_trials(trials: Sequence[PerQuery]) -> None:
    """Check that these are the trials of one row.

    Raises:
        UsageError: If there is no trial, or the trials are of several protocols.
        IntegrityError: If a trial has not one identity for each value, or occurs twice.
    """
    if not trials:
        raise UsageError("There is no trial to take an interval of.", "Run at least one.")
    _check_one_protocol(trials)
    for trial in trials:
        if trial.values.shape != trial.pids.shape:
            raise IntegrityError(
                f"Split {trial.split}, seed {trial.seed} has {len(trial.values)} values and "
                f"{len(trial.pids)} identities.",
                "Score it again.",
            )
    distinct = {(trial.split, trial.seed) for trial in trials}
    if len(distinct) < len(trials):
        raise IntegrityError(
            f"{len(trials)} trials have {len(distinct)} different splits and seeds.",
            "Give the newest repeat of each.",
        )


def _check_one_protocol(trials: Sequence[PerQuery]) -> None:
    protocols = sorted({trial.protocol for trial in trials})
    if len(protocols) > 1:
        raise UsageError(
            f"The trials are of different protocols: {', '.join(protocols)}.",
            "Compare rows of one protocol only.",
        )


def _subtract(a: PerQuery, b: PerQuery) -> PerQuery:
    """Return the difference of a trial, query by query."""
    same_queries = np.array_equal(a.pids, b.pids)
    if not same_queries or not np.array_equal(np.isnan(a.values), np.isnan(b.values)):
        raise IntegrityError(
            f"The two rows have different queries in split {a.split}, seed {a.seed}, under "
            f"protocol {a.protocol}.",
            "Score both rows again with this version of the harness.",
        )
    return replace(a, values=a.values - b.values)
