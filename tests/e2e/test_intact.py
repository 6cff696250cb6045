"""`harness run --plugin intact` as typed: the rows of its tables, and what it refuses."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import save_file

from harness.nn import ResNet50
from harness.settings import Settings
from harness.store import Store

NARROW = {
    "base_width": 4,
    "height": 32,
    "width": 16,
    "images": 96,
    "sr_width": 4,
    "sr_blocks": 1,
    "sr_images": 64,
    "d_width": 4,
    "association_width": 8,
    "association_images": 64,
}


def run_words(dataset, *settings, plugin="intact"):
    """Return the words of a run on networks of a few channels."""
    pairs = [*(f"{key}={value}" for key, value in NARROW.items()), *settings]
    sets = [word for pair in pairs for word in ("--set", pair)]
    words = ["run", "--plugin", plugin, "--dataset", dataset, "--recipe", "smoke"]
    return [*words, "--device", "cpu", "--precision", "float32", *sets, "--json"]


@pytest.mark.usefixtures("synthped")
class TestOnTheEmbeddedData:
    @pytest.mark.parametrize(
        ("settings", "losses"),
        [
            ((), {"mse", "id", "gan", "d", "dis", "intact", "e"}),
            (("use_bridge=false",), {"mse", "id", "gan", "d", "dis", "intact"}),
            (("use_assoc=false",), {"mse", "id", "gan", "d"}),
            (("use_assoc=false", "use_gan=false"), {"mse", "id"}),
        ],
    )
    def test_each_row_of_the_tables_trains_and_scores(self, harness, home, settings, losses):
        """Every row of Tables 3 and 5 is one command, whose losses, and no others, are stored."""
        outcome = harness(*run_words("synthped", *settings))

        assert outcome.code == 0, outcome.err
        assert 0 < outcome.json["metrics"]["rank1"]["value"] < 100
        (trial,) = harness("runs", "show", outcome.json["run_id"], "--json").json["trials"]
        with Store.open(Settings.from_environment().db, home=home) as store:
            stored = {loss.name for loss in store.where_losses(trial["fit_id"])}
        assert stored - {"p_real", "p_restored"} == losses

    def test_a_switch_is_named_beside_the_number(self, harness):
        """A run of an ablation says which settings it changed."""
        outcome = harness(*run_words("synthped", "use_assoc=false"))

        assert "use_assoc=False" in json.dumps(outcome.json)

    def test_the_same_command_finds_it_done(self, harness):
        """Run again, it trains nothing and prints the same numbers."""
        first, second = (harness(*run_words("synthped")) for _ in range(2))

        assert "done before" in second.err
        assert first.json["metrics"] == second.json["metrics"]

    def test_association_without_a_discriminator_is_refused(self, harness):
        """`use_gan=false` alone is an error that says what else to switch off."""
        outcome = harness(*run_words("synthped", "use_gan=false"))

        assert outcome.code == 2
        given = " ".join(f"--set {key}={value}" for key, value in NARROW.items())
        assert " ".join(outcome.err.split()) == (
            "Error: These settings do not fit 'intact': the association needs the discriminator's "
            "feature f_d; set use_assoc=false too. "
            f"Change or drop some of `{given} --set use_gan=false`."
        )

    def test_weights_of_another_architecture_are_reported(self, harness, tmp_path):
        """Weights of a network without R's last stage: missing and unexpected keys are listed."""
        state = {
            name.replace("layer4", "layer5"): tensor
            for name, tensor in ResNet50(width=4).state_dict().items()
        }
        file = tmp_path / "other.safetensors"
        save_file(state, file, metadata={"trained_on": "[]"})
        outcome = harness(*run_words("synthped"), "--weights", str(file))

        assert outcome.code == 7
        assert "missing (layer4" in outcome.err
        assert "unexpected (layer5" in outcome.err

    def test_weights_trained_on_test_identities_are_refused(self, harness, tmp_path):
        """A file that declares a test identity among those it has seen is refused."""
        pids = json.dumps([f"synthped:{pid}" for pid in range(1, 200)])
        file = tmp_path / "leaking.safetensors"
        save_file(ResNet50(width=4).state_dict(), file, metadata={"trained_on": pids})
        outcome = harness(*run_words("synthped"), "--weights", str(file))

        assert outcome.code == 7
        assert "was trained on" in outcome.err


class TestOnRealData:
    def test_queries_of_high_resolution_are_refused(self, harness, real_data, monkeypatch):
        """VIPeR's queries have no LR image: refused with the data set that has, before training."""
        monkeypatch.setenv("HARNESS_DATA", str(real_data))
        outcome = harness(*run_words("viper"))

        assert outcome.code == 2
        assert "low resolution" in outcome.err
        assert "mlr-viper" in outcome.err

    def test_restored_queries_are_measured(self, harness, real_data, monkeypatch):
        """On MLR-VIPeR a run gives PSNR and SSIM of the restored queries, in their own units."""
        torch.manual_seed(0)
        monkeypatch.setenv("HARNESS_DATA", str(real_data))
        outcome = harness(*run_words("mlr-viper"))

        assert outcome.code == 0, outcome.err
        metrics = outcome.json["metrics"]
        assert metrics["psnr"]["unit"] == "dB"
        assert 10 < metrics["psnr"]["value"] < 50
        assert 0 < metrics["ssim"]["value"] <= 1
