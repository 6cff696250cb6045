"""The trainer: stages, modes, schedules, checkpoints, stops and broken losses."""

from __future__ import annotations

import signal

import pytest
import torch

from harness.errors import DeviceError, Interrupted, TrainingError, UsageError
from harness.training import StopRequest, Trainer, choose_device, find_checkpoint
from harness.training.device import seed_everything
from tests.training.toy import Log, Toy, kept_checkpoint, parameters, train


def fresh(**options):
    """Return a method with the same initial weights each time."""
    seed_everything(3)
    return Toy(**options)


def test_stages_run_in_order(bank, tmp_path):
    """Every step of every stage runs once, in order, and the summary counts them."""
    log, summary = train(fresh(), bank, tmp_path / "c")

    assert log.started == [("both", 0), ("head", 0)]
    assert [s[:2] for s in log.steps] == [(n, i) for n in ("both", "head") for i in range(1, 7)]
    assert (summary.steps, summary.identity_images) == (12, 72)
    assert summary.seconds > 0


def test_only_what_a_stage_trains_changes(bank, tmp_path):
    """A network that a stage does not train is in eval mode, keeps its weights and statistics."""
    method = fresh()
    after_first: dict[str, torch.Tensor] = {}

    class Snapshot(Log):
        def stage_started(self, stage, done):
            if stage.name == "head":
                after_first.update({k: v.clone() for k, v in parameters(method).items()})

    train(method, bank, tmp_path / "c", Snapshot())
    end = parameters(method)

    assert method.modes == [(True, True)] * 6 + [(False, True)] * 6
    assert all(torch.equal(end[k], v) for k, v in after_first.items() if k.startswith("body"))
    assert not torch.equal(end["head.weight"], after_first["head.weight"])


@pytest.mark.parametrize("stop_after", [1, 4, 6, 7, 11])
def test_resume_gives_the_same_bits(bank, tmp_path, stop_after):
    """Stopped anywhere and resumed by a new process, a fit ends in the very same weights."""
    whole = fresh()
    log_whole, _ = train(whole, bank, tmp_path / "whole")

    stop = StopRequest()
    first = Log(stop, stop_after)
    with pytest.raises(Interrupted, match="resumes there"):
        train(fresh(), bank, tmp_path / "parts", first, stop)
    resumed = fresh()
    second, summary = train(resumed, bank, tmp_path / "parts")

    assert len(first.steps) == stop_after
    assert first.steps + second.steps == log_whole.steps
    for key, value in parameters(whole).items():
        assert torch.equal(parameters(resumed)[key], value), key
    assert summary.steps == 12


def test_checkpoint_after_the_interval(bank, tmp_path):
    """With no time between checkpoints, one is written after each step, and told.

    One more is written where the second stage starts.
    """
    log, _ = train(fresh(), bank, tmp_path / "c", every=0.0)
    checkpoint = find_checkpoint(tmp_path / "c")

    assert log.saved == 12 + 1
    assert checkpoint is not None
    assert (checkpoint.stage, checkpoint.step) == (1, 6)
    assert [p.name for p in (tmp_path / "c").iterdir()] == ["checkpoint.pt"]


def test_start_of_a_later_stage_is_a_checkpoint(bank, tmp_path):
    """What a stage made is kept when the next begins, and a fit resumed there ends the same."""
    stop = StopRequest()
    whole, parts = fresh(), fresh()
    train(whole, bank, tmp_path / "whole")

    class StopAtTheHead(Log):
        def stage_started(self, stage, done):
            if stage.name == "head":
                raise KeyboardInterrupt  # killed: nothing else is written

    with pytest.raises(KeyboardInterrupt):
        train(parts, bank, tmp_path / "parts", StopAtTheHead(), stop)
    kept = kept_checkpoint(tmp_path / "parts")
    resumed = fresh()
    log, _ = train(resumed, bank, tmp_path / "parts")

    assert (kept.stage, kept.step) == (1, 0)
    assert torch.equal(kept.networks["body"]["0.weight"], parts.body[0].weight)
    assert log.started == [("head", 0)]
    assert all(torch.equal(parameters(resumed)[k], v) for k, v in parameters(whole).items())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_broken_loss_ends_the_fit_with_the_last_good_checkpoint(bank, tmp_path, value):
    """A loss that is not finite ends the fit, named with stage and step; the checkpoint is kept."""
    method = fresh(spoil=lambda call, loss: loss * value if call == 4 else loss)
    with pytest.raises(TrainingError, match=r"'both', step 4 of 6: the loss id = (nan|inf)"):
        train(method, bank, tmp_path / "c", every=0.0)
    checkpoint = find_checkpoint(tmp_path / "c")

    assert checkpoint is not None
    assert checkpoint.step == 3
    assert all(torch.isfinite(v).all() for v in checkpoint.networks["head"].values())


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        (lambda loss: loss * 1e6, r"step 25 of 30: the gradient of optimiser 'all' exploded"),
        (lambda loss: loss + (loss - loss.detach()).sqrt(), "its norm is (nan|inf), after a"),
    ],
)
def test_exploding_gradient_ends_the_fit(bank, tmp_path, spoilt, message):
    """A gradient far beyond the usual, or infinite under a finite loss, ends the fit."""
    method = fresh(steps=30, spoil=lambda call, loss: spoilt(loss) if call == 25 else loss)
    with pytest.raises(TrainingError, match=message):
        train(method, bank, tmp_path / "c", every=0.0)

    assert kept_checkpoint(tmp_path / "c").step == 24


def test_hard_batch_does_not_end_the_fit(bank, tmp_path):
    """A loss a hundred times the usual is a hard batch."""
    method = fresh(steps=30, spoil=lambda call, loss: loss * 100 if call == 25 else loss)

    assert train(method, bank, tmp_path / "c")[1].steps == 60


def test_failure_before_any_checkpoint_says_so(bank, tmp_path):
    """A fit that fails before its first checkpoint promises none."""
    method = fresh(spoil=lambda call, loss: loss * float("nan"))
    with pytest.raises(TrainingError, match="no checkpoint had been written yet"):
        train(method, bank, tmp_path / "c")

    assert find_checkpoint(tmp_path / "c") is None


def test_schedule_scales_the_rate(bank, tmp_path):
    """A rate follows the stage's schedule; at progress 0 it is the optimiser's own."""
    method = fresh()
    seen = []
    stages = method.stages()
    optimiser = stages[0].optimisers["all"]
    original = method.train_step

    def spy(batches, update):
        seen.append(optimiser.param_groups[0]["lr"])
        return original(batches, update)

    object.__setattr__(stages[0], "train_step", spy)
    method.stages = lambda: stages[:1]
    train(method, bank, tmp_path / "c")

    assert seen == pytest.approx([1e-3 * (1 - i / 6) for i in range(6)])


def test_bf16_trains(bank, tmp_path):
    """Under bf16 autocast the losses are finite and close to those of float32."""
    plain, _ = train(fresh(), bank, tmp_path / "a")
    mixed, _ = train(fresh(), bank, tmp_path / "b", precision="bf16")

    assert [s[2] for s in mixed.steps] == pytest.approx([s[2] for s in plain.steps], rel=0.05)


def test_seconds_per_step(bank):
    """The probe of a step's time is positive."""
    records, images = bank
    trainer = Trainer(fresh(), records, images, choose_device("cpu", "float32"), seed=5)

    assert 0 < trainer.seconds_per_step() < 5


def test_too_few_identities_is_a_usage_error(bank, tmp_path):
    """A P above the number of training identities is one sentence with the setting to change."""
    records, images = bank
    with pytest.raises(UsageError, match=r"P = 3 .* have 2.*--set batch_identities"):
        train(fresh(), ([r for r in records if r.pid < 3], images), tmp_path / "c")


def test_cuda_asked_for_and_absent():
    """`--device cuda` without a CUDA device is refused with what to do."""
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(DeviceError, match="--device cpu"):
        choose_device("cuda", "auto")


@pytest.mark.parametrize(("device", "precision"), [("tpu", "auto"), ("cpu", "int8")])
def test_unknown_device_or_precision(device, precision):
    """An unknown device or precision is refused with the known ones."""
    with pytest.raises(UsageError, match=r"Give --(device auto, cpu|precision auto, float32)"):
        choose_device(device, precision)


def test_describes_the_device():
    """A result records type, name, threads and precision of the device."""
    described = choose_device("cpu", "float32").describe()

    assert described["type"] == "cpu"
    assert described["precision"] == "float32"
    assert described["threads"] == torch.get_num_threads()
    assert described["name"]


def test_first_stop_asks_and_second_insists():
    """The first SIGINT asks for a stop, the second raises KeyboardInterrupt."""
    before = signal.getsignal(signal.SIGINT)
    with StopRequest() as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.requested
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
