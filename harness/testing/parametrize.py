"""A plugin's own conformance test in three lines: `parametrize_with_checks`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.testing.catalogue import check_reasons, checks_of
from harness.testing.check import Check, NotRun
from harness.testing.subjects import Subject, find_subjects

if TYPE_CHECKING:
    import pytest


@dataclass(frozen=True, slots=True, repr=False)
class BoundCheck:
    """A check of one subject, to be called.

    Attributes:
        check: The check.
        subject: What is checked.
        skip: Why it is skipped, or None.
    """

    check: Check
    subject: Subject
    skip: str | None = None

    @property
    def id(self) -> str:
        """The name in pytest's report, `key/check`."""
        return f"{self.subject.key}/{self.check.name}"

    def __repr__(self) -> str:
        return f"<{self.id}>"

    def __call__(self) -> None:
        """Run it; pytest's skip ends it where there is nothing to look at.

        Raises:
            CheckFailure: If the promise is not kept.
        """
        __tracebackhide__ = True
        import pytest

        if self.skip is not None:
            pytest.skip(self.skip)
        try:
            self.check.run(self.subject)
        except NotRun as reason:
            pytest.skip(str(reason))


def parametrize_with_checks(
    *keys: str, skip: Mapping[str, str] | None = None
) -> pytest.MarkDecorator:
    """Give a test an argument `check`, one for each check of the plugins named.

        from harness.testing import parametrize_with_checks

        @parametrize_with_checks("my-method", skip={"bounded-memory": "keeps a memory bank"})
        def test_conformance(check):
            check()

    Args:
        keys: Entry points of plugins, or keys of methods, data sets and metrics. What is named by
            its key is checked together with its plugin.
        skip: By the name of a check, why it is skipped.

    Raises:
        UnknownName: If nothing installed has that name, or there is no such check.
        UsageError: If a check is skipped without a reason.
    """
    import pytest

    bound = bind_checks(*keys, skip=skip)
    return pytest.mark.parametrize("check", bound, ids=[one.id for one in bound])


def bind_checks(*keys: str, skip: Mapping[str, str] | None = None) -> list[BoundCheck]:
    """Return every check of the plugins named, each subject once; arguments as above."""
    reasons = skip or {}
    check_reasons(reasons)
    subjects = {(s.kind, s.key): s for key in keys for s in find_subjects(key)}
    return [
        BoundCheck(check, subject, reasons.get(check.name))
        for subject in subjects.values()
        for check in checks_of(subject.kind)
    ]
