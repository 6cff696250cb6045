"""A method that restores images, from somebody else: scored, stored, reported with its quality."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.models import alexnet

from harness.evaluation import quality
from harness.evaluation.alexnet import alexnet_file
from harness.pixels import degrade, read_image, resize
from harness.settings import Settings
from harness.specs import load_protocol
from harness.store import Store
from harness.store.pictures import load_pictures

PACKAGE = '''
"""A plugin that sharpens what is blurred; no training."""

from harness import MethodConfig, MethodSpec, Recipe, hookimpl


class SharpenConfig(MethodConfig):
    amount: float = 0.5


@hookimpl
def register_methods(register):
    register(MethodSpec(
        key="sharpen", title="Sharpen", summary="An unsharp mask, then mean colours of stripes.",
        method_version=1, config=SharpenConfig, method="reid_sharpen_method:Sharpen",
        recipes={"smoke": Recipe(name="smoke", summary="As it is.", trials=1)},
    ))
'''

METHOD = """
import torch
from torch.nn.functional import avg_pool2d


class Sharpen:
    feature = "colour"
    distance = "euclidean"
    backbones = ()

    def __init__(self, config, context):
        self.amount = config.amount
        self.networks = {}

    def stages(self):
        return ()

    def embed(self, batch):
        return {"colour": batch.pixels.unflatten(2, (6, -1)).mean(dim=(3, 4)).flatten(1)}

    def restore(self, batch):
        blurred = avg_pool2d(batch.pixels, 3, 1, 1, count_include_pad=False)
        return (batch.pixels + self.amount * (batch.pixels - blurred)).clamp(0, 1)
"""

RUN = ["run", "--plugin", "sharpen", "--recipe", "smoke", "--device", "cpu", "--json"]
SIZE = ["--set", "height=48", "--set", "width=32"]


@pytest.fixture(autouse=True)
def installed(tmp_path, monkeypatch):
    """Install the plugin as a distribution of its own, and remove it afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "reid_sharpen.py").write_text(PACKAGE)
    (tmp_path / "reid_sharpen_method.py").write_text(METHOD)
    info = tmp_path / "reid_sharpen-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: reid-sharpen\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[reid_harness.plugins]\nsharpen = reid_sharpen\n")
    quality.lpips_network.cache_clear()
    yield
    quality.lpips_network.cache_clear()
    for module in ("reid_sharpen", "reid_sharpen_method"):
        sys.modules.pop(module, None)


@pytest.fixture(scope="session")
def viper_like(tmp_path_factory):
    """Draw a tree of VIPeR's shape with smooth noise in place of people, 48 x 24 pixels each."""
    root = tmp_path_factory.mktemp("data") / "VIPeR"
    split = load_protocol("viper").splits[0]
    rng = np.random.default_rng(11)
    for folder in ("cam_a", "cam_b"):
        (root / folder).mkdir(parents=True)
    for pid in sorted({*split.train, *split.test}):
        coarse = rng.integers(0, 256, (8, 4, 3), dtype=np.uint8)
        for folder in ("cam_a", "cam_b"):
            noise = rng.integers(0, 40, coarse.shape, dtype=np.uint8)
            image = Image.fromarray((coarse // 2 + noise + 40).astype(np.uint8))
            image = image.resize((24, 48), Image.Resampling.BICUBIC)
            image.save(root / folder / f"{pid % 1000:03}_45.bmp")
    return root


@pytest.fixture
def mlr(viper_like, monkeypatch):
    monkeypatch.setenv("HARNESS_DATA", str(viper_like.parent))
    return viper_like


def pictures_of(home, run_id):
    with Store.open(f"sqlite:///{home / 'harness.sqlite'}", home=home) as store:
        (score,) = store.where_scores(run_id)
        (file,) = score.artifacts
        evidence, (query, _) = (
            store.load_evidence(score.id),
            store.load_records(score.protocol_id, score.split),
        )
        path = store.find_artifact(file.sha256)
        assert path is not None
        return load_pictures(path), evidence, query


def test_quality_stands_beside_the_ranks(harness, mlr, home):
    """PSNR in dB and SSIM as an index, with intervals, beside those of the input."""
    report = harness(*RUN, "--dataset", "mlr-viper", *SIZE).json
    metrics = report["metrics"]

    psnr, floor, ssim = metrics["psnr"], metrics["psnr_input"], metrics["ssim"]
    assert (psnr["unit"], ssim["unit"], metrics["rank1"]["unit"]) == ("dB", "index", "%")
    assert (psnr["metric"], psnr["n_identities"]) == ("psnr@1", 316)
    assert psnr["low"] < psnr["value"] < psnr["high"]
    assert 15 < floor["value"] < psnr["value"] < 60
    assert 0 < ssim["value"] < 1
    assert ssim["value"] != metrics["ssim_input"]["value"]

    kept, evidence, query = pictures_of(home, report["run_id"])
    values = evidence.measured["psnr@1"]
    assert psnr["value"] == pytest.approx(values.mean(), abs=1e-4)
    for picture in kept.pictures:
        hr = resize(read_image(mlr / picture.original), 48, 32).astype(float)
        mse = np.mean(((picture.restored - hr) / 255) ** 2)
        at = query.ids.index(picture.id)
        assert values[at] == pytest.approx(10 * np.log10(1 / mse), abs=0.3)  # kept as uint8


def test_sample_is_kept_with_the_way_to_its_files(harness, mlr, home):
    """24 queries of 24 identities, the same whatever the method does to them."""
    first = harness(*RUN, "--dataset", "mlr-viper", *SIZE).json
    other = harness(*RUN, "--dataset", "mlr-viper", *SIZE, "--set", "amount=0").json
    kept, _, query = pictures_of(home, first["run_id"])
    plain, _, _ = pictures_of(home, other["run_id"])

    pids = dict(zip(query.ids, query.pids, strict=True))
    assert len({pids[picture.id] for picture in kept.pictures}) == len(kept.pictures) == 24
    assert [p.id for p in kept.pictures] == [p.id for p in plain.pictures]
    root = Settings.from_environment().located(kept.folder)
    for picture in plain.pictures:  # an amount of 0 changes nothing: it is the input
        lr = resize(
            degrade(
                read_image(root / picture.path), picture.r, down=kept.down, size=kept.reduced_from
            ),
            48,
            32,
        )
        np.testing.assert_array_equal(picture.restored, lr)


def test_lpips_without_weights_says_so_once(harness, mlr, monkeypatch, tmp_path):
    """Without AlexNet's weights LPIPS has no value; a note says why, the notice what to do."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    outcome = harness(*RUN, "--dataset", "mlr-viper", *SIZE)
    lpips = outcome.json["metrics"]["lpips"]

    assert (lpips["value"], lpips["low"]) == (None, None)
    assert lpips["note"].startswith("LPIPS has no value: AlexNet's ImageNet weights are neither")
    assert " ".join(outcome.err.split()).count("LPIPS has no value") == 1
    assert "type the command again: it scores without training." in " ".join(outcome.err.split())
    assert outcome.json["metrics"]["psnr"]["value"] is not None


def test_lpips_is_measured_once_its_weights_are_there(harness, mlr, monkeypatch, tmp_path):
    """Typed again, the command finds all done; with the weights in place it scores, once."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    words = [*RUN, "--dataset", "mlr-viper", *SIZE]
    first, second = harness(*words), harness(*words)
    torch.manual_seed(0)
    alexnet_file().parent.mkdir(parents=True, exist_ok=True)
    torch.save(alexnet(weights=None).state_dict(), alexnet_file())
    quality.lpips_network.cache_clear()
    third, fourth = harness(*words), harness(*words)

    def scored(outcome):
        shown = harness("runs", "show", outcome.json["run_id"], "--json").json
        return shown["trials"][0]["score_id"]

    assert [o.json["metrics"]["lpips"]["value"] is None for o in (first, second)] == [True, True]
    assert third.json["metrics"]["lpips"]["value"] > 0
    assert scored(second) == scored(first) != scored(third) == scored(fourth)
    assert third.json["metrics"]["rank1"] == first.json["metrics"]["rank1"]


@pytest.mark.usefixtures("synthped")
def test_native_low_resolution_has_no_original(harness, home):
    """Queries that were captured so are restored and kept, but have no quality, and a note why."""
    report = harness(*RUN, "--dataset", "synthped", *SIZE).json
    shown = harness("runs", "show", report["run_id"]).out
    kept, evidence, _ = pictures_of(home, report["run_id"])

    assert report["metrics"]["psnr"]["value"] is None
    assert report["metrics"]["psnr"]["note"].startswith("No query has a high-resolution original")
    assert np.isnan(evidence.measured["psnr@1"]).all()
    assert len(kept.pictures) == 24
    assert {(p.r, p.original) for p in kept.pictures} == {(None, None)}
    assert "psnr" in shown


def test_values_keep_their_unit_everywhere(harness, mlr):
    """`runs show` has the numbers of the run itself; a dB is never multiplied by 100."""
    report = harness(*RUN, "--dataset", "mlr-viper", *SIZE).json
    shown = harness("runs", "show", report["run_id"], "--json").json
    stored = {m["metric"]: m["value"] for m in shown["trials"][0]["metrics"] if m["k"] is None}

    for name in ("psnr", "ssim_input", "rank1"):
        assert shown["metrics"][name]["value"] == report["metrics"][name]["value"]
    assert stored["psnr@1"] == report["metrics"]["psnr"]["value"]
    table = harness(*RUN[:-1], "--dataset", "mlr-viper", *SIZE).out
    assert f"{report['metrics']['psnr']['value']:.2f}" in table
    assert "PSNR [dB]" in table


def test_bundle_has_the_values_and_no_pixels(harness, mlr, home, tmp_path, monkeypatch):
    """An exported run gives the same intervals elsewhere, where no restored image is."""
    report = harness(*RUN, "--dataset", "mlr-viper", *SIZE).json
    bundle = tmp_path / "run.jsonl"
    harness("runs", "export", "--out", str(bundle))
    monkeypatch.setenv("HARNESS_HOME", str(tmp_path / "elsewhere"))
    harness("runs", "import", str(bundle))
    shown = harness("runs", "show", report["run_id"], "--json").json

    same = ("value", "low", "high", "unit")
    for name in ("psnr", "ssim"):
        assert [shown["metrics"][name][key] for key in same] == [
            report["metrics"][name][key] for key in same
        ]
    assert "restored" not in bundle.read_text()


def test_method_that_does_not_restore_has_no_quality(harness, synthped):
    """Where nothing is restored there is no row of absent numbers."""
    report = harness(
        "run", "--plugin", "initial-weights", "--dataset", "synthped", "--recipe", "smoke", "--json"
    ).json
    assert "psnr" not in report["metrics"]
