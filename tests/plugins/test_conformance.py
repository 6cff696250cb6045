"""Every first-party method, data set and metric keeps what the conformance kit promises."""

from __future__ import annotations

from importlib.metadata import distribution

import pytest

from harness.definitions import METRICS
from harness.loader import load_plugins
from harness.testing import parametrize_with_checks

PLUGINS = ("baselines", "intact")
EMBEDDED = ("synthped",)
WHOLE = ("caviar", "viper", "mlr-viper")
IN_PART = ("market1501", "mlr-market1501")
MINI = "the copy at hand is a small part of Market-1501"


@pytest.mark.usefixtures("synthped")
@parametrize_with_checks(*PLUGINS, *EMBEDDED, *(metric.name for metric in METRICS))
def test_conformance(check):
    """A first-party plugin keeps each promise, or says why there is nothing to look at."""
    check()


@pytest.mark.real_data
@parametrize_with_checks(*WHOLE)
def test_conformance_on_real_data(check, real_data, monkeypatch):
    """A data set that is at hand keeps each promise on its real images."""
    monkeypatch.setenv("HARNESS_DATA", str(real_data))
    check()


@pytest.mark.real_data
@parametrize_with_checks(*IN_PART, skip={"reads": MINI, "queries-match": MINI})
def test_conformance_on_a_part(check, real_data, monkeypatch):
    """A data set of which a part is at hand keeps each promise that a part can keep."""
    monkeypatch.setenv("HARNESS_DATA", str(real_data))
    check()


def test_nothing_is_left_out():
    """Every method and data set of this distribution is named above."""
    ours = {e.name for e in distribution("reid-harness").entry_points}
    registry = load_plugins()
    found = {(kind, key) for (kind, key), origin in registry.origins.items() if origin.name in ours}

    plugins = {registry.origins[thing].name for thing in found if thing[0] == "method"}
    datasets = {key for kind, key in found if kind == "dataset"}

    assert plugins == {*PLUGINS}
    assert datasets == {*EMBEDDED, *WHOLE, *IN_PART}
