"""The promises of `harness data`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli.data import app
from harness.errors import DataError, UnknownName

runner = CliRunner()


@pytest.fixture
def caviar(tmp_path: Path) -> Path:
    """A folder with one two-camera identity, by name only."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("0003001.jpg", "0003011.jpg"):
        (folder / name).write_bytes(b"")
    return folder


def output(*argv: str) -> str:
    result = runner.invoke(app, list(argv), catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_list_names_every_data_set_and_its_place(caviar: Path) -> None:
    """The list has what can be had, and the folder of what is here."""
    rows = {row["key"]: row for row in json.loads(output("list", "--json"))}
    assert {"caviar", "viper", "synthped"} <= set(rows)
    assert rows["caviar"]["folder"] is None
    assert rows["caviar"]["expected"] == {"images": 1000, "identities": 50, "cameras": 2}
    output("add", "caviar", str(caviar))
    rows = {row["key"]: row for row in json.loads(output("list", "--json"))}
    assert rows["caviar"]["folder"] == str(caviar)
    shown = output("list")
    assert "not here" in shown  # viper
    assert "made on first use" in shown  # synthped
    assert "made from viper" in shown  # mlr-viper, which is not to be got by itself
    assert "\nmlr-viper:" not in shown


def test_add_says_what_it_read(caviar: Path) -> None:
    """After `add` one knows whether it was the right folder."""
    shown = output("add", "caviar", str(caviar))
    assert "2 images of 1 identities by 2 cameras" in shown
    assert "harness data check caviar" in shown
    counts = json.loads(output("add", "caviar", str(caviar), "--json"))["counts"]
    assert counts == {"images": 2, "identities": 1, "cameras": 2}


def test_check_prints_the_problem_and_fails(caviar: Path) -> None:
    """A copy that differs is reported in JSON too, and the error has the code for data."""
    output("add", "caviar", str(caviar))
    result = runner.invoke(app, ["check", "caviar", "--json"])
    assert isinstance(result.exception, DataError)
    assert result.exception.exit_code == 6
    (row,) = json.loads(result.stdout)
    assert row["problem"] == "0001001.jpg is missing."
    assert row["problem"] in result.exception.what


def test_check_without_a_copy_says_what_to_get() -> None:
    """Checking what is not here is an error with the way to get it."""
    result = runner.invoke(app, ["check", "viper"])
    assert isinstance(result.exception, DataError)
    assert "VIPeR.v1.0.zip" in result.exception.next_step


def test_check_of_nothing_is_no_failure() -> None:
    """Without a key only what is here is checked, and that may be nothing."""
    assert "No data set is on this machine" in output("check")
    assert json.loads(output("check", "--json")) == []


def test_an_unknown_key_offers_the_nearest() -> None:
    """A misspelt data set is answered with the one that was meant."""
    result = runner.invoke(app, ["check", "cavair"])
    assert isinstance(result.exception, UnknownName)
    assert "'caviar'" in result.exception.next_step


def test_a_broken_image_among_the_real_ones_is_named(real_data: Path, tmp_path: Path) -> None:
    """On a real copy with one damaged file, the check names that file."""
    root = tmp_path / "copy"
    shutil.copytree(real_data / "CAVIAR4REID", root)
    output("add", "caviar", str(root))
    assert "1,220 files" in output("check")
    (root / "0067015.jpg").chmod(0o644)
    (root / "0067015.jpg").write_bytes(b"")
    result = runner.invoke(app, ["check", "caviar"])
    assert isinstance(result.exception, DataError)
    assert "0067015.jpg" in result.exception.what
