"""The sign-flip test: could a difference between two rows be chance?

If A and B are equally good for every identity, then for each identity either could have produced
either result: its differences, of all its queries in all trials together, are as likely to have the
opposite sign. The p-value is the share of these sign patterns in which A - B is as far from zero as
it was found or farther (Fisher, The Design of Experiments, 1935, section 21). Nothing is assumed of
the distribution but that symmetry.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import permutation_test

Float = npt.NDArray[np.float64]

DRAWS = 9999

_DECIMALS = 12  # sums that are equal but for rounding count as equal
_BATCH_CELLS = 4_000_000  # patterns x identities held at a time


@dataclass(frozen=True, slots=True)
class SignFlip:
    """The outcome of a sign-flip test.

    Attributes:
        p: Two-sided p-value, in (0, 1].
        patterns: How many sign patterns were looked at.
        exact: Whether these are all there are, and p is the share as far or farther; else they were
            drawn, and p counts the pattern that was found as one of them: (1 + as far or farther) /
            (1 + drawn), never less than 1 / (1 + drawn).
    """

    p: float
    patterns: int
    exact: bool

    @property
    def method(self) -> str:
        """The method in words."""
        if self.exact:
            return f"sign flips of identities, all {self.patterns:,}"
        return f"sign flips of identities, {self.patterns:,} drawn"


def sign_flip(shares: Float, *, seed: int = 0, draws: int = DRAWS) -> SignFlip:
    """Test whether the sum of what each identity contributes is zero.

    Args:
        shares: (I,), what each identity contributes to A - B, which is their sum: its mean
            difference times its weight. I is at least 1.
        seed: Of the draws.
        draws: Sign patterns drawn; where there are no more than that, 2^I, all are looked at.
    """
    if len(shares) < 2:  # either sign is as far from zero
        return SignFlip(p=1.0, patterns=2, exact=True)

    def distance(flipped: Float, axis: int = -1) -> Float:
        return np.asarray(np.abs(flipped.sum(axis=axis))).round(_DECIMALS)

    found = permutation_test(
        (shares,),
        distance,
        alternative="greater",
        permutation_type="samples",  # of one sample: the signs
        n_resamples=draws,
        batch=max(1, _BATCH_CELLS // len(shares)),
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    patterns = len(found.null_distribution)
    return SignFlip(float(found.pvalue), patterns, exact=2 ** len(shares) <= draws)
