"""Rows made of lists, for the tests of statistics."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.stats.trials import PerQuery


def trial(
    values: npt.ArrayLike,
    pids: npt.ArrayLike,
    *,
    split: int = 0,
    seed: int = 0,
    protocol: str = "p",
) -> PerQuery:
    """Return a trial from lists."""
    return PerQuery(np.asarray(values, float), np.asarray(pids), split, seed, protocol)


def random_row(
    rng: np.random.Generator, *, trials: int = 3, queries: int = 12, identities: int = 5
) -> list[PerQuery]:
    """Return a row whose trials have other identities, unequally many queries, and some NaN."""
    row = []
    for split in range(trials):
        values = rng.integers(0, 5, queries) / 4
        values[rng.random(queries) < 0.1] = np.nan
        row.append(trial(values, rng.integers(0, identities, queries) + split, split=split))
    return row
