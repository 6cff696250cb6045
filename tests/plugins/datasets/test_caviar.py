"""CAVIAR4REID is read as its card says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness import DataError
from harness.data import catalogue
from harness.data.manifest import content_hashes, manifest
from harness.data.protocol import resolve
from harness.settings import Settings
from harness.specs import load_protocol
from harness_datasets.caviar import CAVIAR, read


def folder_with(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


def test_camera_and_resolution_go_by_the_image_number(tmp_path: Path) -> None:
    """Images 1 to 10 are near and HR, 11 to 20 far and native LR, with the number's identity."""
    records = read(folder_with(tmp_path, "0003010.jpg", "0003011.jpg"))
    assert [(r.id, r.path, r.pid, r.camid, r.r) for r in records] == [
        ("0003010.jpg", "0003010.jpg", 3, 1, 1),
        ("0003011.jpg", "0003011.jpg", 3, 2, None),
    ]


def test_identities_of_one_camera_are_left_out(tmp_path: Path) -> None:
    """An identity that only one of the cameras sees is not read."""
    records = read(
        folder_with(tmp_path, "0001001.jpg", "0002011.jpg", "0003001.jpg", "0003020.jpg")
    )
    assert {record.pid for record in records} == {3}


def test_other_files_are_passed_over(tmp_path: Path) -> None:
    """`Thumbs.db` and the like are no images."""
    folder = folder_with(tmp_path, "Thumbs.db", "readme.txt", "0003001.jpg", "0003011.jpg")
    assert len(read(folder)) == 2


def test_a_foreign_jpeg_is_named(tmp_path: Path) -> None:
    """A JPEG with another name is an error: it could be anyone."""
    with pytest.raises(DataError, match=r"0003_c1\.jpg is not named like an image of CAVIAR4REID"):
        read(folder_with(tmp_path, "0003001.jpg", "0003_c1.jpg"))


def test_the_real_set(real_data: Path) -> None:
    """1,000 of 1,220 files are used; every split has 500, 250 and 250 images."""
    root = real_data / "CAVIAR4REID"
    records = catalogue.read(CAVIAR, root)
    assert len(list(root.glob("*.jpg"))) == 1220
    assert len(records) == 1000
    protocol = resolve(load_protocol("caviar"), records, "m")
    for index in range(10):
        split = protocol.split(index)
        assert (len(split.train), len(split.query), len(split.gallery)) == (500, 250, 250)
        assert {record.camid for record in split.train} == {1, 2}
        assert {record.r for record in split.query} == {None}
        assert {record.r for record in split.gallery} == {1}


def test_the_real_set_is_the_original(real_data: Path) -> None:
    """The copy at hand has the bytes and the counts that the card promises."""
    report = catalogue.check(CAVIAR, real_data / "CAVIAR4REID")
    assert (report.problem, report.files, report.counts) == (None, 1220, CAVIAR.card.expected)


def test_a_damaged_copy_has_another_manifest(real_data: Path, tmp_path: Path) -> None:
    """One other byte in one file is found by name, and makes another manifest."""
    root = tmp_path / "copy"
    shutil.copytree(real_data / "CAVIAR4REID", root)
    settings = Settings.from_environment()
    records = catalogue.read(CAVIAR, root)
    before = manifest(CAVIAR, records, content_hashes(root, records, settings))
    broken = root / "0037012.jpg"
    broken.chmod(0o644)
    broken.write_bytes(broken.read_bytes()[:-1] + b"\0")
    assert catalogue.check(CAVIAR, root).problem == "0037012.jpg has other bytes than the original."
    assert manifest(CAVIAR, records, content_hashes(root, records, settings)) != before


def test_heights_are_as_the_card_says(real_data: Path) -> None:
    """Camera 1 is the nearer one, except for identities 20 and 50."""
    from statistics import median

    from harness.pixels import read_image

    heights: dict[int, dict[int, list[int]]] = {}
    root = real_data / "CAVIAR4REID"
    for record in catalogue.read(CAVIAR, root):
        height = read_image(root / record.path).shape[0]
        heights.setdefault(record.pid, {}).setdefault(record.camid, []).append(height)
    other_way = [pid for pid, by in heights.items() if median(by[1]) < median(by[2])]
    assert other_way == [20, 50]
    every = {camera: [h for by in heights.values() for h in by[camera]] for camera in (1, 2)}
    assert (median(every[1]), median(every[2])) == (99, 57)
