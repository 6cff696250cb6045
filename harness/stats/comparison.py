"""A - B by one metric: how large the difference of two rows is, and how sure.

Everything is paired: query by query, over the trials that both rows have, and the unit is the
identity with all its queries in all trials (`harness.stats.intervals`). Two rows are *tied* where
the interval of their difference contains zero; the p-value is told beside it and decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.stats.correlation import Agreement, agreement
from harness.stats.intervals import interval
from harness.stats.power import detectable
from harness.stats.sign_flip import SignFlip, sign_flip
from harness.stats.trials import (
    PerQuery,
    differences,
    mean_of_trials,
    pair,
    shares_by_identity,
    sums_by_identity,
)
from harness.types import Interval

_DECIMALS = 12  # an end nearer to zero is rounding


@dataclass(frozen=True, slots=True)
class Difference:
    """Two rows by one metric, in its unit, over the trials that both have.

    Attributes:
        a: The number of A; None where a trial has no value.
        b: The number of B; None with that of A.
        delta: A - B with its interval.
        test: The sign-flip test; None without the numbers.
        tied: Whether the interval contains zero; None where there is no interval.
        detectable: The smallest difference that this comparison finds with a power of 80 % at a
            level of 5 %; None where that cannot be told.
        agreement_a: How much the queries of one identity agree in A.
        agreement_b: The same in B.
        agreement_delta: The same of A - B.
    """

    a: float | None
    b: float | None
    delta: Interval
    test: SignFlip | None
    tied: bool | None
    detectable: float | None
    agreement_a: Agreement
    agreement_b: Agreement
    agreement_delta: Agreement


def compare(
    a: Sequence[PerQuery], b: Sequence[PerQuery], *, level: float = 0.95, seed: int = 0
) -> Difference:
    """Compare two rows by one metric.

    Args:
        a: The trials of one row.
        b: The trials of another row under the same protocol.
        level: Coverage of the interval, in (0, 1).
        seed: Of resamples and sign patterns.

    Raises:
        UsageError: If a row has no trial, or the rows are of different protocols.
        Inconclusive: If they have no trial (split and seed) in common.
        IntegrityError: If a common trial has other queries, or other queries with a value.
    """
    of_queries = differences(a, b)
    common = pair(a, b)
    ours, theirs = [one for one, _ in common], [other for _, other in common]
    delta = interval(of_queries, level=level, seed=seed)
    defined = delta.value is not None
    return Difference(
        a=_mean(ours) if defined else None,
        b=_mean(theirs) if defined else None,
        delta=delta,
        test=sign_flip(shares_by_identity(of_queries), seed=seed) if defined else None,
        tied=_is_tied(delta),
        detectable=detectable(of_queries) if defined else None,
        agreement_a=agreement(ours),
        agreement_b=agreement(theirs),
        agreement_delta=agreement(of_queries),
    )


def _mean(trials: Sequence[PerQuery]) -> float:
    return float(mean_of_trials(*sums_by_identity(trials)))


def _is_tied(delta: Interval) -> bool | None:
    """Say whether the interval contains zero; None where there is none."""
    if delta.low is None or delta.high is None:
        return None
    return round(delta.low, _DECIMALS) <= 0 <= round(delta.high, _DECIMALS)
