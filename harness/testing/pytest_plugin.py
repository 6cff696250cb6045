"""The conformance kit as a pytest plugin; importing it must stay cheap for everyone's pytest.

    pytest --harness-plugin my-method

collects the checks of an installed plugin in any call of pytest, without a test file.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness.testing.parametrize import BoundCheck

MARKER = "harness_conformance"
OPTION = "--harness-plugin"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that names plugins."""
    parser.getgroup("reid-harness").addoption(
        OPTION,
        action="append",
        default=[],
        metavar="NAME",
        help="Run the conformance checks of this plugin, or of a method, data set or metric by its "
        "key; can be repeated.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", f"{MARKER}: a check of the reid-harness conformance kit")


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say which plugins are checked."""
    names = config.getoption(OPTION)
    return f"reid-harness conformance: {', '.join(names)}" if names else None


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Add the checks of the plugins named to whatever else a session collects."""
    report = yield
    if isinstance(collector, pytest.Session) and collector.config.getoption(OPTION):
        checks = ConformanceCollector.from_parent(
            collector, name="conformance", nodeid="conformance"
        )
        report.result.append(checks)
    return report


class ConformanceCollector(pytest.Collector):
    """The checks of the plugins that the option names."""

    def collect(self) -> Iterator[ConformanceItem]:
        """Yield one item for each check of each subject.

        Raises:
            CollectError: If nothing installed has one of the names.
        """
        from harness.errors import HarnessError
        from harness.testing.parametrize import bind_checks

        try:
            bound = bind_checks(*self.config.getoption(OPTION))
        except HarnessError as error:
            raise self.CollectError(str(error)) from error
        for one in bound:
            item: ConformanceItem = ConformanceItem.from_parent(self, name=one.id)
            item.bound = one
            item.add_marker(MARKER)
            yield item


class ConformanceItem(pytest.Item):
    """One check of one subject as a test."""

    bound: BoundCheck

    def runtest(self) -> None:
        """Run the check."""
        self.bound()

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None
    ) -> str:
        """Return what the author of the plugin needs; below it, the plugin's own traceback."""
        cause = excinfo.value.__cause__
        if cause is None:
            return str(excinfo.value)
        inner = pytest.ExceptionInfo.from_exception(cause)
        return f"{excinfo.value}\n\n{inner.getrepr(style='short')}"

    def reportinfo(self) -> tuple[str, None, str]:
        """Return the name under which it is reported."""
        return "conformance", None, self.name
