"""Initial weights: what `--weights` names, how strictly it loads, what it refuses."""

from __future__ import annotations

import json
import urllib.error

import pytest
import torch
from safetensors.torch import save_file

from harness.errors import WeightsError
from harness.models import load_backbone, resolve_weights
from harness.models.weights import InitialWeights
from harness.nn import ResNet50


@pytest.fixture
def network():
    torch.manual_seed(0)
    return ResNet50(width=8)


def resolve(choice, *, base_width=64, explicit=True):
    return resolve_weights(str(choice), base_width=base_width, explicit=explicit)


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """Make every download fail, and the cache empty."""

    def refuse(*_args, **_kwargs):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


def test_none_is_random():
    """`none` leaves the network as it was initialised."""
    assert resolve("none") == InitialWeights("none")


def test_file_round_trip(network, tmp_path):
    """A safetensors file loads by name, half precision included, with what it declares."""
    state = {k: v.half() if "conv" in k else v for k, v in network.state_dict().items()}
    save_file(
        state,
        tmp_path / "w.safetensors",
        {"source": "made here", "licence": "CC0", "trained_on": json.dumps(["market1501:2"])},
    )
    weights = resolve(tmp_path / "w.safetensors")
    other = ResNet50(width=8)
    load_backbone(other, weights)

    assert (weights.name, weights.source, weights.licence) == ("w.safetensors", "made here", "CC0")
    assert weights.trained_on == ("market1501:2",)
    assert weights.sha256 is not None
    assert len(weights.sha256) == 64
    for key, value in network.state_dict().items():
        torch.testing.assert_close(other.state_dict()[key], value, rtol=1e-3, atol=1e-3)


def test_pth_file_loads_and_is_undeclared(network, tmp_path):
    """A plain .pth state loads, with a classifier ignored, and is shown as undeclared."""
    torch.save({**network.state_dict(), "fc.weight": torch.zeros(3, 3)}, tmp_path / "w.pth")
    weights = resolve(tmp_path / "w.pth")
    other = ResNet50(width=8)
    load_backbone(other, weights)

    assert weights.trained_on is None
    assert "does not declare" in (weights.notice or "")
    assert torch.equal(other.conv1.weight, network.conv1.weight)


def test_report_of_keys_that_do_not_fit(network):
    """Missing, unexpected and misshapen keys are all reported; nothing is loaded in part."""
    state = {k: v.clone() for k, v in network.state_dict().items()}
    del state["bn1.weight"]
    state["layer9.weight"] = torch.zeros(1)
    state["conv1.weight"] = torch.zeros(8, 3, 5, 5)
    before = network.state_dict()["bn1.bias"].clone()
    state["bn1.bias"] = before + 1
    with pytest.raises(WeightsError) as caught:
        load_backbone(network, InitialWeights("other.safetensors", state))

    assert "1 missing (bn1.weight)" in caught.value.what
    assert "1 unexpected (layer9.weight)" in caught.value.what
    assert "1 of another shape (conv1.weight (8, 3, 5, 5) for (8, 3, 7, 7))" in caught.value.what
    assert torch.equal(network.state_dict()["bn1.bias"], before)


def test_missing_file(tmp_path):
    """A file that is not there is named."""
    with pytest.raises(WeightsError, match=r"no weight file .*nothing\.pth"):
        resolve(tmp_path / "nothing.pth")


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_file_that_is_no_weight_file(tmp_path, name):
    """A file that is not weights is refused in a sentence."""
    (tmp_path / name).write_bytes(b"not weights at all")
    with pytest.raises(WeightsError, match="read safely"):
        resolve(tmp_path / name)


def test_pth_files_without_tensors_by_name(tmp_path):
    """An empty .pth, and one that holds a list, are refused in a sentence."""
    (tmp_path / "empty.pth").touch()
    torch.save([torch.zeros(2)], tmp_path / "list.pth")
    for name in ("empty.pth", "list.pth"):
        with pytest.raises(WeightsError, match="read safely"):
            resolve(tmp_path / name)


@pytest.mark.parametrize("declared", ["not json", '"market1501:2"', "[2]"])
def test_malformed_declaration_is_refused(network, tmp_path, declared):
    """A `trained_on` that is no list of strings is refused, not guessed at."""
    save_file(network.state_dict(), tmp_path / "w.safetensors", {"trained_on": declared})
    with pytest.raises(WeightsError, match="read safely"):
        resolve(tmp_path / "w.safetensors")


def test_pickled_code_is_never_run(tmp_path):
    """A .pth file with anything but tensors in it is refused, not unpickled."""

    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    torch.save({"conv1.weight": Trap()}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="read safely"):
        resolve(tmp_path / "w.pth")
    assert not (tmp_path / "sprung").exists()


def test_auto_without_network_goes_on_loudly(offline):
    """`auto` without ImageNet weights starts from random ones and says so."""
    weights = resolve("auto")

    assert weights.state is None
    assert weights.name == "none"
    assert "RANDOM" in (weights.notice or "")


def test_imagenet_without_network_is_refused(offline):
    """`imagenet` asked for and not to be had is an error with the place to put the file."""
    with pytest.raises(WeightsError, match=r"nor downloadable.*Put them at"):
        resolve("imagenet")


def test_default_gives_way_to_a_narrow_network(offline):
    """A default is not loaded into a narrower network; an explicit choice is."""
    assert "narrower" in (resolve("auto", base_width=16, explicit=False).notice or "")


def test_weights_at_hand(real_weights):
    """The shared weight file fits the full ResNet-50 and declares what it has seen."""
    weights = resolve(real_weights / "resnet50-market1501.safetensors")
    load_backbone(ResNet50(), weights)

    assert weights.trained_on is not None
    assert len(weights.trained_on) == 651
    assert weights.sha256 is not None
    assert weights.sha256.startswith("f1924af9")


def test_file_of_another_tool_that_names_a_method(network, tmp_path):
    """A file is a registered model by its description alone, not by a word in its metadata."""
    file = tmp_path / "other.safetensors"
    save_file(network.state_dict(), file, {"method": "pre-training"})
    weights = resolve(str(file), base_width=4)

    assert not weights.by_network
    load_backbone(network, weights)
