"""A method that somebody else wrote and installed: found, run, and held to the contract."""

from __future__ import annotations

import sys

import pytest

pytestmark = pytest.mark.usefixtures("synthped")

PACKAGE = '''
"""A plugin of three lines of mathematics: mean colours, no training."""

from harness import MethodConfig, MethodSpec, Recipe, hookimpl


class ColourConfig(MethodConfig):
    fault: str = "none"


@hookimpl
def register_methods(register):
    register(MethodSpec(
        key="mean-colour", title="Mean colour", summary="The mean colour of six stripes.",
        method_version=1, config=ColourConfig, method="reid_colour_method:MeanColour",
        recipes={"smoke": Recipe(name="smoke", summary="As it is.", trials=1)},
    ))
'''

METHOD = """
import torch


class MeanColour:
    feature = "colour"
    distance = "euclidean"
    backbones = ()

    def __init__(self, config, context):
        self.fault = config.fault
        self.networks = {}

    def stages(self):
        return ()

    def embed(self, batch):
        stripes = batch.pixels.unflatten(2, (6, -1)).mean(dim=(3, 4)).flatten(1)
        if self.fault == "nan":
            stripes = stripes * float("nan")
        if self.fault == "shape":
            stripes = stripes[:-1]
        return {"other" if self.fault == "name" else "colour": stripes}
"""

RUN = ["run", "--plugin", "mean-colour", "--dataset", "synthped", "--recipe", "smoke"]
SIZE = ["--set", "height=96", "--set", "width=48", "--device", "cpu"]


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install the plugin as a distribution of its own, and remove it afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "reid_colour.py").write_text(PACKAGE)
    (tmp_path / "reid_colour_method.py").write_text(METHOD)
    info = tmp_path / "reid_colour-0.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: reid-colour\nVersion: 0.3\n")
    (info / "entry_points.txt").write_text("[reid_harness.plugins]\ncolour = reid_colour\n")
    yield
    for module in ("reid_colour", "reid_colour_method"):
        sys.modules.pop(module, None)


@pytest.mark.usefixtures("installed")
def test_runs_like_a_first_party_method(harness):
    """An installed method trains, scores, is stored with its origin, and beats chance."""
    report = harness(*RUN, *SIZE, "--json").json

    assert report["status"] == "done"
    assert report["metrics"]["rank1"]["value"] > 2 * 100 / 32
    assert "reid-colour 0.3" in harness("plugins", "list").out.replace("\n", " ") or any(
        "reid-colour 0.3" in row["from"] for row in harness("plugins", "list", "--json").json
    )


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("fault", "code", "message"),
    [
        ("nan", 8, "hold NaN"),
        ("shape", 3, "one row for each image"),
        ("name", 3, "declares the feature 'colour'"),
    ],
)
def test_broken_features_are_never_a_number(harness, fault, code, message):
    """NaN features, a missing row or a missing feature end the run with a sentence, no score."""
    outcome = harness(*RUN, *SIZE, "--set", f"fault={fault}")
    (run,) = harness("runs", "list", "--json").json

    assert outcome.code == code
    assert message in " ".join(outcome.err.split())
    assert run["status"] == "failed"
    assert run["trials_done"] == 0
