"""The promises of `harness.specs.folder`."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UnknownName, UsageError
from harness.specs.folder import find_or_raise, list_keys, specs_folder


def test_a_wheel_comes_before_a_checkout(tmp_path: Path) -> None:
    """The folder inside the package wins over the one beside it."""
    package = tmp_path / "harness"
    (tmp_path / "specs").mkdir()
    package.mkdir()
    assert specs_folder(package) == tmp_path / "specs"
    (package / "_specs").mkdir()
    assert specs_folder(package) == package / "_specs"


def test_without_data_files_it_says_how_to_get_them(tmp_path: Path) -> None:
    """A package without its data files is an error, not an empty list."""
    with pytest.raises(UsageError, match="Install reid-harness again"):
        specs_folder(tmp_path / "harness")


def test_keys_are_file_names() -> None:
    """The keys of a kind are the names of its files."""
    assert {"caviar", "viper"} <= set(list_keys("protocols"))
    assert find_or_raise("protocols", "caviar").name == "caviar.yaml"


def test_an_unknown_key_offers_the_nearest() -> None:
    """A misspelt key is answered with the one that was probably meant."""
    with pytest.raises(UnknownName, match=r"no protocol called 'cavia'.*'caviar'"):
        find_or_raise("protocols", "cavia")
