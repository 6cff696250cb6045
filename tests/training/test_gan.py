"""A GAN through the trainer: made to collapse, it says so and keeps its last good checkpoint."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from harness.errors import Interrupted, TrainingError
from harness.training import StopRequest
from harness.training.collapse import judge_discriminator
from harness.training.device import seed_everything
from tests.training.toy import Log, kept_checkpoint, parameters, train
from tests.training.toy_gan import ToyGan


def fresh(**options):
    """Return a GAN with the same initial weights each time."""
    seed_everything(3)
    return ToyGan(**{"steps": 60} | options)


def saturated():
    """Return a GAN whose discriminator learns absurdly fast."""
    return fresh(d_lr=1.0)


def perfect():
    """Return a GAN whose generator puts out real images."""
    return fresh(echo=True)


def constant():
    """Return a GAN whose discriminator says one half of every image."""
    method = fresh(d_lr=0.0)
    nn.init.zeros_(method.d.weight)
    nn.init.zeros_(method.d.bias)
    return method


def first_suspicious_step(error) -> int:
    """Return the first of the suspicious steps that an error tells of."""
    (step,) = re.findall(r"since step (\d+)", str(error.value))
    return int(step)


class SoundLog(Log):
    """An observer that keeps the last step at which D did not look suspicious by itself."""

    sound = 0

    def step_done(self, stage, step, losses):
        super().step_done(stage, step, losses)
        if stage.adversary and not judge_discriminator(losses["p_real"], losses["p_fake"], 1.0):
            self.sound = step


@pytest.mark.parametrize(
    ("make", "play"), [(saturated, "saturated"), (perfect, "at chance"), (constant, "at chance")]
)
@pytest.mark.parametrize("every", [0.0, 1e9])
def test_collapse_ends_the_fit_and_keeps_what_was_good(bank, tmp_path, make, play, every):
    """A GAN that collapses ends in an error; the checkpoint kept is of the last sound step."""
    log = SoundLog()
    with pytest.raises(TrainingError, match=f"discriminator has been {play} since") as error:
        train(make(), bank, tmp_path / "c", log, every=every)
    since = first_suspicious_step(error)
    kept = kept_checkpoint(tmp_path / "c")

    assert f"step {since + 19} of 60" in error.value.what
    assert f"(stage 'gan', step {kept.step}) is kept in {tmp_path / 'c'}" in error.value.next_step
    assert kept.stage == 1
    assert kept.step == (log.sound if every == 0.0 else 0)
    assert log.steps[-1][:2] == ("gan", since + 18)  # the step that ends it is not done


def test_product_of_the_warm_up_outlives_the_collapse(bank, tmp_path):
    """The checkpoint kept holds the generator as the warm-up left it."""
    with pytest.raises(TrainingError):
        train(saturated(), bank, tmp_path / "c")
    warm = fresh(steps=0)
    train(warm, bank, tmp_path / "warm")
    kept = kept_checkpoint(tmp_path / "c").networks

    assert all(torch.equal(kept["g"][k], v) for k, v in warm.g.state_dict().items())


def test_first_stage_with_an_adversary_has_a_checkpoint_to_fall_back_on(bank, tmp_path):
    """A GAN without a warm-up that is at chance from its first step keeps its initial weights."""
    method = fresh(warm_up=0, echo=True)
    before = {k: v.clone() for k, v in parameters(method).items()}
    with pytest.raises(TrainingError, match=r"since step 1, 20 steps"):
        train(method, bank, tmp_path / "c", every=0.0)
    kept = kept_checkpoint(tmp_path / "c")

    assert (kept.stage, kept.step) == (0, 0)
    assert torch.equal(kept.networks["d"]["weight"], before["d.weight"])


def test_healthy_gan_is_left_alone(bank, tmp_path):
    """A GAN whose discriminator learns at a sane rate trains to its last step."""
    log, summary = train(fresh(d_lr=0.01), bank, tmp_path / "c", every=0.0)

    assert summary.steps == 64
    assert log.steps[-1][:2] == ("gan", 60)


def test_stop_within_a_streak_keeps_the_checkpoint_and_resumes_to_the_same_end(bank, tmp_path):
    """Stopped in a streak nothing is written; resumed, the fit fails at the same step, the same."""
    with pytest.raises(TrainingError) as whole:
        train(saturated(), bank, tmp_path / "c", every=0.0)
    since = first_suspicious_step(whole)

    stop = StopRequest()
    at = 4 + since + 5  # after the warm-up, in the sixth step of the streak
    with pytest.raises(Interrupted, match=rf"saturated since step {since}, so the checkpoint from"):
        train(saturated(), bank, tmp_path / "parts", Log(stop, at), stop, every=0.0)
    kept = kept_checkpoint(tmp_path / "parts")
    log = Log()
    with pytest.raises(TrainingError) as resumed:
        train(saturated(), bank, tmp_path / "parts", log, every=0.0)

    assert kept.step == since - 1
    assert log.started == [("gan", since - 1)]
    assert resumed.value.what == whole.value.what
