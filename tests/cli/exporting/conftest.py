"""A store with trained models, made once: a baseline, INTACT, and a method with faults."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from harness.run.execute import execute
from harness.run.request import RunRequest

PACKAGE = '''
"""A plugin that can be made to misbehave when its model is exported."""

from harness import MethodConfig, MethodSpec, Recipe, hookimpl


@hookimpl
def register_methods(register):
    register(MethodSpec(
        key="fickle", title="Fickle", summary="A linear map of mean colours.",
        method_version=1, config=MethodConfig, method="reid_fickle_method:Fickle",
        recipes={"tiny": Recipe(
            name="tiny", summary="One step.", trials=1,
            values={"height": 24, "width": 16, "batch_identities": 2, "batch_images": 2},
        )},
    ))
'''

METHOD = """
import os

import torch
from harness import Stage, Stream


class Fickle:
    feature = "colour"
    distance = "cosine"
    backbones = ()

    def __init__(self, config, context):
        self.linear = torch.nn.Linear(18, 8)
        self.networks = {"linear": self.linear}

    def stages(self):
        optimiser = torch.optim.SGD(self.linear.parameters(), lr=0.01)
        return [Stage("one", 1, {"x": Stream(2, 2)}, ("linear",), {"o": optimiser}, self.step)]

    def step(self, batches, update):
        loss = self.represent(batches["x"].pixels).square().mean()
        update("o", loss)
        return {"loss": loss}

    def represent(self, pixels):
        return self.linear(pixels.unflatten(2, (6, -1)).mean(dim=(3, 4)).flatten(1))

    def embed(self, batch):
        colour = self.represent(batch.pixels)
        fault = os.environ.get("FICKLE")
        if fault == "other weights when traced" and torch.compiler.is_exporting():
            colour = colour + 0.01 * batch.pixels.mean(dim=(1, 2, 3))[:, None]
        if fault == "nan when traced" and torch.compiler.is_exporting():
            colour = colour / 0.0 * 0.0
        if fault == "bound to a batch":
            colour = colour + torch.zeros(len(colour), 1)
        if fault == "looks at values" and bool((colour.sum() > 0).item()):
            colour = colour + 1
        if fault == "looks at sizes":
            colour = colour * batch.native_size[:, :1].to(colour)
        if fault == "no form in ONNX":
            colour = colour + torch.special.bessel_j0(colour)
        return {"colour": colour, "half": colour[:, :4]}
"""


# A copy of Market-1501 in small: of each folder, the people (-1 junk, 0 distractor) and cameras.
MARKET: dict[str, dict[int, tuple[int, ...]]] = {
    "bounding_box_train": dict.fromkeys(range(10, 14), (1, 2)),
    "query": dict.fromkeys(range(1, 5), (1, 3)),
    "bounding_box_test": {**dict.fromkeys(range(1, 5), (1, 2, 3)), -1: (1, 3), 0: (2, 3)},
}


def _install(folder: Path) -> None:
    """Write the plugin as a distribution of its own."""
    (folder / "reid_fickle.py").write_text(PACKAGE)
    (folder / "reid_fickle_method.py").write_text(METHOD)
    info = folder / "reid_fickle-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: reid-fickle\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[reid_harness.plugins]\nfickle = reid_fickle\n")


def _draw(root: Path) -> None:
    """Draw the small copy: the colour of a person, the noise of a camera."""
    for name, people in MARKET.items():
        (root / name).mkdir(parents=True)
        for pid, cameras in people.items():
            colour = np.random.default_rng(pid + 1).integers(60, 196, 3)
            for camera in cameras:
                noise = np.random.default_rng((pid + 1, camera)).integers(-50, 50, (128, 64, 3))
                person = "-1" if pid < 0 else f"{pid:04d}"
                file = root / name / f"{person}_c{camera}s1_000451_03.jpg"
                Image.fromarray((colour + noise).astype(np.uint8)).save(file)


def _forget() -> None:
    """Let the plugin be imported anew."""
    for module in ("reid_fickle", "reid_fickle_method"):
        sys.modules.pop(module, None)


@pytest.fixture(scope="session")
def shelf(tmp_path_factory, generated):
    """Return a HARNESS_HOME with models on `synthped` and on Market-1501, and the plugin's folder.

    Both are made once; other tests of the session see neither.
    """
    folder, plugin = tmp_path_factory.mktemp("shelf"), tmp_path_factory.mktemp("plugin")
    (folder / "datasets").mkdir()
    (folder / "datasets" / generated.name).symlink_to(generated)
    _draw(folder / "data" / "Market-1501-v15.09.15")
    _install(plugin)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(plugin))
        patch.setenv("HARNESS_HOME", str(folder))
        for method, dataset in (
            ("baseline-hr", "synthped"),
            ("intact", "synthped"),
            ("fickle", "synthped"),
            ("fickle", "market1501"),
        ):
            request = RunRequest(method, dataset, recipe="tiny", weights="none", device="cpu")
            execute(request, Console(quiet=True))
    _forget()
    return folder, plugin


@pytest.fixture
def trained(shelf, home, monkeypatch):
    """Let the test use that home, into which it writes nothing, and the plugin."""
    folder, plugin = shelf
    monkeypatch.setenv("HARNESS_HOME", str(folder))
    monkeypatch.syspath_prepend(str(plugin))
    yield folder
    _forget()


@pytest.fixture
def market(trained):
    """Return the folder of the small copy of Market-1501."""
    return trained / "data" / "Market-1501-v15.09.15"
