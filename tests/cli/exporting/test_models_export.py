"""`harness models export`: graphs that agree with their method, and those that do not."""

from __future__ import annotations

import json
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from harness import IntegrityError
from harness.run.graph import open_onnx

BASELINE = "models:/baseline-hr-synthped/1"
INTACT = "models:/intact-synthped/1"
FICKLE = "models:/fickle-synthped/1"
FEW = ("--images", "16")

pytestmark = pytest.mark.usefixtures("trained")


def test_onnx_gives_the_features_of_the_method(harness, tmp_path):
    """An ONNX file agrees with the method, for any number of images, and says what it is."""
    file = tmp_path / "baseline.onnx"
    done = harness("models", "export", BASELINE, str(file), "--json")
    report = done.json

    assert done.code == 0
    assert 0 < report["parity"]["relative_gap"] < 1e-5
    assert report["parity"]["images"] == 256
    assert abs(report["parity"]["map_sum_precision"]["change"]) <= 0.05
    assert set(report["parity"]["batches"]) == {"1", "7", "64"}
    assert report["not_for"] == []
    assert json.loads((tmp_path / "baseline.onnx.parity.json").read_text()) == report
    told = {p.key: p.value for p in onnx.load(file).metadata_props}
    assert told["address"] == BASELINE
    assert told["sha256"] == report["sha256"]
    assert (told["feature"], told["role"], told["size"]) == ("v", "gallery", "[48, 24]")
    assert float(told["relative_gap"]) == report["parity"]["relative_gap"]
    session = onnxruntime.InferenceSession(str(file))
    for images in (1, 3):
        pixels = np.zeros((images, 3, 48, 24), dtype=np.float32)
        assert session.run(None, {"pixels": pixels})[0].shape == (images, report["dimensions"])
    run, _metadata = open_onnx(file)
    with pytest.raises(IntegrityError, match=r"cannot run a batch of shape \(1, 3, 5, 5\)"):
        run(torch.zeros(1, 3, 5, 5))


def test_graph_of_restored_queries(harness, tmp_path):
    """Where a method restores LR queries alone, their graph says that it is for them alone."""
    words = ("--role", "query", "--json")
    done = harness("models", "export", INTACT, str(tmp_path / "query.pt2"), *words).json

    assert done["right_for"] == ["query, native LR"]
    assert done["not_for"] == ["gallery, r = 1"]
    assert (done["role"], done["r"]) == ("query", None)
    assert done["parity"]["images"] == done["parity"]["queries"] == 128


def test_program_of_torch_export(harness, tmp_path):
    """A .pt2 file runs in torch without the plugin, and has the features of the method."""
    file = tmp_path / "half.pt2"
    done = harness("models", "export", FICKLE, str(file), "--feature", "half", "--images", "16")

    assert done.code == 0, done.err
    assert "returns half (N, 4), to be compared by cosine distance" in done.out
    assert "16 test images of synthped" in done.out
    told = {"metadata.json": ""}
    program = torch.export.load(file, extra_files=told).module()
    assert program(torch.rand(5, 3, 24, 16)).shape == (5, 4)
    assert json.loads(told["metadata.json"])["address"] == FICKLE


def test_safetensors_is_the_model_itself(harness, tmp_path):
    """A .safetensors file is the model as the registry has it, without a comparison."""
    file = tmp_path / "model.safetensors"
    done = harness("models", "export", FICKLE, str(file), "--json")

    assert done.code == 0
    assert set(done.json) == {"file", "format", "address", "sha256"}
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("other weights when traced", "differ by"),
        ("nan when traced", "differ by inf"),
    ],
)
def test_wrecked_graph_is_refused(harness, tmp_path, monkeypatch, fault, words):
    """A graph with other features than the method's is not written: exit code 4, no file."""
    monkeypatch.setenv("FICKLE", fault)
    done = harness("models", "export", FICKLE, str(tmp_path / "fickle.pt2"), *FEW)

    assert done.code == 4
    assert words in done.err
    assert "Nothing was written" in done.err
    assert list(tmp_path.iterdir()) == []


def test_tolerance_decides(harness, tmp_path):
    """The gap that is allowed is the user's: rounding alone is too much for a tolerance of 0."""
    done = harness("models", "export", FICKLE, str(tmp_path / "f.onnx"), *FEW, "--tolerance", "0")

    assert done.code == 4
    assert "0 is allowed" in done.err
    assert list(tmp_path.iterdir()) == []


def test_change_of_map_is_refused(harness, tmp_path, monkeypatch):
    """Features within tolerance that rank otherwise are refused for the change of mAP."""
    monkeypatch.setenv("FICKLE", "other weights when traced")
    words = ["--tolerance", "1", "--map-tolerance", "0"]
    done = harness("models", "export", FICKLE, str(tmp_path / "fickle.pt2"), *words)

    assert done.code == 4
    assert "mAP changes by" in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fault", "suffix", "words"),
    [
        ("bound to a batch", "pt2", "bound to one number of images"),
        ("looks at values", "pt2", "cannot be made a graph"),
        ("looks at sizes", "pt2", "right for no gallery image"),
        ("no form in ONNX", "onnx", "cannot be made a graph"),
    ],
)
def test_method_that_is_no_graph_is_refused(harness, tmp_path, monkeypatch, fault, suffix, words):
    """A method whose `embed` is no graph of pixels is refused with what to change."""
    monkeypatch.setenv("FICKLE", fault)
    done = harness("models", "export", FICKLE, str(tmp_path / f"fickle.{suffix}"), *FEW)

    assert done.code == 3
    assert words in done.err
    assert ".safetensors" in done.err
    assert list(tmp_path.iterdir()) == []


def test_own_images_of_the_model(harness, market, tmp_path):
    """A model is compared on whole identities of its own test split, as far as they are asked for.

    Of four identities, each with 2 queries and 3 gallery images, 3 have 15 images and the fourth
    would be too many.
    """
    done = harness(
        *("models", "export", "models:/fickle-market1501/1", str(tmp_path / "m.pt2")),
        *("--images", "19", "--json"),
    )

    assert done.code == 0, done.err
    assert done.json["compared_on"] == "15 test images of Market-1501, split 0"
    assert (done.json["parity"]["queries"], done.json["parity"]["gallery"]) == (6, 9)


def test_without_a_match_features_alone_are_compared(harness, market, tmp_path):
    """Where no identity fits into the images that are asked for, there is no mAP to compare."""
    done = harness(
        *("models", "export", "models:/fickle-market1501/1", str(tmp_path / "m.pt2")),
        *("--images", "4", "--json"),
    )

    assert done.json["parity"]["images"] == 4
    assert done.json["parity"]["map_sum_precision"] is None


def test_other_images_where_the_own_are_not_at_hand(harness, tmp_path, monkeypatch):
    """Where the data set of a model is not at hand, other images serve, and the report says so."""
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path / "nowhere"))
    done = harness(
        *("models", "export", "models:/fickle-market1501/1", str(tmp_path / "m.pt2")), "--json"
    )

    assert done.code == 0, done.err
    assert done.json["compared_on"] == "256 test images of synthped, split 0"
    assert "compared on synthped instead" in done.err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["m.bin"], 2, "does not end in .onnx, .pt2, .safetensors"),
        (["m.onnx", "--format", "tflite"], 2, "no format called 'tflite'"),
        (["m.pt2", "--feature", "colours"], 2, "Did you mean 'colour'"),
        (["there.pt2"], 2, "already"),
        (["left.pt2"], 2, "left.pt2.parity.json already"),
        (["file/m.pt2"], 2, "cannot be written"),
    ],
)
def test_what_cannot_be_is_said(harness, tmp_path, words, code, message):
    """A wrong option is refused in a sentence, and nothing that is there is touched."""
    for name in ("there.pt2", "left.pt2.parity.json", "file"):
        (tmp_path / name).write_text("mine")
    done = harness("models", "export", FICKLE, str(tmp_path / words[0]), *FEW, *words[1:])

    assert done.code == code
    assert message in done.err
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys(
        ("there.pt2", "left.pt2.parity.json", "file"), "mine"
    )


def test_overwrite_replaces_what_is_there(harness, tmp_path):
    """With --overwrite the file and its report are replaced."""
    for name in ("there.pt2", "there.pt2.parity.json"):
        (tmp_path / name).write_text("old")
    done = harness("models", "export", FICKLE, str(tmp_path / "there.pt2"), *FEW, "--overwrite")

    assert done.code == 0, done.err
    assert all(path.read_bytes() != b"old" for path in tmp_path.iterdir())


def test_without_the_extra(harness, tmp_path, monkeypatch):
    """Without the packages of the extra, one sentence tells how to install them."""
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    done = harness("models", "export", FICKLE, str(tmp_path / "m.onnx"))

    assert done.code == 2
    assert 'pip install "reid-harness[export]"' in done.err
    assert "onnxscript, which is not installed" in done.err
