"""`synthped` is complete, the same every time, and as its card says."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import harness_datasets.synthped as source
from harness import DataError
from harness.data import catalogue
from harness.data.protocol import resolve
from harness.pixels import read_image
from harness.specs import load_protocol
from harness_datasets.synthped import generate, read
from harness_datasets.synthped_card import SYNTHPED
from harness_datasets.synthped_look import (
    BAG_COLOURS,
    COLOURS,
    HAIR_COLOURS,
    LOWER_COLOURS,
    SECOND_COLOURS,
    SHOE_COLOURS,
    SKINS,
    UPPER_COLOURS,
    look_of,
)

PIDS = range(1, 65)


def test_counts_are_those_of_the_card(synthped: Path) -> None:
    """There are 768 images, 64 identities and 3 cameras, and the catalogue agrees."""
    records = catalogue.read(SYNTHPED, synthped)
    expected = SYNTHPED.card.expected
    assert len(records) == expected.images == 768
    assert len({record.pid for record in records}) == expected.identities == 64
    assert len({record.camid for record in records}) == expected.cameras == 3


def test_every_identity_has_four_images_by_each_camera(synthped: Path) -> None:
    """No identity is rarer than another."""
    counts = Counter((record.pid, record.camid) for record in read(synthped))
    assert set(counts.values()) == {4}


def test_a_record_says_what_its_name_says(synthped: Path) -> None:
    """0007_c2_03 is identity 7, camera 2, third image; the far camera is native LR."""
    records = {record.id: record for record in read(synthped)}
    assert list(records) == sorted(records)
    far, near = records["0007_c2_03"], records["0007_c3_03"]
    assert (far.path, far.pid, far.camid, far.r, far.hr_id) == ("0007_c2_03.png", 7, 2, None, None)
    assert (near.camid, near.r) == (3, 1)


def test_the_far_camera_has_few_pixels(synthped: Path) -> None:
    """Camera 2 gives 32 to 48 rows, the others 128 to 144; people are upright."""
    for record in read(synthped):
        height, width, _ = read_image(synthped / record.path).shape
        low, high = (32, 48) if record.camid == 2 else (128, 144)
        assert low <= height <= high
        assert 0.34 < width / height < 0.5


def test_two_generations_are_equal(
    synthped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes are the same every time, and do not depend on how many identities are drawn."""
    monkeypatch.setattr(source, "IDENTITIES", 3)
    generate(tmp_path / "again")
    drawn = sorted(path.name for path in (tmp_path / "again").iterdir())
    assert len(drawn) == 3 * 3 * 4
    for name in drawn:
        assert (tmp_path / "again" / name).read_bytes() == (synthped / name).read_bytes()


def test_no_two_pictures_are_equal(synthped: Path) -> None:
    """Pose, place and light differ between the four pictures of one identity by one camera."""
    assert len({path.read_bytes() for path in synthped.iterdir()}) == 768


@pytest.fixture
def copy(synthped: Path, tmp_path: Path) -> Path:
    """Return a copy that a test may break."""
    return Path(shutil.copytree(synthped, tmp_path / "copy"))


def test_a_missing_picture_is_named(copy: Path) -> None:
    """An interrupted generation is not taken for a complete one; the first gap is named."""
    for name in ("0064_c3_04.png", "0003_c1_02.png"):
        (copy / name).unlink()
    (copy / ".unfinished.png").write_bytes(b"half")
    with pytest.raises(DataError, match=r"0003_c1_02\.png .* missing .* Delete .*drawn anew"):
        read(copy)


def test_a_foreign_file_is_named(copy: Path) -> None:
    """A file that is not of the set is an error; a hidden one is passed over."""
    (copy / ".DS_Store").write_bytes(b"")
    assert len(read(copy)) == 768
    (copy / "0065_c1_01.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"0065_c1_01\.png .* is not of synthped.* Delete"):
        read(copy)


def test_the_splits_halve_the_identities(synthped: Path) -> None:
    """Each of four splits trains on 32 identities and searches the other 32 near the camera."""
    protocol = resolve(load_protocol("synthped"), read(synthped), "manifest")
    assert protocol.splits == 4
    for index in range(4):
        split = protocol.split(index)
        assert sorted([*split.train_pids, *split.test_pids]) == list(PIDS)
        assert (len(split.train), len(split.query), len(split.gallery)) == (384, 128, 128)
        assert {record.r for record in split.query} == {None}
        assert {record.camid for record in split.gallery} == {1}


def test_the_splits_are_the_permutations_that_the_file_names() -> None:
    """The lists follow from the seed that `source` gives."""
    rng = np.random.default_rng(2025)
    for split in load_protocol("synthped").splits:
        order = rng.permutation(np.arange(1, 65))
        assert (list(split.train), list(split.test)) == (sorted(order[:32]), sorted(order[32:]))


def test_no_two_identities_share_a_description() -> None:
    """Garments, colours, hair and bag tell any two apart, without height and build."""
    looks = {replace(look_of(pid), height=1, build=1, shoulders=1) for pid in PIDS}
    assert len(looks) == 64


def test_colour_alone_does_not_tell_identities_apart() -> None:
    """At least a third of the identities wear another's colours, above and below."""
    pairs = Counter((look_of(pid).top_colour, look_of(pid).bottom_colour) for pid in PIDS)
    assert sum(n for n in pairs.values() if n > 1) >= 64 / 3


def test_a_pattern_is_never_of_its_ground_colour() -> None:
    """A striped garment has stripes that can be seen."""
    assert all(look_of(pid).top_colour != look_of(pid).second_colour for pid in PIDS)


@pytest.mark.parametrize(
    "odds",
    [
        UPPER_COLOURS, SECOND_COLOURS, LOWER_COLOURS, SHOE_COLOURS, BAG_COLOURS, HAIR_COLOURS,
        SKINS,
    ],
)  # fmt: skip
def test_every_colour_that_can_be_drawn_is_defined(odds: dict[str, int]) -> None:
    """No identity, drawn or not, asks for a colour without a value."""
    assert set(odds) <= set(COLOURS)
