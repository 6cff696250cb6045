"""The promises of `harness.specs.hashes`."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.specs import hashes


@pytest.mark.parametrize(("name", "files"), [("caviar.sha256", 1220), ("viper.sha256", 1264)])
def test_what_ships_is_complete_and_sorted(name: str, files: int) -> None:
    """A shipped list has a hash for every file of the set, in the order of paths."""
    found = hashes.load_hashes(name)
    assert len(found) == files
    assert list(found) == sorted(found)


def test_the_two_equal_images_of_caviar() -> None:
    """0029002.jpg and 0029003.jpg, and no other two images, are the same bytes."""
    found = hashes.load_hashes("caviar.sha256")
    assert found["0029002.jpg"] == found["0029003.jpg"]
    assert len(set(found.values())) == len(found) - 1


def test_both_forms_of_sha256sum_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text and binary mode mark the path differently; a path may have spaces."""
    (tmp_path / "hashes").mkdir()
    file = tmp_path / "hashes" / "x.sha256"
    file.write_text(f"{'a' * 64}  one file.jpg\n{'b' * 64} *two.jpg\n")
    monkeypatch.setattr(hashes, "specs_folder", lambda: tmp_path)
    assert hashes.load_hashes("x.sha256") == {"one file.jpg": "a" * 64, "two.jpg": "b" * 64}
    file.write_text(f"{'a' * 64}  one.jpg\nnonsense\n")
    with pytest.raises(UsageError, match="line 2: 'nonsense'"):
        hashes.load_hashes("x.sha256")


def test_a_missing_list_is_named() -> None:
    """A card that names a list which is not there is told so."""
    with pytest.raises(UsageError, match=r"There is no .*nothing\.sha256"):
        hashes.load_hashes("nothing.sha256")
