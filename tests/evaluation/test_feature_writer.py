"""A file of features is written while they are made, whole or not at all."""

from __future__ import annotations

import resource

import numpy as np
import pytest

from harness import UsageError
from harness.evaluation.feature_writer import FeatureWriter


def test_rows_come_back_as_they_were_given(tmp_path):
    """Rows that were given in parts, in turn, are read back by NumPy to the bit."""
    rng = np.random.default_rng(0)
    left, right = (rng.normal(size=(n, d)).astype(np.float32) for n, d in ((10, 3), (4, 5)))
    with FeatureWriter(tmp_path / "new" / "f.npz") as writer:
        assert writer.dimensions == 0
        writer.append("left", left[:4])
        writer.append("right", right)
        writer.append("left", left[4:])
        assert writer.dimensions == 5
        writer.finish({"names": np.array(["a", "bc"]), "count": np.array(7)})
    found = np.load(tmp_path / "new" / "f.npz", allow_pickle=False)

    assert set(found.files) == {"left", "right", "names", "count"}
    assert np.array_equal(found["left"], left)
    assert np.array_equal(found["right"], right)
    assert found["names"].tolist() == ["a", "bc"]
    assert found["count"] == 7
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["f.npz"]


def test_nothing_is_left_of_what_was_not_finished(tmp_path):
    """An error on the way leaves the file that was there, and nothing else."""
    (tmp_path / "f.npz").write_text("old")

    def break_off():
        with FeatureWriter(tmp_path / "f.npz") as writer:
            writer.append("left", np.ones((2, 2), np.float32))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"f.npz": "old"}


def test_place_that_cannot_be_written(tmp_path):
    """A place that cannot be written is refused before anything is made."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        FeatureWriter(tmp_path / "file" / "f.npz").__enter__()


def test_place_that_is_taken_meanwhile(tmp_path):
    """A place where a folder came to be is told in a sentence at the end."""
    with FeatureWriter(tmp_path / "f.npz") as writer:
        writer.append("left", np.ones((1, 2), np.float32))
        (tmp_path / "f.npz").mkdir()
        with pytest.raises(UsageError, match="cannot be written"):
            writer.finish({})


def test_full_disk(tmp_path):
    """A disk that takes no more is told in a sentence, and what was written is removed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    rows = np.ones((1024, 1024), np.float32)  # 4 MB
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, hard))
        with (
            pytest.raises(UsageError, match="disk with space left"),
            FeatureWriter(tmp_path / "f.npz") as writer,
        ):
            writer.append("left", rows)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
