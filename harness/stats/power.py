"""The smallest difference that a comparison can show.

A difference that was not found may still be there: with few identities only a large one is. The
minimum detectable difference is the true difference that a two-sided test at level alpha finds with
the given power (Bloom, Minimum Detectable Effects, Evaluation Review 19, 1995):

    (t_{1 - alpha / 2} + t_{power}) SE,    t with I - 1 degrees of freedom

SE is the standard error of the difference with identities as the units. Of identity i with n_ti
differences d in trial t, of N_t in all,

    e_i  = sum_t (1 / T) sum_q (d_q - mean_t) / N_t
    SE^2 = I / (I - 1) sum_i e_i^2

the linearised variance of a mean over clusters of unequal size (Cochran, Sampling Techniques, 3rd
edition, 1977, section 6.3). With one trial and equally many queries of each identity it is s^2 / I,
s being the standard deviation of the mean differences of the identities.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy.stats import t as student

from harness.stats.trials import PerQuery, identities_of, sums_by_identity

ALPHA = 0.05
POWER = 0.80

_ROUNDING = 1e-12  # a standard error below that is zero


def standard_error(differences: Sequence[PerQuery]) -> float | None:
    """Return the standard error of a mean difference; None where there is one identity only.

    Args:
        differences: A - B, query by query; each trial has a value.
    """
    sums, counts = sums_by_identity(differences)
    trials, identities = sums.shape
    if identities < 2:
        return None
    n = counts.sum(axis=1, keepdims=True)
    mean = sums.sum(axis=1, keepdims=True) / n
    e = ((sums - counts * mean) / n).sum(axis=0) / trials
    return math.sqrt(identities / (identities - 1) * float((e**2).sum()))


def detectable(
    differences: Sequence[PerQuery], *, alpha: float = ALPHA, power: float = POWER
) -> float | None:
    """Return the minimum detectable difference, in the unit of the metric.

    None where nothing is known of how identities differ: there is one, or all differ equally much
    (as when a row is compared with itself).

    Args:
        differences: A - B, query by query; each trial has a value.
        alpha: Level of the two-sided test.
        power: Probability to find a difference of that size.
    """
    error = standard_error(differences)
    if error is None or error < _ROUNDING:
        return None
    freedom = len(identities_of(differences)) - 1
    return float(error * (student.ppf(1 - alpha / 2, freedom) + student.ppf(power, freedom)))
