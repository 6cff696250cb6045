"""The checks, in the order in which they run: names, promises, and how to mend what breaks them.

This package holds words only; the functions that look are in `harness.testing.checks`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.errors import UnknownName, UsageError
from harness.testing.catalogue.datasets import DATASETS
from harness.testing.catalogue.methods import METHODS
from harness.testing.catalogue.metrics import METRICS
from harness.testing.catalogue.plugins import PLUGINS
from harness.testing.check import Check, Kind

CHECKS: tuple[Check, ...] = (*PLUGINS, *METHODS, *DATASETS, *METRICS)


def checks_of(kind: Kind) -> tuple[Check, ...]:
    """Return the checks of a kind of thing, in the order in which they run.

    Args:
        kind: `plugin`, `method`, `dataset` or `metric`.
    """
    return tuple(check for check in CHECKS if check.kind == kind)


def check_names(names: Iterable[str]) -> None:
    """Raise UnknownName for the first name that no check has."""
    known = {check.name for check in CHECKS}
    for name in names:
        if name not in known:
            raise UnknownName("check", name, known, "harness plugins check --list")


def check_reasons(skip: Mapping[str, str]) -> None:
    """Refuse to skip a check that does not exist, or without a reason.

    Args:
        skip: By the name of a check, why it is skipped.

    Raises:
        UnknownName: If there is no such check.
        UsageError: If a reason is empty.
    """
    check_names(skip)
    for name, reason in skip.items():
        if not reason.strip():
            raise UsageError(
                f"The check {name!r} is skipped without a reason.",
                "Say why, in words that a user of the plugin understands.",
            )
