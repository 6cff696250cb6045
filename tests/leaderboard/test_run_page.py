"""A run's page: command, trials, numbers, curves, hardest queries, environment."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.definitions.counts import cmc_multi, cmc_single
from harness.store import MetricValue, ScoreDraft
from harness.store.drafts import Loss
from harness.types import Trial
from leaderboard.estimates import Estimates, MetricAt
from leaderboard.library import read
from leaderboard.queries import cmc, hardest
from leaderboard.run_page import make_run
from leaderboard.wording import percent
from tests.leaderboard.conftest import HOSTILE, Built
from tests.leaderboard.pages import Element, read_page, row_of, table_of
from tests.leaderboard.shelf import QUERY, VARIANT, Shelf


def page_of(built: Built, name: str) -> Element:
    return read_page(built.site / "runs" / f"{built.runs[name]}.html")


def test_command_and_status(built):
    """The page has the command as for a shell, the status in a word, and times in UTC."""
    page = page_of(built, "hr")
    assert page.all("pre")[0].text == "harness run --plugin baseline-hr --dataset caviar"
    assert page.all("h1")[0].text == "Baseline (HR) on caviar"
    run = built.store.find_or_raise_run(built.runs["hr"])
    times = [time.attributes["datetime"] for time in page.all("time")]
    assert times == [f"{run.created[:19]}Z", f"{run.finished[:19]}Z"]
    assert "done" in page.all("dl")[0].text


def test_an_interrupted_run_says_so(built):
    """A run that nobody works on is interrupted, and the page says that its command resumes it."""
    text = page_of(built, "interrupted").text
    assert "interrupted (the same command resumes it)" in text
    assert "No trial of this run has a score yet." in text


def test_hostile_arguments_are_text(built):
    """A command line with an element in it is shown as it would be typed."""
    page = page_of(built, "hostile")
    assert page.all("pre")[0].text == f"harness run --plugin '{HOSTILE}' --dataset caviar"
    assert not page.all("img")


def test_trials_are_those_of_the_store(built):
    """Each trial has its split, its seed, and the stored values in per cent."""
    table = table_of(page_of(built, "hr"), "Each trial")
    for score in built.store.where_scores(built.runs["hr"]):
        stored = {(m.name, m.k): m.value for m in score.metrics}
        cells = [cell.text for cell in row_of(table, f"split {score.split}, seed 1")]
        expected = [percent(stored["cmc_single@1", k]) for k in (1, 5, 10)]
        assert cells[1:5] == [*expected, percent(stored["map_sum_precision@1", None])]
        assert cells[5:] == ["80 s", "75.2", "6,016", "a CPU"]


def test_metrics_with_intervals(built):
    """Every stored metric has its mean with an interval, the headline metric first."""
    page = page_of(built, "hr")
    table = table_of(page, "Metrics over 3 trials")
    headers = list(table.rows())
    assert headers[:2] == ["CMC, single-shot, rank-1 rank1", "CMC, single-shot, rank-5 rank5"]
    assert len(headers) == 16
    scores = built.store.where_scores(built.runs["hr"])
    values = [m.value for s in scores for m in s.metrics if (m.name, m.k) == ("minp@1", None)]
    cell = row_of(table, "mINP")[0]
    assert cell.all("data")[0].text == percent(float(np.mean(values)))
    assert "[" in cell.text


def test_cmc_by_definition(built):
    """CMC at k is the mean over trials of the mean over queries, for both kinds of gallery."""
    scores = built.store.where_scores(built.runs["hr"])
    estimates = Estimates(built.store)
    for name, formula in (("cmc_single@1", cmc_single), ("cmc_multi@1", cmc_multi)):
        curve = cmc(estimates, scores, name)
        assert [k for k, _ in curve] == list(range(1, 21))
        for k, value in curve:
            by_trial = [formula(built.store.load_evidence(s.id), k).mean() for s in scores]
            assert value == pytest.approx(sum(by_trial) / len(by_trial))
    assert cmc(estimates, scores, "minp@1") == []


def test_cmc_ends_where_the_gallery_does(store):
    """Where a query has fewer than 20 identities to be found among, the curve is shorter."""
    run_id = Shelf(store).run(splits=(0,))
    (score,) = store.where_scores(run_id)
    evidence = store.load_evidence(score.id)
    small = ScoreDraft(
        fit_id=score.fit_id,
        protocol_id=score.protocol_id,
        variant=replace(VARIANT, feature="other"),
        seconds=0.1,
        images=72,
        evidence=replace(evidence, identities=np.minimum(evidence.identities, 7)),
    )
    store.add_score(small, run_id=run_id)
    curve = cmc(Estimates(store), store.where_scores(run_id)[1:], "cmc_single@1")
    assert [k for k, _ in curve] == list(range(1, 8))
    page = make_run(store, read(store), Estimates(store), store.find_or_raise_run(run_id))
    assert [outcome.variant.feature for outcome in page.outcomes] == ["v", "other"]


def test_cmc_on_the_page(built):
    """The page has CMC at 20 ranks, and at rank 1 it is the headline number."""
    page = page_of(built, "hr")
    cells = row_of(table_of(page, "CMC, mean of all trials"), "CMC")
    assert len(cells) == 20
    headline = row_of(table_of(page, "Metrics"), "rank-1 rank1")[0].all("data")[0].text
    assert cells[0].text == headline


def test_hardest_queries_by_loops(built):
    """The hardest queries are those of lowest expected reciprocal rank over all trials."""
    scores = built.store.where_scores(built.runs["hr"])
    everyone = []
    for score in scores:
        evidence = built.store.load_evidence(score.id)
        for q, value in enumerate(evidence.single_reciprocal):
            everyone.append((float(value), score.split, QUERY.ids[q]))
    found = hardest(Estimates(built.store), scores)
    assert [(h.reciprocal, h.split, h.id) for h in found] == sorted(everyone)[:10]


def test_hardest_queries_name_their_gallery(built):
    """Each has its five nearest gallery images, the true matches among them marked in a word."""
    scores = built.store.where_scores(built.runs["hr"])
    (first, *_) = hardest(Estimates(built.store), scores)
    for image in first.top:
        pid = int(image.id.removeprefix("near/")[:3])
        assert (image.pid, image.correct) == (pid, pid == first.pid)
    page = page_of(built, "hr")
    lists = table_of(page, "The queries with the lowest").all("ol")
    assert [len(one.all("li")) for one in lists] == [5] * 10
    assert [li.text.split(" (")[0] for li in lists[0].all("li")] == [i.id for i in first.top]
    for li in (li for one in lists for li in one.all("li")):
        assert li.has("correct") == ("true match" in li.text)


def test_curves(built):
    """Each loss has a chart with a title, a description and a line for each trial."""
    page = page_of(built, "hr")
    losses = page.all("figure")
    assert [figure.all("figcaption")[0].text for figure in losses] == ["re-ID: cls"]
    (chart,) = losses[0].all("svg")
    assert chart.all("title")[0].text == "re-ID: cls"
    assert "3 lines over step 1 to 188, between 2.12 and 3.99" in chart.all("desc")[0].text
    assert len(chart.all("polyline")) == 3
    first_last = row_of_trial(table_of(page, "Losses"), "split 1, seed 1")
    assert first_last == ["3.99", "2.12"]


def row_of_trial(table: Element, trial: str) -> list[str]:
    (cells,) = [
        [cell.text for cell in row.all("td")[1:]]
        for row in table.all("tr")
        if row.all("td") and row.all("td")[0].text == trial
    ]
    return cells


def test_environment_weights_and_protocol(built):
    """Versions, commit, a warning of changed files, weights with licence, sizes of the splits."""
    page = page_of(built, "hr")
    text = page.text
    assert "Files differed from the git commit" in text
    assert "packages torch 2.6.0" in text
    assert "Licence BSD-3-Clause" in text
    assert "Trained on undeclared" in text
    assert "near_cameras none" in text
    cells = row_of(table_of(page, "What each scored split compares"), "2")
    assert [cell.text for cell in cells] == ["24", "48", "24"]
    assert "nothing: random" in page_of(built, "hostile").text


def test_paths_of_the_machine_stay_out(store):
    """Absolute paths in the command, the settings and the error are not on the page."""
    shelf = Shelf(store)
    run_id = shelf.run(
        finish=False,
        argv=("harness", "run", "--weights", "/home/ann/w.safetensors"),
        settings={"weights": "/home/ann/w.safetensors"},
    )
    store.finish_run(run_id, "failed", "/home/ann/data/x.jpg is empty.")
    page = make_run(store, read(store), Estimates(store), store.find_or_raise_run(run_id))
    assert page.command == "harness run --weights w.safetensors"
    assert page.settings == [("weights", "w.safetensors")]
    assert page.error == "x.jpg is empty."


def test_a_trial_without_fit_and_a_failed_score(store):
    """What has not begun and what failed stand among the trials, without numbers."""
    shelf = Shelf(store)
    run_id = shelf.run(splits=(0,), finish=False)
    later = shelf.run(
        splits=(), finish=False, trials=(Trial(0, 1), Trial(5, 1)), protocol_id="c0ffee" * 10
    )
    (fit,) = store.where_fits(run_id)
    store.link_fit(later, fit.id)
    failed = ScoreDraft(
        fit_id=fit.id,
        protocol_id="c0ffee" * 10,
        variant=VARIANT,
        seconds=0.1,
        images=0,
        evidence=None,
        error="The features are not finite.",
    )
    store.add_score(failed, run_id=later)
    page = make_run(store, read(store), Estimates(store), store.find_or_raise_run(later))
    first, second = page.trials
    assert first.score is not None
    assert first.score.error == "The features are not finite."
    assert (second.fit, second.score) == (None, None)
    assert set(first.values) | set(second.values) == {None}
    assert page.outcomes == []


def test_a_metric_of_a_plugin_has_no_interval(built):
    """What is not built in shows the mean of the stored values, or nothing if one is missing."""
    scores = built.store.where_scores(built.runs["hr"])
    estimates = Estimates(built.store)
    other = MetricAt("theirs@1", None)
    assert estimates.of(scores, other).value is None
    with_values = [
        replace(score, id=f"{score.id}+", metrics=(MetricValue("theirs@1", None, value),))
        for score, value in zip(scores, (0.1, 0.2, 0.6), strict=True)
    ]
    estimate = estimates.of(with_values, other)
    assert estimate.value == pytest.approx(0.3)
    assert (estimate.low, estimate.high) == (None, None)


def test_before_the_first_score(store):
    """A run whose trials have losses and no score yet shows the curves, and no protocol title."""
    shelf = Shelf(store)
    run_id = shelf.run(splits=(), finish=False, trials=(Trial(0, 1),))
    page = make_run(store, read(store), Estimates(store), store.find_or_raise_run(run_id))
    assert (page.protocol, page.fit, page.outcomes, page.sizes) == (None, None, [], [])
    assert [row.trial for row in page.trials] == [Trial(0, 1)]


def test_losses_that_were_not_finite_break_no_chart(store):
    """A NaN among the losses is left out of its line; a loss of NaN alone has no chart."""
    shelf = Shelf(store)
    run_id = shelf.run(splits=(), finish=False, trials=(Trial(0, 1),))
    done = shelf.run(splits=(0,))
    (fit,) = store.where_fits(done)
    store.link_fit(run_id, fit.id)
    store.record_losses(
        fit.id,
        [
            Loss("late", 1, "a", 1.0),
            Loss("late", 2, "a", float("nan")),
            Loss("late", 3, "a", 0.5),
            Loss("late", 1, "b", float("nan")),
        ],
    )
    page = make_run(store, read(store), Estimates(store), store.find_or_raise_run(run_id))
    charts = {chart.title: chart for chart in page.curves}
    assert sorted(charts) == ["late: a", "re-ID: cls"]
    (line,) = charts["late: a"].lines
    assert line.points == "0.0,0.0 320.0,140.0"
