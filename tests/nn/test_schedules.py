"""Schedules as functions of progress."""

from __future__ import annotations

import pytest

from harness.nn import constant, full_steps, multistep, warmup_cosine
from harness.types import FitContext, MethodConfig


def test_constant():
    """The constant schedule leaves the rate as it is."""
    assert [constant()(p) for p in (0.0, 0.5, 0.99)] == [1, 1, 1]


def test_warmup_cosine():
    """It starts at a tenth, is full after the warm-up, half in the middle, 0 at the end."""
    schedule = warmup_cosine(0.2)

    assert schedule(0.0) == pytest.approx(0.1)
    assert schedule(0.2) == pytest.approx(1.0)
    assert schedule(0.6) == pytest.approx(0.5)
    assert schedule(1.0) == pytest.approx(0.0)


def test_warmup_cosine_is_continuous():
    """The rate does not jump where the warm-up ends."""
    schedule = warmup_cosine(0.1)

    assert schedule(0.1 - 1e-9) == pytest.approx(schedule(0.1), abs=1e-6)


def test_multistep():
    """Each milestone multiplies the rate by gamma."""
    schedule = multistep((0.4, 0.7))

    assert [schedule(p) for p in (0.0, 0.4, 0.9)] == pytest.approx([1, 0.1, 0.01])


@pytest.mark.parametrize(
    ("images", "epoch", "steps"), [(640, 100, 10), (641, 100, 11), (640, 1280, 20), (0, 500, 0)]
)
def test_full_steps(images, epoch, steps):
    """A recipe's images, or one epoch where that is more, rounded up to whole steps; 0 is none."""
    context = FitContext(identities=10, images=epoch, cameras=2)

    assert full_steps(MethodConfig(images=images), context, 64) == steps
