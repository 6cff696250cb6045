"""The promises of `harness.specs.paper`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UnknownName, UsageError
from harness.specs import CellEntry, Source, list_papers, load_paper, parse_paper

PAPER = """\
key: tiny
name: TINY
title: A Tiny Paper
authors: [A. Author]
venue: Nowhere
year: 2020
url: https://example.org
tables:
  - key: "2"
    printed: Table II
    title: numbers
    document: the PDF
    ap: unknown
    datasets:
      caviar: {protocol: caviar, unknown: [splits]}
    rows:
      - name: Theirs
        cites: Somebody 2018
        year: 2018
        cells:
          caviar: {rank1: "9.25", map: "-"}
      - name: Ours (full)
        title: TINY
        method: tiny
        settings: {depth: 3, full: true}
        cells:
          caviar:
            rank1: "**27.5**"
            map: {printed: "30.0", flag: suspicious, note: below rank-1 elsewhere}
"""


def refusal(old: str, new: str) -> str:
    assert old in PAPER
    with pytest.raises(UsageError) as caught:
        parse_paper(PAPER.replace(old, new), "tiny.yaml")
    return caught.value.what


def test_cells_carry_all_that_is_known() -> None:
    """A cell has the row's, the table's and the paper's facts, and its own."""
    first, second, third, fourth = parse_paper(PAPER, "tiny.yaml").cells()
    assert (first.row, first.title, first.method, first.year) == ("Theirs", "Theirs", None, 2018)
    assert (first.printed, first.value) == ("9.25", 0.0925)
    assert first.source == Source("the PDF", "Table II", "Theirs")
    assert (first.protocol, first.unknown) == ("caviar", ("splits",))
    assert (third.row, third.title, third.method) == ("Ours (full)", "TINY", "tiny")
    assert (third.year, third.bold, third.flag, third.value) == (2020, True, "verbatim", 0.275)
    assert (fourth.flag, fourth.note) == ("suspicious", "below rank-1 elsewhere")
    assert second.value is None


def test_only_a_map_has_an_ap_definition() -> None:
    """`ap` says which AP is behind a map; a rank-k has none."""
    cells = parse_paper(PAPER, "tiny.yaml").cells()
    assert [(cell.metric, cell.ap) for cell in cells[:2]] == [("rank1", None), ("map", "unknown")]


@pytest.mark.parametrize(
    ("method", "config", "reproduced"),
    [
        ("tiny", {"depth": 3, "full": True, "lr": 0.1}, True),
        ("tiny", {"depth": 3, "full": False}, False),
        ("tiny", {"depth": 3}, False),
        ("tinier", {"depth": 3, "full": True}, False),
    ],
)
def test_a_row_is_reproduced_with_its_settings(
    method: str, config: Mapping[str, Any], reproduced: bool
) -> None:
    """A fit reproduces a row if it is of the row's method and has every setting of the row."""
    theirs, *_, ours = parse_paper(PAPER, "tiny.yaml").cells()
    assert ours.is_reproduced_by(method, config) is reproduced
    assert not theirs.is_reproduced_by(method, config)


def test_a_row_without_settings_is_reproduced_by_any_config() -> None:
    """A method whose rows list no settings is reproduced as it stands."""
    text = PAPER.replace("        settings: {depth: 3, full: true}\n", "")
    assert parse_paper(text, "tiny.yaml").cells()[-1].is_reproduced_by("tiny", {"full": False})


def test_what_a_row_changes() -> None:
    """A row's settings are told against those of the first row of its method."""
    paper = parse_paper(PAPER, "tiny.yaml")
    assert paper.find_changed("tiny", {"depth": 3, "full": True}) == {}
    assert paper.find_changed("tiny", {"depth": 2, "full": True}) == {"depth": 2}
    assert paper.find_changed("another", {"depth": 3}) == {"depth": 3}


def test_settings_need_a_method() -> None:
    """Settings of a row that none of our methods reproduces are refused."""
    assert "'Ours (full)' has settings, but no method" in refusal("        method: tiny\n", "")


def test_cells_of_one_dataset() -> None:
    """Cells can be asked for by data set."""
    paper = parse_paper(PAPER, "tiny.yaml")
    assert paper.cells(dataset="caviar") == paper.cells()
    assert paper.cells(dataset="viper") == ()


def test_tables_are_found_by_key() -> None:
    """A table is found by its key; another key is an unknown name."""
    paper = parse_paper(PAPER, "tiny.yaml")
    assert paper.table("2").printed == "Table II"
    with pytest.raises(UnknownName, match="table of tiny"):
        paper.table("3")


@pytest.mark.parametrize(
    ("written", "printed", "bold", "underline"),
    [
        ("78.9", "78.9", False, False),
        ("**78.9**", "78.9", True, False),
        ("__78.9__", "78.9", False, True),
        ("**__78.9__**", "78.9", True, True),
    ],
)
def test_marks_are_read_as_in_markdown(
    written: str, printed: str, bold: bool, underline: bool
) -> None:
    """Two stars are bold, two underscores underlined."""
    entry = CellEntry.model_validate(written)
    assert (entry.printed, entry.bold, entry.underline) == (printed, bold, underline)


@given(st.integers(0, 10000))
def test_the_value_is_the_nearest_fraction(hundredths: int) -> None:
    """A value is the double nearest to printed / 100: no error creeps in by dividing."""
    printed = f"{hundredths // 100}.{hundredths % 100:02d}"
    assert CellEntry(printed=printed).value == hundredths / 10000


@pytest.mark.parametrize("printed", ["", "abc", "101", "-3", "78,9", "NaN", "Infinity", "****"])
def test_what_is_no_percentage_is_refused(printed: str) -> None:
    """A number outside 0 to 100, or none at all, is refused with what was written."""
    assert repr(printed) in refusal('"9.25"', f'"{printed}"')


def test_numbers_must_be_quoted() -> None:
    """An unquoted 9.250 would lose its last digit, so it is refused with its line."""
    assert "line 21" in refusal('"9.25"', "9.250")


def test_contradictions_of_a_table_are_refused() -> None:
    """A data set without assumptions, a row twice, and a map without `ap` are errors."""
    assert "'viper' is not among" in refusal('caviar: {rank1: "9.25"', 'viper: {rank1: "9.25"')
    assert "'Theirs' is there twice" in refusal("name: Ours (full)", "name: Theirs")
    assert "must state `ap`" in refusal("ap: unknown", "ap: null")


def test_an_unknown_paper() -> None:
    """A key without a file is an unknown name."""
    with pytest.raises(UnknownName, match=r"no paper called 'rein'.*'rain'"):
        load_paper("rein")


@pytest.mark.parametrize("key", list_papers())
def test_what_ships_is_named_as_its_file(key: str) -> None:
    """Each file that ships can be read and has the key of its name."""
    assert load_paper(key).key == key
