"""The promises that `harness plugins check pcb` holds the plugin to."""

from __future__ import annotations

from collections.abc import Callable

from harness.testing import parametrize_with_checks


@parametrize_with_checks("pcb")
def test_conformance(check: Callable[[], None]) -> None:
    """Each check says what is promised, what it saw instead, and how to mend it."""
    check()
