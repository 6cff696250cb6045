"""RAIN's published tables are copied without a slip."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

from harness.specs import list_protocols, load_paper

DATASETS = ("mlr-cuhk03", "mlr-viper", "caviar")
METRICS = ("rank1", "rank5", "rank10", "rank20")


def published() -> dict[tuple[str, str, str], str]:
    return {(c.row, c.dataset, c.metric): c.printed for c in load_paper("rain").cells()}


def test_table_1_is_complete() -> None:
    """Nine methods on three data sets at four ranks, in the paper's order, `-` included."""
    table = load_paper("rain").table("1")
    assert len(table.rows) == 9
    for row in table.rows:
        assert tuple(row.cells) == DATASETS
        assert all(tuple(entries) == METRICS for entries in row.cells.values())


def test_the_rows_that_are_reproduced() -> None:
    """The two baselines point to our methods and have the numbers of the paper's text."""
    cells = load_paper("rain").cells(dataset="caviar")
    found = {c.method: c.value for c in cells if c.metric == "rank1" and c.method}
    assert found == {"baseline-hr": 0.275, "baseline-hr-lr": 0.317}
    assert {c.protocol for c in cells} == {"caviar"}


def test_assumed_protocols_exist() -> None:
    """A protocol that cells are compared under is one that ships."""
    assumed = {cell.protocol for cell in load_paper("rain").cells()} - {None}
    assert assumed <= set(list_protocols())


def test_bold_is_the_best_of_each_column() -> None:
    """As the caption says, the bold number is the largest of its column, and only it."""
    cells = load_paper("rain").cells()
    for dataset in DATASETS:
        for metric in METRICS:
            column = [c for c in cells if (c.dataset, c.metric) == (dataset, metric)]
            best = max(c.value for c in column if c.value is not None)
            assert [c.value for c in column if c.bold] == [best]


def test_the_deltas_of_the_text() -> None:
    """The differences that the paper's text quotes are those between the copied numbers."""
    printed = published()
    quoted = [
        ("mlr-cuhk03", "Ours (single-level)", "SING", "9.9"),
        ("mlr-cuhk03", "Ours (multi-level)", "SING", "11.2"),
        ("mlr-cuhk03", "Ours (single-level)", "Baseline (train on HR)", "17.0"),
        ("mlr-cuhk03", "Ours (single-level)", "Baseline (train on HR & LR)", "11.7"),
        ("mlr-viper", "Ours (single-level)", "CSR-GAN", "4.0"),
        ("mlr-viper", "Ours (multi-level)", "CSR-GAN", "5.3"),
        ("caviar", "Ours (single-level)", "SING", "8.0"),
        ("caviar", "Ours (multi-level)", "SING", "8.5"),
    ]
    for dataset, ours, theirs, delta in quoted:
        difference = Decimal(printed[ours, dataset, "rank1"]) - Decimal(
            printed[theirs, dataset, "rank1"]
        )
        assert difference == Decimal(delta)


def test_each_number_stands_in_the_paper(seeds: Path) -> None:
    """Row by row and in order, the numbers are those of the paper's text."""
    (document,) = seeds.glob("001_*.txt")
    lines = document.read_text(encoding="utf-8").split("Table 1: ")[1].split("Table 2: ")[0]
    rows = [line.split("\t") for line in lines.splitlines() if line.count("\t") == 12][2:]
    assert len(rows) == 9
    for row, line in zip(load_paper("rain").table("1").rows, rows, strict=True):
        name = re.sub(r"\s", "", line[0])
        assert name.startswith(re.sub(r"\s", "", row.name))
        assert (row.cites or "") in line[0]
        ours = [row.cells[dataset][metric].printed for dataset in DATASETS for metric in METRICS]
        assert ours == line[1:]
