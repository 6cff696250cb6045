"""What a check is: a name, a promise, how to mend it, and a function that looks.

A check's function takes a `Subject` and returns in a phrase what it saw. It raises `Broken` where
the promise is not kept, `NotRun` where there is nothing to look at, and `Blocked` where something
that another check tells is in the way, which is no pass. `Check.run` turns the first into a
`CheckFailure`, which says everything that the author of a plugin needs to know.
"""

from __future__ import annotations

import pkgutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from harness.testing.subjects import Subject

Kind = Literal["plugin", "method", "dataset", "metric"]
Status = Literal["ok", "failed", "blocked", "skipped"]


class Broken(Exception):
    """A promise is not kept; the message is what was seen, with its numbers."""


class NotRun(Exception):
    """There is nothing to look at; the message is why."""


class Blocked(NotRun):
    """It could not be looked at; the message is why, and which check tells more."""


class CheckFailure(AssertionError):
    """A check has failed.

    Args:
        check: The check.
        subject: The key of what was checked.
        seen: What was seen instead of what is promised.
    """

    def __init__(self, check: Check, subject: str, seen: str) -> None:
        super().__init__(
            f"{subject} fails the check `{check.name}`.\n"
            f"  promised: {check.promise}\n"
            f"  seen:     {seen}\n"
            f"  to mend:  {check.mend}"
        )
        self.check = check
        self.subject = subject
        self.seen = seen


@dataclass(frozen=True, slots=True)
class Check:
    """One promise that the harness makes of every plugin, method, data set or metric.

    Attributes:
        name: In kebab case, unique.
        kind: What it is about.
        promise: What is promised, in a sentence.
        mend: How to mend it, in a sentence.
        address: `module:attribute` of the function that looks; torch is imported with it.
    """

    name: str
    kind: Kind
    promise: str
    mend: str
    address: str

    def run(self, subject: Subject) -> str:
        """Return what was seen of a subject that keeps the promise.

        Args:
            subject: Of this check's kind.

        Raises:
            CheckFailure: If it does not keep it, or raises something while it is looked at.
            NotRun: If there is nothing to look at; Blocked, if it could not be looked at.
        """
        __tracebackhide__ = True
        look: Callable[[Subject], str] = pkgutil.resolve_name(self.address)
        try:
            with one_thread():
                return look(subject)
        except NotRun:
            raise
        except Broken as broken:
            seen, cause = str(broken), broken.__cause__
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises, it does not keep this
            seen, cause = f"it raised {in_words(error)}", error
        raise CheckFailure(self, subject.key, seen) from cause


@dataclass(frozen=True, slots=True)
class Result:
    """How one check of one subject ended.

    Attributes:
        check: The check.
        key: Of the subject.
        status: `ok`, `failed`, `blocked` (it could not be looked at) or `skipped`.
        seen: What was seen, or why nothing was.
        seconds: What it took [s]; what several checks share counts for the first of them.
    """

    check: Check
    key: str
    status: Status
    seen: str
    seconds: float


def run_check(check: Check, subject: Subject, skip: Mapping[str, str]) -> Result:
    """Run a check of a subject, or skip it with the reason given for its name."""
    if check.name in skip:
        return Result(check, subject.key, "skipped", skip[check.name], 0.0)
    start = time.perf_counter()
    status: Status = "ok"
    try:
        seen = check.run(subject)
    except CheckFailure as failure:
        status, seen = "failed", failure.seen
    except Blocked as reason:
        status, seen = "blocked", str(reason)
    except NotRun as reason:
        status, seen = "skipped", str(reason)
    return Result(check, subject.key, status, seen, time.perf_counter() - start)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread where it is imported: in a small network they only wait."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def in_words(error: BaseException) -> str:
    """Return an exception as a phrase: its class and the first line of its message."""
    message = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {message}".rstrip(": ")
