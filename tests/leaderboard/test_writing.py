"""Files are written whole, or not at all."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from leaderboard.writing import write_if_changed


def test_writes_once(tmp_path):
    """A file is written with its folder, readable for all, and then left alone."""
    path = tmp_path / "new" / "page.html"
    assert write_if_changed(path, b"one")
    assert path.stat().st_mode & 0o777 == 0o644
    before = path.stat().st_mtime_ns
    assert not write_if_changed(path, b"one")
    assert path.stat().st_mtime_ns == before
    assert write_if_changed(path, b"two")
    assert path.read_bytes() == b"two"


def test_a_failure_leaves_no_draft(tmp_path):
    """Where the file cannot be put in its place, the error names it and no draft stays behind."""
    (tmp_path / "page.html").mkdir()
    with pytest.raises(UsageError, match=r"The page .*page\.html cannot be written: Is a dir"):
        write_if_changed(tmp_path / "page.html", b"one")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
