"""Beside which published numbers a run is set, and what its fits say of their method."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.loader import Registry, load_plugins
from harness.run.plan import make_plan
from harness.run.report import published_cells
from harness.run.request import RunRequest
from harness.settings import Settings
from harness.store import Store

PAPER = """\
key: tiny
name: TINY
title: A Tiny Paper
authors: [A. Author]
venue: Nowhere
year: 2020
url: https://example.org
tables:
  - key: "1"
    printed: Table 1
    title: numbers
    document: the PDF
    ap: null
    datasets:
      synthped: {protocol: synthped, unknown: []}
    rows:
      - name: First
        method: baseline-hr
        settings: {margin: 0.5}
        cells:
          synthped: {rank1: "50.0", rank5: "-"}
      - name: The same again
        method: baseline-hr
        settings: {margin: 0.5, last_stride: 1}
        cells:
          synthped: {rank1: "51.0", rank5: "70.0"}
      - name: Another method
        method: baseline-hr-lr
        cells:
          synthped: {rank1: "60.0"}
"""


@pytest.fixture
def registry() -> Registry:
    """The plugins at hand, and one that brings a paper."""
    return replace(load_plugins(), papers=[PAPER])


def beside(registry: Registry, *settings: str, method: str = "baseline-hr") -> dict[str, str]:
    request = RunRequest(plugin=method, dataset="synthped", recipe="smoke", settings=settings)
    plan = make_plan(request, registry, Settings.from_environment())
    return {name: cell.printed for name, cell in published_cells(plan, registry).items()}


def test_published_numbers_of_the_same_settings(synthped, registry):
    """A run stands beside the first number of its method and settings; a dash is no number."""
    assert beside(registry, "margin=0.5") == {"rank1": "50.0", "rank5": "70.0"}
    assert beside(registry, "margin=0.5", "last_stride=2") == {"rank1": "50.0"}


def test_published_numbers_of_other_settings(synthped, registry):
    """A run with another setting than the row's, or of another method, is not beside it."""
    assert beside(registry) == {}
    assert beside(registry, method="baseline-hr-lr") == {"rank1": "60.0"}


def test_published_numbers_of_another_protocol(synthped, registry):
    """Numbers that assume another protocol of the data set are not beside the run."""
    other = PAPER.replace("protocol: synthped", "protocol: viper")
    assert beside(replace(registry, papers=[other]), "margin=0.5") == {}


def test_an_ablation_is_not_beside_the_whole_method(real_data, monkeypatch):
    """INTACT on CAVIAR stands beside 44.0; with a loss off beside nothing."""
    monkeypatch.setenv("HARNESS_DATA", str(real_data))
    plugins = load_plugins()
    found = {}
    for settings in ((), ("use_assoc=false",)):
        request = RunRequest("intact", "caviar", settings=settings, weights="none")
        plan = make_plan(request, plugins, Settings.from_environment())
        cells = published_cells(plan, plugins)
        found[settings] = [cells[name].printed for name in ("rank1", "rank5", "rank10") if cells]
    assert found == {(): ["44.0", "81.8", "93.9"], ("use_assoc=false",): []}


def test_a_fit_says_what_its_method_is(synthped, home, harness):
    """Pages are built without plugins, so each fit has its method's title, summary, departures."""
    words = ("--plugin", "initial-weights", "--dataset", "synthped", "--recipe", "smoke")
    assert harness("run", *words, "--trials", "1", "--weights", "none").code == 0
    spec = load_plugins().method("initial-weights")
    with Store.open(f"sqlite:///{home / 'harness.sqlite'}", home=home) as store:
        (row,) = store.where_rows()
    assert row.trials[0].fit.provenance["description"] == {
        "title": spec.title,
        "summary": spec.summary,
        "paper": None,
        "departures": list(spec.departures),
        "recipe": spec.recipes["smoke"].summary,
    }
