"""Restored images as a file: what comes back, which queries are chosen, what is refused."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from harness.errors import IntegrityError
from harness.settings import Settings
from harness.store.pictures import (
    SAMPLE,
    Picture,
    PictureFile,
    choose_sample,
    load_pictures,
    save_pictures,
)


@pytest.fixture
def file() -> PictureFile:
    pixels = np.arange(4 * 2 * 3, dtype=np.uint8).reshape(4, 2, 3)
    return PictureFile(
        folder="HARNESS_DATA/VIPeR",
        down="area",
        reduced_from=(32, 16),
        pictures=[
            Picture("b.png@r2", "b.png", 2, "b.png", pixels),
            Picture("a/ü.png", "a/ü.png", None, None, pixels + 100),
        ],
    )


class TestFile:
    def test_round_trip(self, file, tmp_path):
        """What is written comes back: names, rates, originals, every pixel."""
        save_pictures(tmp_path / "x.safetensors", file)
        found = load_pictures(tmp_path / "x.safetensors")

        assert (found.folder, found.down) == (file.folder, file.down)
        assert found.reduced_from == (32, 16)
        for one, other in zip(found.pictures, file.pictures, strict=True):
            np.testing.assert_array_equal(one.restored, other.restored)
            assert (one.id, one.path, one.r, one.original) == (
                other.id,
                other.path,
                other.r,
                other.original,
            )

    def test_equal_images_are_equal_bytes(self, file, tmp_path):
        """The same images written in another process have the same SHA-256."""
        for name in ("one", "two"):
            save_pictures(tmp_path / name, file)
        assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()

    @pytest.mark.parametrize("damage", [b"", b"\x08\0\0\0\0\0\0\0{}      ", b"nonsense" * 9])
    def test_damaged(self, tmp_path, damage):
        """A file that is cut, empty or something else is named."""
        (tmp_path / "x").write_bytes(damage)
        with pytest.raises(IntegrityError, match=r"restored images .*x cannot be read"):
            load_pictures(tmp_path / "x")

    def test_light(self):
        """Pages read the file without torch."""
        code = "import harness.store.pictures, sys; print('torch' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stdout.strip() == "False"


class TestSample:
    def test_one_of_each_identity(self):
        """No identity is there twice, and there are as many as fit."""
        ids = [f"{pid}_{image}" for pid in range(40) for image in range(5)]
        pids = [pid for pid in range(40) for _ in range(5)]
        chosen = choose_sample(ids, pids)

        assert len(chosen) == len({pids[i] for i in chosen}) == SAMPLE
        assert chosen == sorted(chosen)
        assert len({ids[i].split("_")[1] for i in chosen}) > 1

    def test_order_does_not_matter(self):
        """The choice is by the ids alone."""
        ids = [f"q{n}" for n in range(60)]
        pids = [n // 2 for n in range(60)]
        there = {ids[i] for i in choose_sample(ids, pids)}
        back = {ids[::-1][i] for i in choose_sample(ids[::-1], pids[::-1])}

        assert there == back

    def test_few(self):
        """Of two identities two are chosen, of none none."""
        assert len(choose_sample(["a", "b", "c"], [1, 1, 2])) == 2
        assert choose_sample([], []) == []


class TestFolder:
    def test_moves_with_the_variable(self, tmp_path):
        """A folder under HARNESS_DATA is found where the variable points now."""
        before = Settings(tmp_path / "home", tmp_path / "old", "", "auto")
        after = Settings(tmp_path / "home", tmp_path / "new", "", "auto")
        written = before.portable(tmp_path / "old" / "VIPeR")

        assert written == "HARNESS_DATA/VIPeR"
        assert after.located(written) == tmp_path / "new" / "VIPeR"

    def test_home_and_elsewhere(self, tmp_path):
        """Generated data lie under HARNESS_HOME; a folder elsewhere stays where it is."""
        settings = Settings(tmp_path / "home", tmp_path / "data", "", "auto")
        for folder in (tmp_path / "home" / "datasets" / "x", tmp_path / "other"):
            assert settings.located(settings.portable(folder)) == folder
        assert settings.portable(tmp_path / "home" / "datasets" / "x").startswith("HARNESS_HOME/")
