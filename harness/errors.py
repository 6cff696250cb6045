"""The errors that reach a person, and the exit code of each.

    HarnessError
    ├── RegressionFound      1    a gate found a loss
    ├── UsageError           2    the command or its configuration is wrong
    │   └── UnknownName      2    no plugin, dataset, recipe or key of that name
    ├── PluginError          3    a plugin is broken, or two claim one key
    ├── IntegrityError       4    stored things contradict each other
    ├── Inconclusive         5    the evidence does not decide
    ├── DataError            6    images or splits are missing or broken
    ├── DeviceError          7    no such device here
    │   └── WeightsError     7    weights are missing, of another shape, or leak
    ├── TrainingError        8    NaN, infinity, collapse
    ├── StoreError           9    the database is of another schema or cannot be used
    ├── InternalError       70    a bug of the harness or of a plugin
    └── Interrupted         75    stopped by hand; the same command resumes

Each carries two sentences: what is wrong, and what to do next. The command line prints both and
exits with the code; a library user catches `HarnessError`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar


class HarnessError(Exception):
    """An error with a sentence for what happened and one for what to do next.

    Args:
        what: What is wrong, with the offending value in it.
        next_step: What the reader can do about it.
    """

    exit_code: ClassVar[int] = 2
    run_id: str | None = None  # of the run that it ended, where there was one

    def __init__(self, what: str, next_step: str) -> None:
        super().__init__(f"{what} {next_step}")
        self.what = what
        self.next_step = next_step


class RegressionFound(HarnessError):
    """A gate found a loss."""

    exit_code = 1


class UsageError(HarnessError):
    """The command or its configuration is wrong."""

    exit_code = 2


class UnknownName(UsageError):
    """There is nothing of that kind and name; the nearest names are offered.

    Args:
        kind: What was looked for, in the singular ("dataset", "recipe").
        name: The name that was given.
        known: The names that exist.
        listing: A command that lists them, if there is one.
    """

    def __init__(
        self, kind: str, name: str, known: Iterable[str], listing: str | None = None
    ) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        choices = ", ".join(names) if names else "none"
        advice = f"Did you mean {near[0]!r}? " if near else ""
        shown = f"See `{listing}`." if listing else f"Known: {choices}."
        super().__init__(f"There is no {kind} called {name!r}.", advice + shown)
        self.name = name
        self.known = names


class PluginError(HarnessError):
    """A plugin is broken, or two plugins claim one key."""

    exit_code = 3


class IntegrityError(HarnessError):
    """Things that are stored contradict each other."""

    exit_code = 4


class Inconclusive(HarnessError):
    """The evidence does not decide the question."""

    exit_code = 5


class DataError(HarnessError):
    """Images or splits are missing or broken."""

    exit_code = 6


class DeviceError(HarnessError):
    """The device that was asked for is not here."""

    exit_code = 7


class WeightsError(DeviceError):
    """Weights are missing, of another shape, or were trained on the test identities."""


class TrainingError(HarnessError):
    """Training produced NaN, infinity or a collapse."""

    exit_code = 8


class StoreError(HarnessError):
    """The database is of another schema, or cannot be read or written."""

    exit_code = 9


class InternalError(HarnessError):
    """A bug of the harness or of a plugin: an exception that nobody foresaw.

    Args:
        cause: The exception.
    """

    exit_code = 70

    def __init__(self, cause: Exception) -> None:
        reason = f"{type(cause).__name__}: {cause}".rstrip(": .")
        super().__init__(
            f"Something went wrong that should not: {reason}.",
            "Run the same command with `harness --debug ...` for the traceback, and report it.",
        )


class Interrupted(HarnessError):
    """The work was stopped by hand; the same command resumes it."""

    exit_code = 75
