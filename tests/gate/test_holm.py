"""Holm's correction: by hand, by its definition, and what it promises."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.gate.holm import holm

Ps = st.lists(st.floats(0, 1, allow_nan=False), max_size=12)


def test_by_hand():
    """Three p-values are adjusted as Holm's article has it, whatever their order."""
    # sorted 0.01, 0.03, 0.04: 3 x 0.01 = 0.03; 2 x 0.03 = 0.06; 1 x 0.04 = 0.04, but not below 0.06
    assert holm([0.04, 0.01, 0.03]) == [0.06, 0.03, 0.06]


def test_one_and_none():
    """One question is asked as if alone, and none at all is no error."""
    assert holm([0.02]) == [0.02]
    assert holm([]) == []


def rejected(p: list[float], alpha: float) -> set[int]:
    """Return what Holm's step-down procedure rejects, as it is told: one step after the other."""
    left = sorted(range(len(p)), key=lambda i: p[i])
    found = set()
    while left and p[left[0]] * len(left) < alpha:
        found.add(left.pop(0))
    return found


@given(Ps, st.floats(0.001, 0.5))
def test_rejects_what_the_procedure_does(p, alpha):
    """An adjusted p-value is below the level just where the step-down procedure rejects."""
    assert {i for i, adjusted in enumerate(holm(p)) if adjusted < alpha} == rejected(p, alpha)


@given(Ps)
def test_never_smaller_and_in_order(p):
    """No p-value gets smaller, none exceeds 1, and their order stays."""
    adjusted = holm(p)

    assert all(a >= min(1.0, q) and a <= 1 for a, q in zip(adjusted, p, strict=True))
    assert sorted(adjusted) == [adjusted[i] for i in sorted(range(len(p)), key=lambda i: p[i])]
