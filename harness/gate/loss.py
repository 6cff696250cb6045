"""Is it worse by more than a margin? The tests behind the checkpoint and the method tier.

Both hold new trials against old ones of the same protocol, identity by identity, and ask a
question of non-inferiority: with Delta = new - old and a margin m > 0, H0 says Delta >= -m. A loss
is certain where H0 is rejected, and excluded where Delta < -m is.

The *checkpoint* tier asks it of these very models. Trials are paired, the unit is an identity with
all its queries in all trials. The interval is that of `harness.stats.intervals`, BCa; with fewer
than 100 identities, where it covers too little, that of Student's t,

    Delta +- t_{0.975} SE,    p = T((Delta + m) / SE),    T with I - 1 degrees of freedom

SE being the linearised standard error of `harness.stats.power`.

The *method* tier asks it of the method: would models trained anew be worse? Training varies, so
fits are drawn as well as identities (`harness.gate.pigeonhole`), and deviations are stretched from
a normal to a t with n - 1 degrees of freedom, n being the number of fits: five seeds tell less than
their spread pretends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from harness.errors import IntegrityError
from harness.gate.pigeonhole import Pool
from harness.stats import intervals
from harness.stats.intervals import RESAMPLES, interval
from harness.stats.power import POWER, standard_error
from harness.stats.trials import PerQuery, differences, identities_of
from harness.types import Interval

ALPHA = 0.05
ERRORS_IN_MARGIN = 2
"""No margin is narrower than this many standard errors of the difference."""

FEW_IDENTITIES = 100
"""Below that the bootstrap covers too little, and t is taken."""
_LEVEL = 0.95
_ROUNDING = 1e-12  # a standard error below that is zero


@dataclass(frozen=True, slots=True)
class Loss:
    """What is known of a loss by one metric, fractions.

    Attributes:
        delta: New - old with its interval.
        margin: m, the largest loss that passes.
        error: The standard error of the difference; None where there is one identity, or one fit
            where fits are drawn.
        p: Of H0, that the loss is no larger than the margin, for this metric alone.
        certain: Whether a loss of more than m is certain, for this metric alone.
        excluded: Whether a loss of more than m is excluded.
        freedom: Degrees of freedom of the test.
    """

    delta: Interval
    margin: float
    error: float | None
    p: float
    certain: bool
    excluded: bool
    freedom: int

    def detectable(self, alpha: float = ALPHA) -> float | None:
        """Return the smallest true loss that is found with a power of 80 %, a fraction.

        Args:
            alpha: Level of the one-sided test; that of the interval, 0.025, where it is larger.
        """
        if self.error is None:
            return None
        return smallest_found(self.error, self.freedom, self.margin, alpha)


def smallest_found(error: float, freedom: int, margin: float, alpha: float = ALPHA) -> float:
    """Return the smallest true loss that is found with a power of 80 %, a fraction.

    A loss is found where its estimate lies beyond the margin by as many standard errors as the test
    asks for; so that it does so four times in five, the true loss is larger still.

    Args:
        error: SE.
        freedom: I - 1.
        margin: m.
        alpha: Level of the one-sided test; that of the interval, 0.025, where it is larger.
    """
    level = min(alpha, (1 - _LEVEL) / 2)
    reach = student.ppf(1 - level, freedom) + student.ppf(POWER, freedom)
    return float(widened(margin, error) + reach * error)


def loss_of_models(
    new: Sequence[PerQuery],
    old: Sequence[PerQuery],
    margin: float,
    *,
    resamples: int = RESAMPLES,
) -> Loss:
    """Return what is known of a loss between models, over the trials that both have.

    Args:
        new: Trials of one metric in which higher is better.
        old: Those that they are held against.
        margin: The margin that was asked for, a fraction; at least 2 SE are taken.
        resamples: Of the bootstrap, with 100 identities and more.

    Raises:
        UsageError: If a side has no trial, or they are of different protocols.
        Inconclusive: If they have no trial in common.
        IntegrityError: If a common trial has other queries, or other queries with a value.
    """
    paired = differences(new, old)
    error = standard_error(paired)
    freedom = len(identities_of(paired)) - 1
    wide = widened(margin, error)
    few = error is not None and freedom + 1 < FEW_IDENTITIES
    delta = (
        _student(paired, error or 0.0)
        if few
        else interval(paired, level=_LEVEL, resamples=resamples)
    )
    p = 1.0 if delta.value is None else _p(delta.value + wide, error, freedom)
    return Loss(
        delta=delta,
        margin=wide,
        error=error,
        p=p,
        certain=delta.high is not None and delta.high < -wide,
        excluded=delta.low is not None and delta.low > -wide,
        freedom=freedom,
    )


def loss_of_methods(
    new: Sequence[PerQuery],
    old: Sequence[PerQuery],
    margin: float,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Loss:
    """Return what is known of a loss between methods, of which the trials are samples.

    Args:
        new: Trials of one metric in which higher is better; of one fit nothing is certain.
        old: Those that they are held against, of the same splits.
        margin: The margin that was asked for, a fraction; at least 2 SE are taken.
        seed: Of the draws.
        resamples: B.

    Raises:
        UsageError: If a side has no trial, or they are of different protocols.
        IntegrityError: If a trial has no value, not one identity for each, or occurs twice.
    """
    _check_values([*new, *old])
    pool = Pool.of(new, old)
    value, freedom = pool.value(), pool.units - 1
    delta = Interval(
        value=value,
        low=None,
        high=None,
        level=_LEVEL,
        method=f"{'splits' if pool.by_split else 'seeds'} and identities resampled",
        n_identities=pool.identities,
        n_trials=len(new),
        n_seeds=len({trial.seed for trial in new}),
    )
    if freedom < 1:
        return Loss(delta, margin, None, p=1.0, certain=False, excluded=False, freedom=freedom)
    drawn = pool.draw(np.random.default_rng(seed), resamples)
    error = float(drawn.std(ddof=1))
    stretch = student.ppf(1 - ALPHA, freedom) / norm.ppf(1 - ALPHA)
    spread = value + stretch * (drawn - drawn.mean())
    wide = widened(margin, error)
    worse = float((1 + np.count_nonzero(spread < -wide)) / (2 + len(spread)))
    low, high = np.quantile(spread, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    delta = replace(delta, low=float(low), high=float(high))
    return Loss(delta, wide, error, 1 - worse, worse > 1 - ALPHA, worse < ALPHA, freedom)


def widened(margin: float, error: float | None) -> float:
    """Return a margin that is no narrower than 2 SE; SE is None where there is one identity."""
    return max(margin, ERRORS_IN_MARGIN * (error or 0.0))


def _check_values(trials: Sequence[PerQuery]) -> None:
    """Refuse a trial without any value: as a 0 it would be compared."""
    for trial in trials:
        if np.isnan(trial.values).all():
            raise IntegrityError(
                f"No query of split {trial.split}, seed {trial.seed} has a value.",
                "Look for what changed in the metric or its queries.",
            )


def _student(paired: Sequence[PerQuery], error: float) -> Interval:
    """Return a mean difference with the interval of Student's t.

    Args:
        paired: The differences; each trial has a value.
        error: SE.
    """
    value = float(np.mean([np.nanmean(trial.values) for trial in paired]))
    identities = len(identities_of(paired))
    reach = float(student.ppf((1 + _LEVEL) / 2, identities - 1)) * error
    enough = len({trial.split for trial in paired}) >= intervals.ENOUGH_SPLITS
    return Interval(
        value=value,
        low=value - reach,
        high=value + reach,
        level=_LEVEL,
        method=f"t over identities{'' if enough else intervals.THESE_SPLITS}",
        n_identities=identities,
        n_trials=len(paired),
        n_seeds=len({trial.seed for trial in paired}),
    )


def _p(excess: float, error: float | None, freedom: int) -> float:
    """Return the probability of an estimate as far below -m or farther, if -m were true.

    Args:
        excess: Delta + m.
        error: SE; None where there is one identity.
        freedom: I - 1.
    """
    if error is None:
        return 1.0
    if error < _ROUNDING:  # all identities changed alike: as sure as all signs being one
        return 1.0 if excess >= -_ROUNDING else 0.5**freedom
    return float(student.cdf(excess / error, freedom))
