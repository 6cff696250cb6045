"""Market-1501 is read as its card says, and its protocol ignores junk and keeps distractors."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness import DataError
from harness.data import catalogue
from harness.data.protocol import leaked, resolve
from harness.pixels import degrade, read_image
from harness.specs import list_protocols, load_protocol
from harness_datasets.market1501 import MARKET1501, MLR_MARKET1501, read

# Of each subset: identity (-1 junk, 0 distractor) and the cameras that see it.
TREE: dict[str, dict[int, tuple[int, ...]]] = {
    "bounding_box_train": {2: (1, 2, 3), 7: (1, 3, 6)},
    "query": {1: (1, 3), 3: (3, 5)},
    "bounding_box_test": {1: (1, 2, 3), 3: (3, 4, 5), -1: (1, 3), 0: (2, 3)},
}


def draw(path: Path, pid: int, camera: int) -> None:
    """Draw an image of 128 x 64 in the colour of an identity and the noise of a camera."""
    rng = np.random.default_rng((pid + 1, camera))
    colour = np.random.default_rng(pid + 1).integers(40, 216, 3)
    pixels = colour + rng.integers(-30, 30, (128, 64, 3))
    Image.fromarray(pixels.astype(np.uint8)).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree of the official shape, with what else lies around in it."""
    folder = tmp_path / "Market-1501-v15.09.15"
    for name, people in TREE.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "Thumbs.db").write_bytes(b"")
        for pid, cameras in people.items():
            for camera in cameras:
                person = "-1" if pid < 0 else f"{pid:04d}"
                draw(folder / name / f"{person}_c{camera}s1_000451_03.jpg", pid, camera)
    (folder / "gt_bbox").mkdir()
    draw(folder / "gt_bbox" / "0002_c1s1_000451_00.jpg", 2, 1)
    return folder


def test_identity_camera_and_subset(root: Path) -> None:
    """Name and folder tell all of an image; other files and folders are passed over."""
    found = {(r.subset, r.pid, r.camid) for r in read(root)}
    assert found == {
        (subset, pid, camera)
        for folder, subset in (
            ("bounding_box_train", "train"),
            ("query", "query"),
            ("bounding_box_test", "gallery"),
        )
        for pid, cameras in TREE[folder].items()
        for camera in cameras
    }
    junk = next(r for r in read(root) if r.pid == -1)
    assert junk.id == junk.path == "bounding_box_test/-1_c1s1_000451_03.jpg"
    assert {r.r for r in read(root)} == {1}


def test_a_missing_folder_and_a_foreign_image_are_named(root: Path) -> None:
    """Half a copy, or an image that is not of the set, is an error."""
    (root / "query" / "0001_c7s1_000451_03.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"0001_c7s1_000451_03\.jpg is not named like"):
        read(root)
    shutil.rmtree(root / "query")
    with pytest.raises(DataError, match="has no folder query"):
        read(root)


def test_one_camera_as_the_low_resolution_side(root: Path) -> None:
    """Under camera3 every test image of camera 3 is a query, and the gallery has none of it."""
    records = catalogue.read(MLR_MARKET1501, root)
    split = resolve(load_protocol("mlr-market1501-camera3"), records, "m").split(0)
    assert [r.hr_id for r in split.query] == [
        "bounding_box_test/0001_c3s1_000451_03.jpg",
        "bounding_box_test/0003_c3s1_000451_03.jpg",
        "query/0001_c3s1_000451_03.jpg",
        "query/0003_c3s1_000451_03.jpg",
    ]
    assert {r.r for r in split.query} <= {2, 3, 4}
    assert {(r.pid, r.camid) for r in split.gallery} == {
        (1, 1), (1, 2), (3, 4), (3, 5), (-1, 1), (0, 2)
    }  # fmt: skip


def test_the_ways_to_lose_resolution(root: Path) -> None:
    """One draw of rates for both filters, one fixed rate after resizing; each an id of its own."""
    records = catalogue.read(MLR_MARKET1501, root)
    low = {
        way: resolve(load_protocol(f"mlr-market1501{way}"), records, "m")
        for way in ("", "-maxpool", "-resized")
    }
    queries = {way: protocol.split(0).query for way, protocol in low.items()}
    assert queries["-maxpool"] == queries[""]
    assert [r.r for r in queries["-resized"]] == [4] * len(queries[""])
    assert len({protocol.id for protocol in low.values()}) == 3
    degradation = low["-resized"].spec.degradation
    assert degradation is not None
    image = read_image(root / queries["-resized"][0].path)
    assert image.shape == (128, 64, 3)
    small = degrade(image, 4, down=degradation.down, size=degradation.size)
    assert small.shape == (64, 32, 3)


def test_the_mlr_form_shares_identities(root: Path) -> None:
    """Weights that were trained on a test identity of Market-1501 leak into its MLR form."""
    records = catalogue.read(MLR_MARKET1501, root)
    for key in ("mlr-market1501", "mlr-market1501-camera3"):
        split = resolve(load_protocol(key), records, "m").split(0)
        origins = {MLR_MARKET1501.key: MLR_MARKET1501.origin}
        assert leaked(split, ["market1501:3", "market1501:2"], MLR_MARKET1501.key, origins) == [3]


def run(harness, dataset: str, *more: str):
    size = ("--set", "base_width=4", "--set", "height=64", "--set", "width=32")
    words = ("--recipe", "smoke", "--device", "cpu", "--weights", "none", *size, *more)
    return harness("run", "--plugin", "initial-weights", "--dataset", dataset, *words, "--json")


def values(outcome) -> dict[str, float]:
    assert outcome.code == 0, outcome.err
    return {name: metric["value"] for name, metric in outcome.json["metrics"].items()}


def test_junk_is_ignored_and_distractors_stay(harness, root: Path, monkeypatch) -> None:
    """Without its junk the gallery gives the same numbers; a distractor like a query costs all."""
    monkeypatch.setenv("HARNESS_DATA", str(root.parent))
    gallery = root / "bounding_box_test"
    first = values(run(harness, "market1501"))
    for junk in gallery.glob("-1_*.jpg"):  # copies of queries: the nearest images, if they counted
        shutil.copy(root / "query" / f"0001_{junk.name[3:]}", junk)
    assert values(run(harness, "market1501")) == first
    for junk in gallery.glob("-1_*.jpg"):
        junk.unlink()
    assert values(run(harness, "market1501")) == first
    for number, query in enumerate(sorted((root / "query").glob("*.jpg"))):
        shutil.copy(query, gallery / f"0000_c6s1_{number:06d}_01.jpg")
    assert values(run(harness, "market1501"))["rank1"] == 0 < first["rank1"]


@pytest.mark.parametrize(
    ("dataset", "named"),
    [
        ("mlr-market1501", "market1501"),
        ("market1501", "mlr-market1501"),
        ("mlr-market1501", "mlr-market1501"),
    ],
)
def test_weights_that_leak_are_refused(
    harness, root: Path, monkeypatch, tmp_path: Path, dataset: str, named: str
) -> None:
    """Weights that saw a test identity are refused, whichever form of the data set they name."""
    from safetensors.torch import save_file

    from harness.nn import ResNet50

    monkeypatch.setenv("HARNESS_DATA", str(root.parent))
    file = tmp_path / "leak.safetensors"
    labels = {"trained_on": f'["{named}:2", "{named}:3"]'}
    save_file(ResNet50(width=4).state_dict(), file, labels)
    outcome = run(harness, dataset, "--weights", str(file))
    assert outcome.code == 7
    assert f"1 of the test identities of split 0 of {dataset} (the first is 3)" in " ".join(
        outcome.err.split()
    )


def test_the_card_adds_up() -> None:
    """The parts are the whole, and its gallery without junk is the usual 15,913."""
    counts = MARKET1501.card.expected
    assert counts.subsets is not None
    assert sum(counts.subsets.values()) == counts.images
    assert counts.subsets["gallery"] - 3819 == 13_115 + 2798 == 15_913
    assert counts.identities == 751 + 750


def test_the_mini_set(real_data: Path) -> None:
    """The mini set is read, is said to be incomplete, and resolves under each protocol."""
    root = real_data / "mini-Market-1501"
    report = catalogue.check(MARKET1501, root)
    assert report.problem is not None
    assert report.problem.startswith("It has 96 images (32 train, 32 query, 32 gallery) of 32 id")
    assert "36,036 images (12,936 train, 3,368 query, 19,732 gallery)" in report.problem
    records = catalogue.read(MLR_MARKET1501, root)
    keys = [key for key in list_protocols() if "market1501" in key]
    assert len(keys) == 5
    for key in keys:
        split = resolve(load_protocol(key), records, "m").split(0)
        assert (len(split.train), len(split.train_pids)) == (32, 16)
        assert set(split.test_pids).isdisjoint(split.train_pids)
        assert len(split.query) == 32 or key.endswith("camera3")


def test_the_real_training_images_are_all_read(real_data: Path, tmp_path: Path) -> None:
    """Every name of the real training folder is understood: 12,936 images of 751 identities."""
    folder = real_data / "Market-1501-train" / "bounding_box_train"
    (tmp_path / "bounding_box_train").symlink_to(folder)
    for name in ("bounding_box_test", "query"):
        (tmp_path / name).mkdir()
    counts = catalogue.count(read(tmp_path))
    assert (counts.images, counts.identities, counts.cameras) == (12_936, 751, 6)
