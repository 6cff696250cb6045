"""Are the ranks the same, query by query? And is a metric what it was when it was accepted?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harness.gate.sides import SideTrial
from harness.types import Evidence

Bool = npt.NDArray[np.bool_]

_ROUNDING = 1e-9  # of expectations over draws and of values in a unit
_OF_QUERIES = ("valid", "identities", "top_index")


def count_changed(pairs: Sequence[tuple[SideTrial, SideTrial]]) -> int:
    """Return how many queries of all trials have other ranks than before.

    Args:
        pairs: New and old of each trial.
    """
    return sum(int(changed_queries(new.evidence, old.evidence).sum()) for new, old in pairs)


def changed_queries(a: Evidence, b: Evidence) -> Bool:
    """Say of each query whether anything that a metric is made of differs, (Q,).

    Distances are left out: they may differ in the last bit where no rank does.

    Args:
        a: Of as many queries as b.
        b: The other.
    """
    changed = _differ_by_match(a, b)
    for name in _OF_QUERIES:
        changed |= _rows(getattr(a, name) != getattr(b, name))
    changed |= _rows(~_close(a.single_cmc, b.single_cmc))
    changed |= ~_close(a.single_reciprocal, b.single_reciprocal)
    for name in sorted({*a.measured, *b.measured}):
        if name not in a.measured or name not in b.measured:
            return np.ones_like(changed)
        changed |= ~_close(a.measured[name], b.measured[name])
    return changed


def _differ_by_match(a: Evidence, b: Evidence) -> Bool:
    """Say of each query whether it has other matches, or negatives before or beside them."""
    counts = np.diff(a.offsets)
    changed = np.asarray(counts != np.diff(b.offsets))
    if changed.any():  # the matches cannot be paired: compare query by query
        for q in np.flatnonzero(~changed):
            ours, theirs = slice(*a.offsets[q : q + 2]), slice(*b.offsets[q : q + 2])
            changed[q] = not (
                np.array_equal(a.nearer[ours], b.nearer[theirs])
                and np.array_equal(a.equal[ours], b.equal[theirs])
            )
        return changed
    of_query = np.repeat(np.arange(a.queries), counts)
    changed[of_query[(a.nearer != b.nearer) | (a.equal != b.equal)]] = True
    return changed


def _close(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> Bool:
    return np.isclose(a, b, rtol=0, atol=_ROUNDING, equal_nan=True)


def _rows(differs: npt.NDArray[np.bool_]) -> Bool:
    """Say of each query whether one of its values differs."""
    return np.asarray(differs.reshape(len(differs), -1).any(axis=1))
