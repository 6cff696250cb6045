"""A method's page: its paper's tables, published beside reproduced, and all its rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.specs import load_paper
from harness.stats.verdicts import judge
from leaderboard.estimates import Estimates, MetricAt
from leaderboard.library import read
from leaderboard.method_page import MethodPage, make_method
from leaderboard.render import Renderer
from leaderboard.wording import ABSENT, percent, points
from tests.leaderboard.pages import Element, read_page, row_of, table_of
from tests.leaderboard.shelf import CAVIAR, DECLARED, WHOLE, Shelf

DESCRIPTION = {
    "title": "INTACT",
    "summary": "Restores `LR` queries.",
    "paper": "intact",
    "departures": ["Sizes are <ours>.", "The gallery is not super-resolved."],
    "recipe": "Minutes.",
}
PROVENANCE = {"distribution": "reid-harness", "version": "0.1.0", "description": DESCRIPTION}
VIPER = replace(CAVIAR, id="a" * 64, key="mlr-viper", dataset="mlr-viper")
WITHOUT = {
    "MSE+ID": {"use_gan": False, "use_assoc": False},
    "MSE+ID+GAN": {"use_assoc": False},
    "W/O (Fig. 5 (d))": {"use_bridge": False},
}


@pytest.fixture
def shelf(store):
    """INTACT as it is on CAVIAR, over five splits."""
    shelf = Shelf(store)
    shelf.run(
        "intact",
        splits=range(5),
        config=WHOLE,
        config_hash="whole",
        provenance=PROVENANCE,
        weights=DECLARED,
    )
    return shelf


def ablate(shelf: Shelf, *rows: str) -> None:
    for name in rows:
        changed = WITHOUT.get(name, {})
        shelf.run(
            "intact",
            splits=(0,),
            config=WHOLE | changed,
            config_hash=name,
            narrowed=", ".join(f"{key}={value}" for key, value in changed.items()),
            protocol=VIPER,
        )


def made(shelf: Shelf, key: str = "intact") -> MethodPage:
    return make_method(read(shelf.store), Estimates(shelf.store), key)


def rendered(shelf: Shelf, home: Path, key: str = "intact") -> Element:
    path = home / "page.html"
    path.write_text(Renderer().render("method.html.j2", "methods/page.html", made(shelf, key)))
    return read_page(path)


def test_what_a_method_says_of_itself(shelf, home):
    """Title, summary, paper, versions and departures, escaped, with code as code."""
    page = rendered(shelf, home)
    assert page.all("h1")[0].text == "INTACT"
    assert "Restores LR queries." in page.text
    assert [code.text for code in page.all("p")[0].all("code")] == ["LR"]
    assert "Zhiyi Cheng, Qi Dong, Shaogang Gong, Xiatian Zhu. Inter-Task" in page.text
    assert "CVPR 2020." in page.text
    assert "intact version 1" in page.text
    assert [item.text for item in page.all("ol")[0].all("li")] == DESCRIPTION["departures"]


def test_the_newest_fit_speaks(shelf):
    """Of several fits the newest says what the method is; one without a word is passed over."""
    newer = PROVENANCE | {"description": DESCRIPTION | {"summary": "Newer."}}
    shelf.run("intact", splits=(7,), config=WHOLE, config_hash="b", provenance=newer)
    shelf.run("intact", splits=(8,), config=WHOLE, config_hash="c")
    assert made(shelf).summary == "Newer."


def test_a_method_that_no_paper_has(shelf, home):
    """It is called what it calls itself, and has neither paper nor table."""
    named = {"description": {"title": "Mine", "summary": "My own.", "departures": []}}
    shelf.run("mine", splits=(0,), provenance=named)
    page = rendered(shelf, home, "mine")
    assert page.all("h1")[0].text == "Mine"
    assert "no table" in page.text
    assert "None known." in page.text
    assert [table.all("caption")[0].text[:9] for table in page.all("table")] == ["Every row"]


def test_a_method_that_was_never_run(store, home):
    """Of a method without a run the papers speak, and every number of theirs is not run."""
    page = rendered(Shelf(store), home)
    assert page.all("h1")[0].text == "INTACT"
    assert "No trial of it has been scored." in page.text
    assert "no stored fit of it has them" in page.text
    verdicts = [span.text for span in page.all("span") if span.has("verdict")]
    assert verdicts == ["○ not run"] * (15 + 9 + 6)
    assert "harness run --plugin intact --dataset caviar" in page.text
    assert "--set use_gan=false --set use_assoc=false" in page.text
    assert "--dataset mlr-cuhk03" not in page.text


@pytest.mark.parametrize("key", ["1", "3", "5"])
def test_the_tables_as_printed(shelf, home, key):
    """Every row of the paper's table is there, each number as printed, bold and underlined."""
    table = load_paper("intact").table(key)
    shown = table_of(rendered(shelf, home), f"Table {key} of INTACT as printed")
    heads = [th.text for th in shown.all("th") if th.attributes["scope"] == "colgroup"]
    assert heads == list(table.datasets)
    rows = [row for row in shown.all("tr") if row.has("published")]
    assert len(rows) == len(table.rows)
    for row, element in zip(table.rows, rows, strict=True):
        assert element.all("th")[0].text.startswith(row.name)
        assert element.has("own") is (row.method == "intact")
        entries = [entry for cells in row.cells.values() for entry in cells.values()]
        for entry, cell in zip(entries, element.all("td"), strict=True):
            assert cell.text.removesuffix(" not reported") == entry.printed
            assert bool(cell.all("strong")) is entry.bold
            assert bool(cell.all("u")) is entry.underline


def test_reproduced_under_its_own_row(shelf, home):
    """The line under INTACT's row has our number where we have one, and a dash elsewhere."""
    shown = table_of(rendered(shelf, home), "Table 1 of INTACT as printed")
    cells = row_of(shown, "reproduced", "recipe quick: 6,000 images at 128 x 64")
    assert [cell.text for cell in cells[:12]] == [ABSENT] * 12
    (row,) = read(shelf.store).rows
    scores = [trial.score for trial in row.trials]
    for cell, k in zip(cells[12:], (1, 5, 10), strict=True):
        ours = Estimates(shelf.store).of(scores, MetricAt("cmc_single@1", k))
        assert cell.text.startswith(percent(ours.value))


def test_one_line_for_one_training(shelf):
    """What was trained alike on two data sets is one line; another recipe is another."""
    shelf.run("intact", config=WHOLE, config_hash="whole", protocol=VIPER, weights=DECLARED)
    shelf.run("intact", config=WHOLE, config_hash="more", recipe="standard", weights=DECLARED)
    (own,) = [row for row in made(shelf).tables[0].printed.rows if row.own]
    places = [sorted({dataset for dataset, _ in line.comparisons}) for line in own.lines]
    assert sorted(places) == [["caviar"], ["caviar", "mlr-viper"]]


def test_verdicts_number_by_number(shelf, home):
    """Published, ours with its interval, Δ, the verdict with what it was made with, and why."""
    shown = next(table for table in rendered(shelf, home).all("table") if table.has("verdicts"))
    (row,) = read(shelf.store).rows
    scores = [trial.score for trial in row.trials]
    for k, printed in ((1, "44.0"), (5, "81.8"), (10, "93.9")):
        ours = Estimates(shelf.store).of(scores, MetricAt("cmc_single@1", k))
        verdict = judge(float(printed) / 100, ours)
        (cells,) = [
            cells
            for header, cells in shown.rows().items()
            if header.split()[:2] == ["caviar,", f"rank-{k}"]
        ]
        assert cells[0].text == printed
        assert cells[1].text == (
            f"{percent(ours.value)} [{percent(ours.low)}, {percent(ours.high)}]"
        )
        assert ours.value is not None
        assert cells[2].text == points(ours.value - float(printed) / 100)
        assert cells[3].text.endswith(
            f"{verdict.name} reduced recipe quick; weights own.safetensors; 5 of 10 splits"
        )
        assert cells[4].text == verdict.reason


def test_an_ablation_is_not_beside_the_whole_method(shelf):
    """A run with a term off stands beside its own row of Table 3 or 5, and nowhere in Table 1."""
    ablate(shelf, *WITHOUT)
    first, third, fifth = made(shelf).tables
    hashes = {
        r.row.config_hash for c in first.compared for r in c.reproductions if r.row is not None
    }
    assert hashes == {"whole"}
    for table in (third, fifth):
        for compared in table.compared:
            for reproduction in compared.reproductions:
                assert reproduction.row is None or (
                    reproduction.row.config_hash == reproduction.source
                )


def test_an_ablation_on_another_data_set_is_not_comparable(shelf, home):
    """Table 3 on mlr-viper: our numbers stand beside the paper's rows, without Δ and verdict."""
    ablate(shelf, *WITHOUT)
    page = rendered(shelf, home)
    table = [t for t in page.all("table") if t.has("verdicts")][1]
    cells = row_of(table, "MSE+ID, rank-1", "on mlr-viper", "use_gan=False")
    assert cells[1].all("data")
    assert cells[2].text == ABSENT
    assert cells[3].text.startswith("∥ not comparable")
    assert cells[4].text == "Run on mlr-viper, published on mlr-market1501."
    printed = table_of(page, "Table 3 of INTACT as printed")
    assert not [header for header in printed.rows() if "reproduced" in header]


def test_one_row_alone_has_no_order(shelf):
    """A data set on which one row of an ablation was run says nothing of it: caviar is left out."""
    ablate(shelf, "MSE+ID", "MSE+ID+GAN")
    third = made(shelf).tables[1]
    datasets = [[r.row.dataset for r in c.reproductions if r.row] for c in third.compared]
    assert datasets == [["mlr-viper"], ["mlr-viper"], []]


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        (
            {"protocol": replace(CAVIAR, id="b" * 64, key="caviar-r4")},
            "Run under protocol caviar-r4, published as if under caviar.",
        ),
        (
            {"provenance": {"original_data": False}},
            "Run on images that differ from the original data set.",
        ),
        (
            {"protocol": replace(CAVIAR, id="b" * 64, key="cuhk", dataset="mlr-cuhk03")},
            "No protocol is assumed for the published number.",
        ),
    ],
)
def test_what_is_not_comparable(store, named, reason):
    """Another protocol, other images, or none assumed: the numbers stand there, uncompared."""
    shelf = Shelf(store)
    shelf.run("intact", config=WHOLE, **named)
    (found,) = [r for c in made(shelf).tables[0].compared for r in c.reproductions if r.row]
    for comparison in found.comparisons:
        assert comparison.ours is not None
        assert comparison.delta is None
        assert comparison.verdict is not None
        assert (comparison.verdict.name, comparison.verdict.reason) == ("not comparable", reason)


def test_a_metric_that_is_not_ours(shelf):
    """A published metric that no score has stands there without a verdict."""
    library = read(shelf.store)
    paper = library.papers["rain"]
    row = next(r for r in paper.table("1").rows if r.method == "baseline-hr")
    cells = {"caviar": {"rank50": row.cells["caviar"]["rank1"]}}
    table = paper.table("1").model_copy(update={"rows": (row.model_copy(update={"cells": cells}),)})
    paper = paper.model_copy(update={"tables": (table,)})
    shelf.run("baseline-hr")
    library = replace(read(shelf.store), papers={"rain": paper}, cells=paper.cells())
    page = make_method(library, Estimates(shelf.store), "baseline-hr")
    (comparison,) = page.tables[0].compared[0].reproductions[0].comparisons
    assert (comparison.ours, comparison.delta, comparison.verdict) == (None, None, None)
    assert "rank-50" in Renderer().render("method.html.j2", "methods/x.html", page)


def test_all_stored_rows(shelf, home):
    """Every row of the store is listed with recipe, settings, trials, rank-1 and its runs."""
    ablate(shelf, "MSE+ID")
    page = rendered(shelf, home)
    table = table_of(page, "Every row that the store has")
    assert len(table.rows()) == 2
    cells = row_of(table, "mlr-viper")
    assert [cell.text for cell in cells[:2]] == [
        "mlr-viper",
        "quick use_gan=False, use_assoc=False",
    ]
    assert cells[4].text.startswith("1 of 10 splits")
    assert [a.attributes["href"][:8] for a in cells[4].all("a")] == ["../runs/"]
    (row,) = [row for row in read(shelf.store).rows if row.dataset == "mlr-viper"]
    ours = Estimates(shelf.store).of([t.score for t in row.trials], MetricAt("cmc_single@1", 1))
    assert cells[5].text.startswith(percent(ours.value))


def test_assumptions_name_the_data_set(shelf, home):
    """What is assumed is said for each data set of the table, and what the paper leaves open."""
    page = rendered(shelf, home)
    assert (
        "INTACT, Table 1, on caviar: assumed protocol caviar; the paper does not say" in page.text
    )
    assert "INTACT, Table 1, on mlr-cuhk03: no assumed protocol" in page.text
    assert "INTACT, without the bridge on mlr-market1501, rank-1, 84.3: verbatim." in page.text


def test_linked_from_everywhere(built):
    """The overview, the data set's page and the run's page link to the method's page."""
    run = built.runs["hr"]
    for page in ("index.html", "datasets/caviar.html", f"runs/{run}.html"):
        hrefs = [a.attributes["href"] for a in read_page(built.site / page).all("a")]
        assert any(href.endswith("methods/baseline-hr.html") for href in hrefs), page


def test_a_run_page_leaves_the_description_out(shelf, home, harness):
    """What a method says of itself stands on its page, not among a run's provenance."""
    assert harness("leaderboard", "build").code == 0
    (run,) = read(shelf.store).runs
    assert "Restores" not in read_page(home / "site" / "runs" / f"{run.id}.html").text
    assert "Restores" in read_page(home / "site" / "methods" / "intact.html").text
