"""A model file: equal models are equal files, it says what it is, and it loads strictly."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from harness.errors import WeightsError
from harness.models import load_model, resolve_weights, save_model
from harness.store import ModelDescription
from harness.store.model_file import read_description

ABOUT = ModelDescription(
    method="baseline-hr",
    method_version=1,
    config={"height": 48, "near_cameras": None},
    context={"identities": 3, "images": 9, "cameras": 2},
    dataset="caviar",
    split=4,
    seed=7,
    source="Baseline é 'HR'",
    licence="images: none is stated",
    trained_on=("caviar:2", "caviar:10"),
    trained_on_is_all=True,
)


def rewrite(file: Path, *, sealed: bool, **metadata: str | None) -> None:
    """Change the description in a model file, with the checksum made to match or not.

    The checksum is that of the header without it, as sorted JSON, and then the tensors.
    """
    content = file.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    values = header["__metadata__"] | metadata
    header["__metadata__"] = {k: v for k, v in values.items() if v is not None}
    if sealed:
        del header["__metadata__"]["content_sha256"]
        plain = json.dumps(header, sort_keys=True).encode()
        header["__metadata__"]["content_sha256"] = hashlib.sha256(
            plain + content[start:]
        ).hexdigest()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write_bytes(len(text).to_bytes(8, "little") + text + content[start:])


@pytest.fixture
def networks() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    return {"body": nn.Conv2d(3, 2, 1), "head": nn.Linear(2, 3), "neck": nn.BatchNorm1d(2).half()}


@pytest.fixture
def file(networks, tmp_path):
    save_model(networks, tmp_path / "new" / "m.safetensors", ABOUT)
    return tmp_path / "new" / "m.safetensors"


def test_equal_models_are_equal_files(file, networks, tmp_path):
    """The same networks and description give the same bytes."""
    save_model(networks, tmp_path / "again.safetensors", ABOUT)

    assert (tmp_path / "again.safetensors").read_bytes() == file.read_bytes()
    assert [path.name for path in file.parent.iterdir()] == ["m.safetensors"]


def test_description(file):
    """What was said of a model is read back from its file, without torch."""
    code = (
        "import sys; from pathlib import Path\n"
        "from harness.store.model_file import read_description\n"
        "print(read_description(Path(sys.argv[1])).source)\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=False
    )

    assert read_description(file) == ABOUT
    assert done.stdout.strip() == ABOUT.source, done.stderr


def test_other_libraries_read_it(file, networks):
    """The file is plain safetensors: another reader gets tensors and metadata."""
    tensors = load_file(file)
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata()

    assert torch.equal(tensors["body.weight"], networks["body"].state_dict()["weight"])
    assert json.loads(metadata["trained_on"]) == list(ABOUT.trained_on or ())


def test_round_trip(file, networks):
    """A saved model loads back to the same tensors, whatever their type."""
    torch.manual_seed(1)
    fresh = {"body": nn.Conv2d(3, 2, 1), "head": nn.Linear(2, 3), "neck": nn.BatchNorm1d(2).half()}
    load_model(fresh, file)

    for name, network in networks.items():
        for key, value in network.state_dict().items():
            assert torch.equal(fresh[name].state_dict()[key], value), (name, key)


def test_strict(file, networks):
    """One report names what is missing, unexpected and misshapen; nothing is loaded in part."""
    other = {"body": nn.Conv2d(3, 2, 1), "haed": nn.Linear(2, 3), "neck": nn.BatchNorm1d(9)}
    before = other["body"].state_dict()["weight"].clone()

    with pytest.raises(WeightsError) as caught:
        load_model(other, file)

    assert "does not fit its method: 2 missing (haed.bias, haed.weight)" in caught.value.what
    assert "2 unexpected (head.bias, head.weight)" in caught.value.what
    assert "neck.weight (2,) for (9,)" in caught.value.what
    assert "haed.bias is missing; is it what the file calls head.bias?" in caught.value.next_step
    assert torch.equal(other["body"].state_dict()["weight"], before)


def test_file_that_cannot_be_read(networks, tmp_path):
    """An absent or damaged file is refused in a sentence."""
    (tmp_path / "bad.safetensors").write_bytes(b"no tensors")

    for name in ("bad.safetensors", "absent.safetensors"):
        with pytest.raises(WeightsError, match="cannot be read"):
            load_model(networks, tmp_path / name)
        with pytest.raises(WeightsError, match="cannot be read as a safetensors file"):
            read_description(tmp_path / name)


def test_file_without_a_description(tmp_path):
    """A file of another tool is no model of the registry, and its use is told."""
    save_file({"conv1.weight": torch.zeros(1)}, tmp_path / "w.safetensors")

    with pytest.raises(WeightsError, match=r"does not say what method.*`--weights .*w\.safet"):
        read_description(tmp_path / "w.safetensors")


def test_changed_tensors(file):
    """A file in which a single bit of a tensor differs is refused."""
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)

    with pytest.raises(WeightsError, match="is not as it was exported"):
        read_description(file)


@pytest.mark.parametrize(
    "change", [{"trained_on": "[]"}, {"licence": "CC0"}, {"source": None}, {"new": "x"}]
)
def test_changed_description(file, change):
    """A description of which a word was changed is refused, as a registered model or as a file."""
    rewrite(file, sealed=True)
    assert read_description(file) == ABOUT
    rewrite(file, sealed=False, **change)

    with pytest.raises(WeightsError, match="is not as it was exported"):
        read_description(file)
    with pytest.raises(WeightsError, match="is not as it was exported"):
        resolve_weights(str(file), base_width=64, explicit=True)


def test_renamed_tensor(file):
    """A file in which a tensor has another name is refused."""
    content = file.read_bytes()
    assert content.count(b"head.bias") == 1
    file.write_bytes(content.replace(b"head.bias", b"head.bios"))

    with pytest.raises(WeightsError, match="is not as it was exported"):
        read_description(file)


@pytest.mark.parametrize(
    "change",
    [
        *({"config": None}, {"config": "[1]"}, {"config": "{"}, {"config": "[" * 5000}),
        *({"context": "[1]"}, {"context": '{"identities": 1, "images": 1}'}),
        {"context": '{"identities": 1, "images": 1, "cameras": "1"}'},
        {"context": '{"identities": 1, "images": 1, "cameras": 1, "models": [1]}'},
        {"context": '{"identities": 1, "images": 1, "cameras": 1, "models": {"a": "b"}}'},
        *({"split": '"zero"'}, {"split": "-1"}, {"seed": str(2**64)}, {"method_version": "1.5"}),
        *({"method": ""}, {"dataset": "../..\n|x"}, {"trained_on_is_all": "1"}),
        *({"trained_on": "5"}, {"trained_on": '["synthped:x"]'}, {"trained_on": "[1]"}),
    ],
)
def test_malformed_description(file, change):
    """A description in which a part is absent or of another form is refused, with the part."""
    rewrite(file, sealed=True, **change)
    (name,) = change

    with pytest.raises(WeightsError, match=rf"description in m\.safetensors.*: {name}"):
        read_description(file)


def test_nobody_knows_what(networks, tmp_path):
    """A description may say that nobody knows what a model has seen."""
    about = replace(ABOUT, context=None, trained_on=None)
    save_model(networks, tmp_path / "m.safetensors", about)

    assert read_description(tmp_path / "m.safetensors") == about


@pytest.mark.parametrize("is_all", [True, False])
def test_as_initial_weights(networks, tmp_path, is_all):
    """As `--weights FILE` it brings whom it has seen, and whether these are all."""
    about = replace(ABOUT, trained_on_is_all=is_all)
    save_model(networks, tmp_path / "m.safetensors", about)
    weights = resolve_weights(str(tmp_path / "m.safetensors"), base_width=64, explicit=True)

    assert weights.trained_on == ("caviar:2", "caviar:10")
    assert (weights.declared, weights.by_network) == (is_all, True)
    assert ("does not declare all" in (weights.notice or "")) is not is_all
