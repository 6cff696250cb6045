"""Published cells as rows."""

from __future__ import annotations

from dataclasses import replace

from harness.specs import load_paper
from leaderboard.published import column_of, gather

RAIN = load_paper("rain")
CELLS = RAIN.cells(dataset="caviar")
PAPERS = {"rain": RAIN}


def test_a_map_stands_under_its_definition():
    """A mAP goes to the column of its definition, and to one of its own where it is unknown."""
    cell = replace(CELLS[0], metric="map", ap="trapezoid")
    assert column_of(cell) == "map_trapezoid"
    assert column_of(replace(cell, ap="sum_precision")) == "map_sum_precision"
    assert column_of(replace(cell, ap="unknown")) == "map_unknown"
    assert column_of(CELLS[0]) == "rank1"


def test_rows_are_those_of_the_table():
    """Cells come together by row in the paper's order; a row of dashes is left out."""
    rows = gather(CELLS, PAPERS)
    assert [row.title for row in rows][:4] == ["JUDEA", "SLD²L", "SDF", "SING"]
    assert len(rows) == 8
    assert sum(len(row.cells) for row in rows) == 32
    assert rows[4].source == "Table 1, Baseline (train on HR)"
    assert (rows[0].source, rows[0].year) == ("Table 1", 2015)


def test_a_lost_number_is_no_dash():
    """A row whose numbers are lost stays, since they were reported."""
    lost = [replace(cell, printed="?", value=None) for cell in CELLS if cell.row == "CSR-GAN"]
    assert [row.title for row in gather(lost, PAPERS)] == ["CSR-GAN"]


def test_the_command_of_a_row():
    """A row's command sets what the row sets otherwise than the paper's first row of the method."""
    intact = load_paper("intact")
    rows = gather(intact.cells(dataset="mlr-market1501"), {"intact": intact})
    commands = [row.command("caviar") for row in rows if row.method or row.title == "CamStyle"]
    run = "harness run --plugin intact --dataset caviar"
    assert commands == [
        "",
        run,
        f"{run} --set use_gan=false --set use_assoc=false",
        f"{run} --set use_assoc=false",
        run,
        f"{run} --set use_bridge=false",
        run,
    ]
