"""The promises of `harness papers`."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from typer.testing import CliRunner

from harness.cli import papers
from harness.errors import PluginError, UnknownName
from harness.loader import Registry

runner = CliRunner()

OTHER = """\
key: other
name: OTHER
title: Another [great] Paper
authors: [A. Author]
venue: Nowhere
year: 2020
url: https://example.org
tables:
  - key: "1"
    printed: Table 1
    title: numbers
    document: the PDF
    ap: unknown
    datasets:
      caviar: {protocol: null, unknown: [splits]}
      viper: {protocol: viper, unknown: [splits]}
    note: A note.
    rows:
      - name: Ours
        cells:
          caviar: {rank1: "**__1.0__**", map: {printed: "2.0", flag: repaired}}
      - name: Theirs
        cells:
          caviar: {rank1: "0.5"}
          viper: {rank1: "7.7"}
"""


def output(*argv: str) -> str:
    result = runner.invoke(papers.app, list(argv), catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts of papers that a plugin registers."""
    texts = [OTHER]
    monkeypatch.setattr(papers, "load_plugins", lambda: Registry(papers=texts))
    return texts


def test_list_counts_the_numbers() -> None:
    """RAIN's Table 1 has 9 x 3 x 4 cells, of which three groups of four are `-`."""
    (rain,) = [row for row in json.loads(output("list", "--json")) if row["key"] == "rain"]
    assert (rain["tables"], rain["numbers"]) == (["1"], 9 * 3 * 4 - 3 * 4)
    assert "AAAI 2019" in output("list")


def test_show_prints_the_table_as_the_paper_does() -> None:
    """Numbers appear as printed, 9.25 with both digits, with the method that reproduces them."""
    shown = output("show", "rain", "--table", "1")
    assert "9.25" in shown
    assert any("27.5" in line and "baseline-hr " in line for line in shown.splitlines())
    assert "Compared under protocol caviar" in shown


def test_show_says_what_must_be_set() -> None:
    """A row of other settings than the method's own names them; a number's note is told."""
    shown = output("show", "intact")
    (line,) = [line for line in shown.splitlines() if "INTACT, MSE+ID+GAN" in line]
    assert "intact, use_assoc=false" in line
    assert not any("use_" in line for line in shown.splitlines() if "│ INTACT  " in line)
    assert "SDF, rank1 9.3: RAIN prints 9.25" in shown


def test_show_as_json_is_in_per_cent() -> None:
    """A value in JSON is the printed number, null where there is none."""
    cells: list[dict[str, Any]] = json.loads(output("show", "rain", "--json"))["cells"]
    assert len(cells) == 108
    for cell in cells:
        assert cell["value"] == (None if cell["printed"] == "-" else float(cell["printed"]))
    assert cells[0]["source"]["table"] == "Table 1"


def test_a_paper_of_a_plugin_is_listed_and_shown(plugin: list[str]) -> None:
    """A plugin's paper stands beside those that ship; marks, gaps and flags are shown."""
    assert "Another [great] Paper" in output("list")
    shown = output("show", "other")
    assert "2.0 (repaired)" in shown
    assert "A note." in shown
    assert "Not compared" in shown
    assert [cell["value"] for cell in json.loads(output("show", "other", "--json"))["cells"]] == [
        1.0,
        2.0,
        0.5,
        7.7,
    ]


def test_a_second_paper_of_one_key_is_refused(plugin: list[str]) -> None:
    """A plugin cannot replace a published table in silence."""
    plugin.append(OTHER.replace("key: other", "key: rain"))
    result = runner.invoke(papers.app, ["list"])
    assert isinstance(result.exception, PluginError)
    assert "'rain'" in result.exception.what


@pytest.mark.parametrize("argv", [["show", "rein"], ["show", "rain", "--table", "7"]])
def test_an_unknown_paper_or_table(argv: list[str]) -> None:
    """A name that is not there is an error with those that are."""
    result = runner.invoke(papers.app, argv)
    assert isinstance(result.exception, UnknownName)


@pytest.mark.parametrize("argv", [["papers", "list"], ["data", "list"]])
def test_listing_does_not_import_torch(argv: list[str]) -> None:
    """In a fresh process neither list imports torch."""
    code = (
        "import sys\n"
        f"sys.argv = ['harness', *{argv!r}]\n"
        "from harness.cli import app\n"
        "app(standalone_mode=False)\n"
        "sys.exit('torch is imported' if 'torch' in sys.modules else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
