"""A data set's page: published rows beside reproduced ones, and their numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.specs import load_paper
from leaderboard.dataset_page import make_dataset
from leaderboard.estimates import Estimates, MetricAt
from leaderboard.library import read
from leaderboard.render import Renderer
from leaderboard.site import build
from leaderboard.wording import ABSENT, percent, points
from tests.leaderboard.conftest import HOSTILE, Built
from tests.leaderboard.pages import read_page, row_of, table_of
from tests.leaderboard.shelf import CAVIAR, WHOLE, Shelf

RANK1, RANK5, RANK10, RANK20, MAP_SUM, MAP_TRAPEZOID, MAP_SINGLE, MINP, GAIN, TRIALS = range(10)
STORED = [
    ("cmc_single@1", 1),
    ("cmc_single@1", 5),
    ("cmc_single@1", 10),
    ("cmc_single@1", 20),
    ("map_sum_precision@1", None),
    ("map_trapezoid@1", None),
    ("map_single@1", None),
    ("minp@1", None),
]


@pytest.fixture
def caviar(built):
    return read_page(built.site / "datasets" / "caviar.html")


@pytest.fixture
def results(caviar):
    return table_of(caviar, "numbers as printed")


def stored_mean(built: Built, run: str, name: str, k: int | None) -> float:
    values = [
        metric.value
        for score in built.store.where_scores(built.runs[run])
        for metric in score.metrics
        if (metric.name, metric.k) == (name, k) and metric.value is not None
    ]
    return sum(values) / len(values)


@pytest.mark.parametrize(
    ("run", "title"),
    [
        ("floor", "Initial weights, no training"),
        ("hr", "Baseline (HR)"),
        ("hr-lr", "Baseline (HR & LR)"),
        ("hostile", HOSTILE),
    ],
)
def test_reproduced_numbers_are_those_of_the_store(built, results, run, title):
    """Every reproduced number is the mean of the stored ones, in per cent."""
    cells = row_of(results, "reproduced", title)
    for cell, (name, k) in zip(cells, STORED, strict=False):
        (data,) = cell.all("data")
        expected = stored_mean(built, run, name, k)
        assert float(data.attributes["value"]) == pytest.approx(expected, abs=1e-6)
        assert data.text == percent(expected)


def test_published_numbers_are_as_printed(results):
    """The published rows have the paper's own strings, dashes included, and no other number."""
    for row in load_paper("rain").table("1").rows:
        entries = row.cells["caviar"]
        if all(entry.printed == "-" for entry in entries.values()):
            continue
        cells = row_of(results, "published", row.title or row.name, "RAIN, Table 1")
        printed = [cells[i].text for i in (RANK1, RANK5, RANK10, RANK20)]
        assert printed == [entries[m].printed for m in ("rank1", "rank5", "rank10", "rank20")]
        assert {cells[i].text for i in (MAP_SUM, MAP_TRAPEZOID, MAP_SINGLE, MINP, GAIN)} == {ABSENT}


def test_a_row_that_reports_nothing_on_the_data_set_is_left_out(results):
    """RAIN has dashes only for CSR-GAN on CAVIAR, so that row is not there; INTACT has numbers."""
    (row,) = [header for header in results.rows() if "CSR-GAN" in header]
    assert "in INTACT, Table 1" in row


def test_kinds_differ_by_word_and_shape(results):
    """A row says in its header whether it is published or reproduced, in a word and a shape."""
    for header in results.rows():
        assert header.startswith(("◇ published ", "● reproduced "))


def test_reproduced_stands_right_after_published(results):
    """What we reproduced of a method is the row after what was published of it."""
    headers = list(results.rows())
    (place,) = [i for i, h in enumerate(headers) if h.startswith("◇ published Baseline (HR) ")]
    assert headers[place + 1].startswith("● reproduced Baseline (HR) ")
    assert headers[0].startswith("● reproduced Initial weights")


def test_delta_by_hand(built, results):
    """Δ is reproduced less published in points: rank-1 of Baseline (HR) less 27.5."""
    ours = stored_mean(built, "hr", "cmc_single@1", 1)
    cell = row_of(results, "reproduced", "Baseline (HR)")[RANK1]
    (delta,) = [span.text for span in cell.all("span") if span.has("delta")]
    assert delta == f"Δ {points(ours - 0.275)}"
    floor = row_of(results, "reproduced", "Initial weights")[RANK1]
    assert "Δ" not in floor.text


def test_interval_holds_the_value(results):
    """Every reproduced number lies in its interval."""
    intervals = 0
    for header, cells in results.rows().items():
        for cell in cells[:GAIN] if "reproduced" in header else ():
            value = float(cell.all("data")[0].text)
            low, high = cell.all("span")[0].text.strip("[]").split(", ")
            assert float(low) <= value <= float(high)
            intervals += 1
    assert intervals == 4 * len(STORED)


def test_gain_is_paired_over_common_trials(built, results):
    """The difference to the initial weights is over the two trials that both have."""
    library, estimates = read(built.store), Estimates(built.store)
    rows = {row.method: [t.score for t in row.trials] for row in library.rows}
    metric = MetricAt("cmc_single@1", 1)
    expected = estimates.difference(rows["baseline-hr"], rows["initial-weights"], metric)
    assert expected is not None
    assert expected.n_trials == 2
    text = row_of(results, "reproduced", "Baseline (HR)")[GAIN].text
    ends = f"[{points(expected.low)}, {points(expected.high)}]"
    assert text == f"{points(expected.value)} {ends} over 2 common trials"
    assert row_of(results, "reproduced", "Initial weights")[GAIN].text == "reference"


def test_other_weights_are_no_floor(results):
    """A row that began from other weights is not compared with the initial ones."""
    text = row_of(results, "reproduced", "Baseline (HR & LR)")[GAIN].text
    assert text == "not run from these weights"


def test_trials_and_runs(built, results):
    """A row says how much of the protocol was run, and links the runs that made it."""
    cell = row_of(results, "reproduced", "Baseline (HR)")[TRIALS]
    assert cell.text.startswith("3 of 10 splits \N{MULTIPLICATION SIGN} 1 seed run ")
    assert [a.attributes["href"] for a in cell.all("a")] == [f"../runs/{built.runs['hr']}.html"]


def test_what_a_recipe_narrows_and_the_weights(results):
    """The row's header has the recipe with what it narrows, and whether trained_on is declared."""
    headers = list(results.rows())
    (hr,) = [h for h in headers if h.startswith("● reproduced Baseline (HR) ")]
    (both,) = [h for h in headers if h.startswith("● reproduced Baseline (HR & LR)")]
    (hostile,) = [h for h in headers if HOSTILE in h]
    assert "quick: 6,000 images at 128 x 64; weights imagenet, trained_on undeclared" in hr
    assert "weights own.safetensors, trained_on declared" in both
    assert hostile.endswith("weights none (random)")


def test_cost(caviar):
    """Images, time and images/s are of all trials together: 3 x 6016 images in 3 x 80 s."""
    made = table_of(caviar, "How the reproduced rows were made")
    cells = [cell.text for cell in row_of(made, "Baseline (HR) ")]
    assert cells[2:7] == ["bf16", "v, euclidean, float32", "18,048", "4.0 min", "75.2"]
    assert cells[7] == "BCa over identities, these splits only 24 identities"
    assert [cell.text for cell in row_of(made, "Initial weights")][4:7] == ["none", "none", ABSENT]


def test_what_is_assumed(caviar):
    """The assumed protocol and what the paper leaves open are named, and the metric's version."""
    assert (
        "RAIN, Table 1, on caviar: assumed protocol caviar; the paper does not say: the ten 25/25 "
        "splits, the number of repetitions." in caviar.text
    )
    assert "rank-k is CMC, single-shot, cmc_single@1." in caviar.text
    assert "Mean over queries of n / rank_n" in caviar.text


def test_hostile_names_are_text(built, caviar):
    """A method named like an element is shown, not built."""
    assert HOSTILE in caviar.text
    assert not caviar.all("img")
    assert "<img" not in (built.site / "datasets" / "caviar.html").read_text()


def test_published_only(built):
    """A data set without a protocol of ours has its published rows, and nothing beside them."""
    page = read_page(built.site / "datasets" / "mlr-cuhk03.html")
    table = table_of(page, "numbers as printed")
    assert len(table.rows()) == 7 + 9  # RAIN's nine less two of dashes, INTACT's ten less one
    assert all("published" in header for header in table.rows())
    assert row_of(table, "Baseline (HR)")[-1].text == "not run"
    assert "no assumed protocol" in page.text
    assert not page.all("data")


def test_without_a_floor_its_row_says_not_run(store, home):
    """Every table of a protocol has the row of the initial weights, run or not."""
    Shelf(store).run("baseline-hr", splits=(0,))
    build(store, home / "site", lambda _done, _total: None)
    results = table_of(read_page(home / "site" / "datasets" / "caviar.html"), "as printed")
    cells = [cell.text for cell in row_of(results, "○ not run Initial weights, no training")]
    assert cells[-1] == "harness run --plugin initial-weights --dataset caviar"
    assert set(cells[:-1]) == {ABSENT}
    assert row_of(results, "reproduced", "Baseline (HR)")[GAIN].text == "not run"
    assert row_of(results, "published", "Baseline (HR & LR)")[TRIALS].text == (
        "not run: harness run --plugin baseline-hr-lr --dataset caviar"
    )


def test_no_common_trial(store):
    """A row over other splits than the initial weights is not compared with them."""
    shelf = Shelf(store)
    shelf.run("initial-weights", splits=(0,))
    shelf.run("baseline-hr", splits=(1,))
    (table,) = make_dataset(read(store), Estimates(store), "caviar").tables
    statuses = {row.row.method: row.gain.status for row in table.reproduced}
    assert statuses == {"initial-weights": "reference", "baseline-hr": "other trials"}


def test_other_images_than_the_original_are_not_compared(store):
    """A row made on images that differ from the original has no distance to published numbers."""
    shelf = Shelf(store)
    shelf.run("baseline-hr", splits=(0,))
    shelf.run("baseline-hr-lr", splits=(0,), provenance={"original_data": False})
    (table,) = make_dataset(read(store), Estimates(store), "caviar").tables
    rows = {row.row.method: row for row in table.reproduced}
    assert rows["baseline-hr"].original
    assert any(rows["baseline-hr"].deltas.values())
    assert not rows["baseline-hr-lr"].original
    assert not any(rows["baseline-hr-lr"].deltas.values())


def test_other_settings_are_not_set_beside_published_numbers(store):
    """A run with a loss off is a group of its own after INTACT's, without a distance to 44.0."""
    shelf = Shelf(store)
    shelf.run("intact", splits=(0,), config=WHOLE, config_hash="whole")
    shelf.run("intact", splits=(0,), config=WHOLE | {"use_gan": False}, config_hash="less")
    shelf.run("initial-weights", splits=(0,))
    (table,) = make_dataset(read(store), Estimates(store), "caviar").tables
    places = [i for i, group in enumerate(table.groups) if group.method == "intact"]
    beside, apart = (table.groups[i] for i in places)
    assert places == [len(table.groups) - 2, len(table.groups) - 1]
    assert table.groups[0].method == "initial-weights"
    assert [row.source for row in beside.published] == ["Table 1, INTACT (Ours)"]
    (whole,), (less,) = beside.reproduced, apart.reproduced
    assert (whole.row.config_hash, less.row.config_hash) == ("whole", "less")
    assert [delta.source for delta in whole.deltas["rank1"]] == ["INTACT, Table 1, INTACT (Ours)"]
    assert not apart.published
    assert not any(less.deltas.values())


def test_rows_of_several_settings(store, home):
    """Each run stands beside the tables of its settings; tables of one number share its Δ."""
    shelf = Shelf(store)
    protocol = replace(CAVIAR, id="e" * 64, key="mlr-market1501", dataset="mlr-market1501")
    without = WHOLE | {"use_bridge": False}
    shelf.run("intact", splits=(0,), protocol=protocol, config=WHOLE, config_hash="whole")
    shelf.run("intact", splits=(0,), protocol=protocol, config=without, config_hash="less")
    page = make_dataset(read(store), Estimates(store), "mlr-market1501")
    (table,) = page.tables
    groups = [
        ([r.source for r in g.published], [r.row.config_hash for r in g.reproduced])
        for g in table.groups
        if g.method == "intact"
    ]
    assert groups == [
        (
            [
                "Table 1, INTACT (Ours)",
                "Table 3, MSE+ID+GAN+Association",
                "Table 5, W (Fig. 5 (c))",
            ],
            ["whole"],
        ),
        (["Table 3, MSE+ID"], []),
        (["Table 3, MSE+ID+GAN"], []),
        (["Table 5, W/O (Fig. 5 (d))"], ["less"]),
    ]
    (delta,) = table.reproduced[0].deltas["rank1"]
    assert delta.source.count("INTACT, Table") == 3
    path = home / "page.html"
    path.write_text(Renderer().render("dataset.html.j2", "datasets/mlr-market1501.html", page))
    results = table_of(read_page(path), "as printed")
    assert row_of(results, "published", "INTACT, MSE+ID+GAN ")[-1].text == (
        "not run: harness run --plugin intact --dataset mlr-market1501 --set use_assoc=false"
    )


def test_one_table_for_each_protocol(store):
    """Numbers of two protocols of a data set are never in one table."""
    shelf = Shelf(store)
    shelf.run("baseline-hr", splits=(0,))
    other = replace(CAVIAR, id="d" * 64, key="caviar-r4", title="another")
    shelf.run("baseline-hr", splits=(0,), protocol=other)
    tables = make_dataset(read(store), Estimates(store), "caviar").tables
    assert sorted((table.key, len(table.reproduced)) for table in tables) == [
        ("caviar", 1),
        ("caviar-r4", 1),
    ]
    (foreign,) = [table for table in tables if table.key == "caviar-r4"]
    assert not foreign.published
    assert not any(foreign.reproduced[0].deltas.values())


def test_what_papers_report_otherwise(store, home):
    """Flagged numbers have their note; a mAP of unknown definition has a column of its own."""
    library = read(store)
    cells = [cell for cell in library.cells if cell.dataset == "caviar" and cell.row == "SING"]
    doubtful = replace(cells[0], flag="suspicious", note="Printed twice.")
    unclear = replace(cells[0], metric="map", ap="unknown", printed="30.3", value=0.303)
    library = replace(library, cells=[doubtful, unclear])
    page = make_dataset(library, Estimates(store), "caviar")
    path = home / "caviar.html"
    path.write_text(Renderer().render("dataset.html.j2", "datasets/caviar.html", page))
    table = table_of(read_page(path), "as printed")
    heads = [th.text for th in table.all("th") if th.attributes["scope"] == "col"]
    cells_by_head = dict(zip(heads[1:], row_of(table, "SING"), strict=True))
    assert cells_by_head["rank-1"].text == "33.5 suspicious"
    assert cells_by_head["mAP, definition not stated"].text == "30.3"
    assert cells_by_head["mAP, trapezoid"].text == ABSENT
    assert "SING on caviar, rank-1, 33.5: suspicious. Printed twice." in read_page(path).text


def test_a_protocol_that_only_a_plugin_has(store):
    """A paper may assume a protocol that is not shipped: its table has the published columns."""
    library = read(store)
    cells = [replace(c, protocol="theirs") for c in library.cells if c.dataset == "caviar"]
    (table,) = make_dataset(replace(library, cells=cells), Estimates(store), "caviar").tables
    assert (table.key, table.title, table.headline) == ("theirs", "theirs", None)
    assert [column.key for column in table.columns] == ["rank1", "rank5", "rank10", "rank20"]


def test_a_headline_that_is_not_built_in(store):
    """Without its formula a headline metric has no gain; it is absent, not wrong."""
    shelf = Shelf(store)
    protocol = replace(CAVIAR, headline="theirs@1")
    shelf.run("initial-weights", splits=(0,), protocol=protocol)
    shelf.run("baseline-hr", splits=(0,), protocol=protocol)
    (table,) = make_dataset(read(store), Estimates(store), "caviar").tables
    (hr,) = [row for row in table.reproduced if row.row.method == "baseline-hr"]
    assert hr.gain.status == "not built in"
    assert hr.values["rank1"].value is None
    assert hr.deltas["rank1"] == []
    assert hr.values["minp"].value is not None
