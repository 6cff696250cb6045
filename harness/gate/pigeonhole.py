"""Two methods that could have been trained otherwise: fits and identities drawn together.

Where a protocol has many random splits, each with a fit of its own, a split is drawn with both its
fits, for both were tested on its people; else the seeds of either side are drawn apart. Identities
are drawn once for all fits, because the same people are in all of them: the pigeonhole bootstrap of
Owen, Annals of Applied Statistics 1, 2007, which is never too narrow. Of n units n - 1 are drawn,
which makes the variance that of n (Rao and Wu, JASA 83, 1988); a unit is a fit or an identity.

Axes: T trials, I identities, B draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from harness.stats.trials import PerQuery, sums_by_identity

Float = npt.NDArray[np.float64]

ENOUGH_SEEDS = 5
ENOUGH_SPLITS = 10

_BATCH = 500  # draws held at a time


@dataclass(frozen=True, slots=True)
class Pool:
    """The fits of two sides, as what is drawn from.

    Attributes:
        sums: Of either side, (T, I), the sum of the values of each identity.
        counts: Of either side, (T, I), their numbers.
        groups: Of either side, the places of the trials of each split.
        by_split: Whether splits are drawn, and not the seeds in each.
    """

    sums: tuple[Float, Float]
    counts: tuple[Float, Float]
    groups: tuple[list[list[int]], list[list[int]]]
    by_split: bool

    @classmethod
    def of(cls, new: Sequence[PerQuery], old: Sequence[PerQuery]) -> Pool:
        """Return the pool of two sides of the same splits."""
        sums, counts = sums_by_identity([*_apart(new, 0), *_apart(old, 1)])
        splits = sorted({trial.split for trial in old})
        n = len(new)
        return cls(
            (sums[:n], sums[n:]),
            (counts[:n], counts[n:]),
            (_places(new, splits), _places(old, splits)),
            by_split=len(splits) >= ENOUGH_SPLITS,
        )

    @property
    def identities(self) -> int:
        """I."""
        return int(self.sums[0].shape[1])

    @property
    def units(self) -> int:
        """How many fits stand for the method: splits, or the seeds of the side with fewer."""
        if self.by_split:
            return len(self.groups[0])
        return min(len(places) for side in self.groups for places in side)

    def value(self) -> float:
        """Return new - old as it was found."""
        everyone = np.ones((1, self.identities))
        new, old = (self._means(side, everyone) for side in (0, 1))
        return float(
            np.mean([new[:, places].mean() for places in self.groups[0]])
            - np.mean([old[:, places].mean() for places in self.groups[1]])
        )

    def draw(self, rng: np.random.Generator, number: int) -> Float:
        """Return new - old of each draw, (B,)."""
        batches = [min(_BATCH, number - at) for at in range(0, number, _BATCH)]
        return np.concatenate([self._draw(rng, size) for size in batches])

    def _draw(self, rng: np.random.Generator, size: int) -> Float:
        weights = _resampled(rng, size, self.identities)
        means = [self._means(side, weights) for side in (0, 1)]
        splits = len(self.groups[0])
        of_splits = _resampled(rng, size, splits) if self.by_split else np.ones((size, splits))
        total = np.zeros((2, size))
        for side in (0, 1):
            for place, places in enumerate(self.groups[side]):
                of_seeds = _resampled(rng, size, len(places)) / len(places)
                total[side] += of_splits[:, place] * (means[side][:, places] * of_seeds).sum(axis=1)
        return np.asarray((total[0] - total[1]) / splits)

    def _means(self, side: int, weights: Float) -> Float:
        """Return the mean of each trial of a side under weights of identities, (B, T)."""
        number = weights @ self.counts[side].T
        total = weights @ self.sums[side].T
        return np.divide(total, number, out=np.zeros_like(total), where=number > 0)


def _apart(trials: Sequence[PerQuery], side: int) -> list[PerQuery]:
    """Return trials that are told from those of the other side by their split."""
    return [replace(trial, split=2 * trial.split + side) for trial in trials]


def _places(trials: Sequence[PerQuery], splits: Sequence[int]) -> list[list[int]]:
    return [[t for t, trial in enumerate(trials) if trial.split == split] for split in splits]


def _resampled(rng: np.random.Generator, size: int, units: int) -> Float:
    """Return how often each unit is drawn, (size, units), with mean 1; one unit is always there."""
    if units == 1:
        return np.ones((size, 1))
    drawn = rng.multinomial(units - 1, np.full(units, 1 / units), size)
    return np.asarray(drawn * (units / (units - 1)), dtype=np.float64)
