"""How much the queries of one person agree: intra-identity correlation and design effect.

Queries of one person succeed and fail together. Where they agree entirely, ten queries of a person
tell no more than one; a test that counts them as ten is too sure of itself. Of the one-way
random-effects model

    value = mean of the trial + effect of the identity + the rest

the correlation is the share of the variance that identities account for, ICC(1), estimated from the
mean squares between and within identities of unequal size (Donner & Koval, The Estimation of
Intraclass Correlation in the Analysis of Family Data, Biometrics 36, 1980). With several trials an
identity is compared with the others of its trial, and the squares are pooled over trials: a trial
that is harder for everyone is no agreement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.stats.trials import PerQuery, sums_by_identity

Float = npt.NDArray[np.float64]

_ROUNDING = 1e-12  # times the sum of the squared values: a sum of squares below that is zero


@dataclass(frozen=True, slots=True)
class Agreement:
    """How much the values of one identity's queries agree.

    Attributes:
        icc: ICC(1), at most 1; below 0 where the queries of one identity differ more than those of
            different ones. None where it cannot be told: no identity has two queries, there is one
            identity, or all values are equal.
        queries_each: n0, the queries of an identity, averaged as the estimator has it; None where
            there is one identity.
        design_effect: 1 + (n0 - 1) ICC: how many times larger the variance of the mean is than if
            the queries were independent; None where the correlation is.
    """

    icc: float | None
    queries_each: float | None
    design_effect: float | None


def agreement(trials: Sequence[PerQuery]) -> Agreement:
    """Return how much the queries of one identity agree.

    With n_i queries of identity i in trial t, N = sum n_i of them and I_t identities:

        n0  = sum_t (N - sum_i n_i^2 / N) / sum_t (I_t - 1)
        MSB = sum_t sum_i n_i (mean_i - mean_t)^2 / sum_t (I_t - 1)
        MSW = sum_t sum_i sum_q (x_q - mean_i)^2 / sum_t (N - I_t)
        ICC = (MSB - MSW) / (MSB + (n0 - 1) MSW)

    Args:
        trials: The trials of one row.

    Raises:
        UsageError: If there is no trial, or the trials are of several protocols.
        IntegrityError: If a trial has not one identity for each value, or occurs twice.
    """
    sums, counts = sums_by_identity(trials)
    has_value = counts.any(axis=1)
    sums, counts = sums[has_value], counts[has_value]
    n, identities = counts.sum(axis=1), (counts > 0).sum(axis=1)
    between_freedom, within_freedom = (identities - 1).sum(), (n - identities).sum()
    if between_freedom == 0:
        return Agreement(None, None, None)
    n0 = float((n - (counts**2).sum(axis=1) / n).sum() / between_freedom)
    squares = float(sum(np.nansum(trial.values**2) for trial in trials))
    between, within = _sums_of_squares(sums, counts, squares)
    if within_freedom == 0 or between + within <= _ROUNDING * squares:
        return Agreement(None, n0, None)
    msb, msw = between / between_freedom, within / within_freedom
    icc = float((msb - msw) / (msb + (n0 - 1) * msw))
    return Agreement(icc, n0, 1 + (n0 - 1) * icc)


def _sums_of_squares(sums: Float, counts: Float, squares: float) -> tuple[float, float]:
    """Return the sums of squares between and within identities, over all trials.

    Args:
        sums: (T, I), sum of the values of each identity in each trial.
        counts: (T, I), their numbers; each trial has one at least.
        squares: Sum of the squared values.
    """
    of_identities = np.divide(sums**2, counts, out=np.zeros_like(sums), where=counts > 0).sum()
    of_trials = (sums.sum(axis=1) ** 2 / counts.sum(axis=1)).sum()
    return max(0.0, float(of_identities - of_trials)), max(0.0, float(squares - of_identities))
