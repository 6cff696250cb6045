"""The gate as a pytest plugin: for whoever gates a model of their own in tests of their own.

    @pytest.mark.reid_baseline("market")
    def test_no_regression(reid_gate):
        reid_gate.assert_no_regression(extract_features(my_model))

The first time, and whenever the numbers may move, the baseline is accepted with a reason, and the
file that it leaves under `baselines/` is committed:

    pytest --reid-accept "first numbers"

Importing this must stay cheap for everyone's pytest: all else is imported when a test asks for it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

    from harness.gate.in_tests import ReidGate

MARKER = (
    "reid_baseline(name, *, folder='baselines', margin=None, rule=None, distance=None, "
    "strict=False): the baseline that `reid_gate` holds features or runs against; a margin in "
    "points, a rule of ranking and a distance are those it is accepted with; strict fails what "
    "the evidence does not decide."
)
HELP_ACCEPT = (
    "accept the features or runs of the tests that use `reid_gate` as their baselines from now on, "
    "and say why; such tests are skipped, for nothing was checked"
)
TOLD = "reid_gate"
"""The name of a test's property with what its gate found."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that moves baselines; it is its own reason."""
    group = parser.getgroup("reid-harness")
    group.addoption("--reid-accept", metavar="REASON", default=None, help=HELP_ACCEPT)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, and refuse to move a baseline where nobody reviews it."""
    config.addinivalue_line("markers", MARKER)
    reason = config.getoption("--reid-accept")
    if reason is not None and not reason.strip():
        raise pytest.UsageError('A baseline moves for a reason: --reid-accept "why".')
    if reason is not None and os.environ.get("CI"):
        raise pytest.UsageError(
            "--reid-accept moves baselines, and CI is set: run it by hand, and commit the files."
        )


@pytest.fixture
def reid_gate(request: pytest.FixtureRequest) -> ReidGate:
    """The gate of a test that is marked with `reid_baseline`."""
    from harness.gate.in_tests import gate_of

    return gate_of(request, TOLD)


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Say what the gates of passed tests found: what is undecided passes, and is told."""
    told = [
        str(value)
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == TOLD
    ]
    if told:
        terminalreporter.section("re-ID gate")
        terminalreporter.write_line("\n".join(told))
