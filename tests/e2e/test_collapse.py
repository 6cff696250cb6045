"""A GAN that collapses under the command: its exit code, its message, and what is kept."""

from __future__ import annotations

import sys

import pytest

from harness.training import find_checkpoint

pytestmark = pytest.mark.usefixtures("synthped", "installed")

PACKAGE = '''
"""A plugin of a warm-up and a GAN of two linear maps."""

from harness import MethodConfig, MethodSpec, Recipe, hookimpl


class GanConfig(MethodConfig):
    d_lr: float = 0.0001
    echo: bool = False


@hookimpl
def register_methods(register):
    register(MethodSpec(
        key="tiny-gan", title="Tiny GAN", summary="Tells images from noise.",
        method_version=1, config=GanConfig, method="reid_gan_method:TinyGan",
        recipes={"smoke": Recipe(name="smoke", summary="As it is.", trials=1)},
    ))
'''

METHOD = """
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

from harness import Adversary, Stage, Stream


class TinyGan:
    feature = "pixels"
    distance = "euclidean"
    backbones = ()

    def __init__(self, config, context):
        pixels = 3 * config.height * config.width
        self.config = config
        self.networks = {"g": torch.nn.Linear(4, pixels), "d": torch.nn.Linear(pixels, 1)}

    def stages(self):
        streams = {"train": Stream(4, 2)}
        g = torch.optim.SGD(self.networks["g"].parameters(), lr=0.001)
        d = torch.optim.SGD(self.networks["d"].parameters(), lr=self.config.d_lr)
        return [
            Stage("warm-up", 3, streams, ("g",), {"g": g}, self.warm_up),
            Stage(
                "gan", 40, streams, ("g", "d"), {"g": g, "d": d}, self.play,
                adversary=Adversary(real="p_real", fake="p_fake"),
            ),
        ]

    def warm_up(self, batches, update):
        real = batches["train"].pixels.flatten(1)
        loss = mse_loss(self.generate(real), real)
        update("g", loss)
        return {"mse": loss}

    def play(self, batches, update):
        real = batches["train"].pixels.flatten(1)
        fake = self.generate(real)
        d = self.networks["d"]
        on_real, on_fake = d(real), d(fake.detach())
        update("d", bce(on_real, 1.0) + bce(on_fake, 0.0))
        update("g", bce(d(fake), 1.0))
        p_real, p_fake = on_real.float().sigmoid().mean(), on_fake.float().sigmoid().mean()
        return {"p_real": p_real, "p_fake": p_fake}

    def generate(self, real):
        made = self.networks["g"](torch.randn(len(real), 4))
        return real + 0 * made if self.config.echo else made

    def embed(self, batch):
        return {"pixels": batch.pixels.flatten(1)}


def bce(logits, target):
    return binary_cross_entropy_with_logits(logits.float(), torch.full_like(logits.float(), target))
"""

RUN = ["run", "--plugin", "tiny-gan", "--dataset", "synthped", "--recipe", "smoke"]
SIZE = ["--set", "height=32", "--set", "width=16", "--device", "cpu", "--precision", "float32"]


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install the plugin as a distribution of its own, and remove it afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "reid_gan.py").write_text(PACKAGE)
    (tmp_path / "reid_gan_method.py").write_text(METHOD)
    info = tmp_path / "reid_gan-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: reid-gan\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[reid_harness.plugins]\ngan = reid_gan\n")
    yield
    for module in ("reid_gan", "reid_gan_method"):
        sys.modules.pop(module, None)


@pytest.mark.parametrize(
    ("change", "play"), [("d_lr=1.0", "saturated"), ("echo=true", "at chance")]
)
def test_collapse_ends_the_run_with_a_message_and_a_checkpoint(harness, home, change, play):
    """A collapse exits with 8, says since when and what to lower; the warm-up's product is kept."""
    outcome = harness(*RUN, *SIZE, "--set", change)
    said = " ".join(outcome.err.split())
    (run,) = harness("runs", "list", "--json").json
    (folder,) = (home / "checkpoints").iterdir()
    kept = find_checkpoint(folder)

    assert outcome.code == 8
    assert kept is not None
    assert f"the discriminator has been {play} since step" in said
    assert "Lower the weight of the adversarial loss" in said
    assert "the last good checkpoint (stage 'gan', step 0) is kept in" in said
    assert folder.name in said.replace(" ", "")  # a long path may be wrapped
    assert (kept.stage, kept.step) == (1, 0)
    assert run["status"] == "failed"


def test_same_command_after_a_collapse_starts_a_new_repeat(harness, home):
    """The failed fit is not resumed: the same command fails again from the start, beside it."""
    first = harness(*RUN, *SIZE, "--set", "echo=true")
    again = harness(*RUN, *SIZE, "--set", "echo=true")

    assert (first.code, again.code) == (8, 8)
    assert len(list((home / "checkpoints").iterdir())) == 2


def test_healthy_gan_runs_to_its_end(harness, home):
    """The same GAN with a sane learning rate is trained, scored, and leaves no checkpoint."""
    report = harness(*RUN, *SIZE, "--json").json

    assert report["status"] == "done"
    assert not list(home.glob("checkpoints/*"))
