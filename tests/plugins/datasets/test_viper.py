"""VIPeR is read as its card says."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from harness import DataError
from harness.data import catalogue
from harness.data.protocol import drawn_rate, resolve
from harness.specs import load_protocol
from harness_datasets.viper import MLR_VIPER, VIPER, read


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two identities, one of them 000."""
    for name in ("cam_a/000_45.bmp", "cam_a/873_0.bmp", "cam_b/000_135.bmp", "cam_b/873_180.bmp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def test_identity_and_camera(root: Path) -> None:
    """The first field is the identity, the folder the camera; both are HR."""
    assert [(r.id, r.path, r.pid, r.camid, r.r) for r in read(root)] == [
        ("cam_a/000_45.bmp", "cam_a/000_45.bmp", 1000, 1, 1),
        ("cam_a/873_0.bmp", "cam_a/873_0.bmp", 873, 1, 1),
        ("cam_b/000_135.bmp", "cam_b/000_135.bmp", 1000, 2, 1),
        ("cam_b/873_180.bmp", "cam_b/873_180.bmp", 873, 2, 1),
    ]


def test_other_files_are_passed_over(root: Path) -> None:
    """`Thumbs.db` is no image."""
    (root / "cam_a" / "Thumbs.db").write_bytes(b"")
    assert len(read(root)) == 4


def test_a_foreign_bmp_is_named(root: Path) -> None:
    """A BMP with another name is an error."""
    (root / "cam_b" / "photo.bmp").write_bytes(b"")
    with pytest.raises(DataError, match=r"photo\.bmp is not named like an image of VIPeR"):
        read(root)


def test_a_missing_camera_is_named(root: Path) -> None:
    """A folder without one of the cameras is the wrong folder."""
    with pytest.raises(DataError, match="has no folder cam_a"):
        read(root / "cam_a")


def test_the_real_set(real_data: Path) -> None:
    """Every split trains on 632 images and asks 316 of camera a against 316 of camera b."""
    records = catalogue.read(VIPER, real_data / "VIPeR")
    protocol = resolve(load_protocol("viper"), records, "m")
    for index in range(10):
        split = protocol.split(index)
        assert (len(split.train), len(split.query), len(split.gallery)) == (632, 316, 316)
        assert [r.pid for r in split.query] == [r.pid for r in split.gallery]
        assert {r.path[:5] for r in split.query} == {"cam_a"}
        assert len(split.test_pids) == 316  # 000 is not lost as a distractor


def test_the_mlr_form_degrades_the_queries_alone(real_data: Path) -> None:
    """Queries have r = 2, 3 or 4, each about a third; training and gallery are viper's own."""
    records = catalogue.read(MLR_VIPER, real_data / "VIPeR")
    assert records == catalogue.read(VIPER, real_data / "VIPeR")
    low = resolve(load_protocol(MLR_VIPER.protocol), records, "m")
    plain = resolve(load_protocol("viper"), records, "m")
    for index in range(10):
        made, original = low.split(index), plain.split(index)
        assert (made.train, made.gallery) == (original.train, original.gallery)
        assert [r.hr_id for r in made.query] == [r.id for r in original.query]
        times = Counter(r.r for r in made.query)
        assert set(times) == {2, 3, 4}
        assert min(times.values()) > 105.3 - 4 * (316 * 1 / 3 * 2 / 3) ** 0.5
    assert low.id != plain.id


def test_one_rate_for_each_identity(real_data: Path) -> None:
    """Per identity the images are those of mlr-viper, and the rate hangs on the number alone."""
    records = catalogue.read(MLR_VIPER, real_data / "VIPeR")
    low = resolve(load_protocol("mlr-viper-per-identity"), records, "m")
    usual = resolve(load_protocol("mlr-viper"), records, "m")
    made, other = low.split(0), usual.split(0)
    assert (made.train, made.gallery) == (other.train, other.gallery)
    assert [r.hr_id for r in made.query] == [r.hr_id for r in other.query]
    degradation = low.spec.degradation
    assert degradation is not None
    assert [r.r for r in made.query] == [
        drawn_rate(degradation, "mlr-viper", r.pid) for r in made.query
    ]
    assert {r.r for r in made.query} == {2, 3, 4}
    assert low.id != usual.id


def test_the_mlr_form_shares_identities() -> None:
    """Weights that saw a test identity in viper saw it in mlr-viper."""
    assert MLR_VIPER.origin == VIPER.key
    assert VIPER.origin == VIPER.key


def test_the_real_set_is_the_original(real_data: Path) -> None:
    """The copy at hand has the bytes and the counts that the card promises."""
    report = catalogue.check(VIPER, real_data / "VIPeR")
    assert (report.problem, report.files, report.counts) == (None, 1264, VIPER.card.expected)
