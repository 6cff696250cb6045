"""INTACT's published tables are copied without a slip."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from harness.specs import Cell, Row, list_protocols, load_paper

DATASETS = ("mlr-market1501", "mlr-cuhk03", "mlr-viper", "mlr-dukemtmc", "caviar")
METRICS = ("rank1", "rank5", "rank10")
INTACT = "INTACT (Ours)"
PAPER = load_paper("intact")


def columns(table: str) -> Iterator[list[Cell]]:
    for dataset in DATASETS:
        for metric in METRICS:
            yield [
                cell
                for cell in PAPER.cells(dataset=dataset)
                if (cell.table, cell.metric) == (table, metric) and cell.value is not None
            ]


def best(column: list[Cell]) -> float:
    return max(cell.value for cell in column if cell.value is not None)


def number(table: str, row: str, dataset: str = "mlr-market1501", metric: str = "rank1") -> Decimal:
    (found,) = [r for r in PAPER.table(table).rows if r.name == row]
    return Decimal(found.cells[dataset][metric].printed)


def test_table_1_is_complete() -> None:
    """Ten methods on five data sets at three ranks, in the paper's order, `-` included."""
    table = PAPER.table("1")
    assert len(table.rows) == 10
    assert tuple(table.datasets) == DATASETS
    for row in table.rows:
        assert tuple(row.cells) == DATASETS
        assert all(tuple(entries) == METRICS for entries in row.cells.values())


def test_tables_3_and_5_are_complete() -> None:
    """Three supervisions and two bridge constraints, at three ranks on one data set."""
    for key, rows in (("3", 3), ("5", 2)):
        table = PAPER.table(key)
        assert len(table.rows) == rows
        for row in table.rows:
            assert tuple(row.cells) == ("mlr-market1501",)
            assert tuple(row.cells["mlr-market1501"]) == METRICS


def test_what_the_notes_leave_open() -> None:
    """Gallery shots are never said, nor CAVIAR's query camera, nor the data set of Table 5."""
    left_open = {
        (cell.table, cell.dataset): cell.unknown for cell in PAPER.cells() if cell.value is not None
    }
    assert len(left_open) == 7
    for (_, dataset), unknown in left_open.items():
        shots = "whether the gallery is single-shot or multi-shot" in unknown
        assert shots == (dataset != "mlr-viper")  # VIPeR has one image of each camera
    assert "which of the two cameras queries" in left_open["1", "caviar"]
    assert left_open["5", "mlr-market1501"][0].startswith("the data set (inferred")
    assert {cell.flag for cell in PAPER.cells()} == {"verbatim"}  # the numbers are as printed


def test_each_row_of_ours_lists_its_switches() -> None:
    """A row of INTACT says which losses are on, so that no other run is set beside it."""
    switches = {
        (cell.table, cell.row): "".join(
            key.removeprefix("use_")[0] if on else "-" for key, on in cell.settings.items()
        )
        for cell in PAPER.cells()
        if cell.method == "intact"
    }
    assert switches == {  # m(se) i(d) g(an) a(ssociation) b(ridge)
        ("1", INTACT): "migab",
        ("3", "MSE+ID"): "mi--",
        ("3", "MSE+ID+GAN"): "mig-",
        ("3", "MSE+ID+GAN+Association"): "migab",
        ("5", "W/O (Fig. 5 (d))"): "miga-",
        ("5", "W (Fig. 5 (c))"): "migab",
    }


def test_the_numbers_of_the_command_on_the_card() -> None:
    """INTACT on CAVIAR is 44.0 / 81.8 / 93.9, under our protocol `caviar`."""
    cells = [cell for cell in PAPER.cells(dataset="caviar") if cell.method == "intact"]
    assert [cell.printed for cell in cells] == ["44.0", "81.8", "93.9"]
    assert {cell.protocol for cell in cells} == {"caviar"}


def test_assumed_protocols_exist() -> None:
    """A protocol that cells are compared under is one that ships."""
    assert {cell.protocol for cell in PAPER.cells()} - {None} <= set(list_protocols())


def test_bold_is_the_best_of_each_column() -> None:
    """Bold is the largest of its column; where CAD has the same 97.4, INTACT's is bold."""
    for table in ("1", "3", "5"):
        for column in columns(table):
            if column:
                (bold,) = [cell for cell in column if cell.bold]
                assert bold.value == best(column)


def test_underlined_is_the_second_of_each_column() -> None:
    """An underline marks the second result; where it does not, the table's note says so."""
    missing, misplaced = [], []
    for column in columns("1"):
        second = best([cell for cell in column if not cell.bold])
        underlined = [cell for cell in column if cell.underline]
        misplaced += [(c.row, c.dataset, c.printed) for c in underlined if c.value != second]
        if not underlined:
            missing += [(c.row, c.printed) for c in column if c.value == second and not c.bold]
    assert missing == [("CAD", "83.7"), ("CAD", "95.8"), ("CAD", "82.1"), ("CAD", "89.6")]
    assert misplaced == [(INTACT, "mlr-cuhk03", "98.5")]
    assert "Four second results of CAD" in (PAPER.table("1").note or "")


def test_the_tables_agree_with_each_other() -> None:
    """The whole method has one row in three tables; what is added is what was gained."""
    whole = [("1", INTACT), ("3", "MSE+ID+GAN+Association"), ("5", "W (Fig. 5 (c))")]
    for metric in METRICS:
        assert len({number(t, row, metric=metric) for t, row in whole}) == 1
    gains = [
        number("3", "MSE+ID+GAN") - number("3", "MSE+ID"),
        number("3", "MSE+ID+GAN+Association") - number("3", "MSE+ID+GAN"),
        number("5", "W (Fig. 5 (c))") - number("5", "W/O (Fig. 5 (d))"),
        number("5", "W/O (Fig. 5 (d))") - number("3", "MSE+ID+GAN"),
    ]
    assert gains == [Decimal(d) for d in ("1.0", "3.4", "3.8", "-0.4")]


def test_the_gains_over_cad() -> None:
    """By hand: 88.1 - 83.7, 86.4 - 82.1, 46.2 - 43.1, 81.2 - 75.6, 44.0 - 42.8."""
    gains = [number("1", INTACT, d) - number("1", "CAD", d) for d in DATASETS]
    assert gains == [Decimal(gain) for gain in ("4.4", "4.3", "3.1", "5.6", "1.2")]


def test_numbers_that_rain_prints_as_well() -> None:
    """Where both papers have a number they agree, but for SDF's 9.25, which is printed 9.3."""
    rain = {(c.row, c.dataset, c.metric): c.printed for c in load_paper("rain").cells()}
    rows = {"RAIN": "Ours (multi-level)"}
    differing = [
        (cell.row, cell.printed, theirs)
        for cell in PAPER.cells()
        if cell.value is not None
        and (theirs := rain.get((rows.get(cell.row, cell.row), cell.dataset, cell.metric)))
        and theirs not in ("-", cell.printed)
    ]
    assert differing == [("SDF", "9.3", "9.25")]
    (sdf,) = [cell for cell in PAPER.cells() if cell.printed == "9.3"]
    assert "9.25" in (sdf.note or "")


def test_each_number_stands_in_the_source(seeds: Path) -> None:
    """Row by row and in order, the numbers and their marks are those of the reading notes."""
    (document,) = seeds.glob("000_*.txt")
    text = document.read_text(encoding="utf-8")
    for table in PAPER.tables:
        body = text.split(f"{table.printed}. ")[1].split("\n\n")[1]
        lines = [line.split("\t") for line in body.splitlines()]
        found = [line for line in lines if re.fullmatch(r"[-<>/bu\d.]+", line[-1])]
        assert len(found) == len(table.rows)
        for row, line in zip(table.rows, found, strict=True):
            name = re.sub(r"\s|</?sup>", "", line[0]).replace("SLD2L", "SLD²L")
            assert name == re.sub(r"\s", "", row.name + (row.cites or ""))
            assert _written(row) == line[1:]


def _written(row: Row) -> list[str]:
    """Return a row's numbers with the marks of the reading notes."""
    entries = [entry for of_dataset in row.cells.values() for entry in of_dataset.values()]
    marks = ["b" if entry.bold else "u" if entry.underline else "" for entry in entries]
    return [
        f"<{mark}>{entry.printed}</{mark}>" if mark else entry.printed
        for entry, mark in zip(entries, marks, strict=True)
    ]
