"""The catalogue of metrics, and what measuring one gives: values, mean, note, refusals."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from harness.definitions import METRICS, find_or_raise, short_name
from harness.definitions.measure import measure, measure_all
from harness.errors import PluginError, UnknownName, UsageError
from harness.types import Evidence, MetricInput, MetricSpec


def two_queries() -> Evidence:
    """Return evidence of a query with a match at rank 2 of 12 and of one without a match."""
    return Evidence(
        offsets=np.array([0, 1, 1]),
        nearer=np.array([1]),
        equal=np.array([0]),
        valid=np.array([12, 12]),
        identities=np.array([6, 6]),
        top_index=np.full((2, 10), -1),
        top_distance=np.full((2, 10), np.nan, dtype=np.float32),
        single_cmc=np.stack([np.ones(20), np.full(20, np.nan)]),
        single_reciprocal=np.array([1.0, np.nan]),
    )


def metric(compute: str) -> MetricSpec:
    """Return a metric of another plugin with that formula."""
    return MetricSpec("own", 1, "Own", "A metric.", "Nowhere.", MetricInput.COUNTS, compute)


def too_large(evidence: Evidence, _k: int | None) -> np.ndarray:
    """Return per cent, which breaks the contract of a metric."""
    return np.full(evidence.queries, 50.0)


def too_few(_evidence: Evidence, _k: int | None) -> np.ndarray:
    """Return the mean, which breaks the contract of a metric."""
    return np.array([np.nan])


def test_names_are_unique_and_versioned():
    """Every metric has a key of its own and a full name that ends with its version."""
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    assert [metric.name for metric in METRICS] == [
        "cmc_single@1",
        "cmc_multi@1",
        "map_sum_precision@1",
        "map_trapezoid@1",
        "map_single@1",
        "minp@1",
        "psnr@1",
        "psnr_input@1",
        "ssim@1",
        "ssim_input@1",
        "lpips@1",
        "lpips_input@1",
    ]


def test_metric_is_found_by_its_full_name():
    """The full name finds the metric."""
    assert find_or_raise("minp@1").key == "minp"


def test_unknown_metric_offers_the_nearest_name():
    """A version that does not exist is refused, with a name that does."""
    with pytest.raises(UnknownName, match=r"no metric called 'cmc_single@2'.*'cmc_single@1'"):
        find_or_raise("cmc_single@2")


def test_rank1_is_the_headline_and_nothing_else():
    """The headline's CMC is rank1; the other CMC keeps its key, so names never clash."""
    names = [
        short_name(metric.name, k, headline="cmc_multi@1")
        for metric in METRICS
        for k in (metric.ranks or (None,))
    ]
    assert len(set(names)) == len(names)
    assert names[:8] == [
        "cmc_single_rank1",
        "cmc_single_rank5",
        "cmc_single_rank10",
        "cmc_single_rank20",
        "rank1",
        "rank5",
        "rank10",
        "rank20",
    ]
    assert names[8:12] == ["map_sum_precision", "map_trapezoid", "map_single", "minp"]
    assert names[12:14] == ["psnr", "psnr_input"]


def test_catalogue_is_light():
    """Reading the catalogue imports neither numpy nor torch: every command does it."""
    code = "import harness.definitions, sys; print({'numpy', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_mean_is_over_queries_with_a_match():
    """A query without a match counts neither as right nor as wrong."""
    found = measure(find_or_raise("map_sum_precision@1"), two_queries())
    assert (found.value, found.note) == (0.5, None)
    assert np.array_equal(found.values, [0.5, np.nan], equal_nan=True)


def test_rank_beyond_the_gallery_is_none_with_a_note():
    """Where the gallery is smaller than k there is no number, and the note says why."""
    found = measure(find_or_raise("cmc_multi@1"), two_queries(), 20)
    assert found.value is None
    assert np.isnan(found.values).all()
    assert found.note == (
        "Rank-20 is not defined for 1 of 1 queries with a match: fewer than 20 candidates."
    )


def test_single_shot_counts_identities_and_multi_shot_images():
    """Of 12 images of 6 identities, rank-10 exists in multi-shot and not in single-shot."""
    assert measure(find_or_raise("cmc_multi@1"), two_queries(), 10).value == 1
    assert measure(find_or_raise("cmc_single@1"), two_queries(), 10).value is None
    assert measure(find_or_raise("cmc_single@1"), two_queries(), 5).value == 1


def test_evidence_without_any_match_is_none_with_a_note():
    """Where no query has a match no metric has a value."""
    nothing = replace(
        two_queries(), offsets=np.zeros(3, int), nearer=np.zeros(0, int), equal=np.zeros(0, int)
    )
    found = measure(find_or_raise("minp@1"), nothing)
    assert (found.value, found.note) == (None, "No query has a match.")


def test_measure_all_takes_every_metric_at_every_rank():
    """Two CMCs at four ranks and four metrics without a rank are twelve numbers."""
    found = measure_all(two_queries(), METRICS)
    assert len(found) == 12
    assert [(one.name, one.k) for one in found[:2]] == [("cmc_single@1", 1), ("cmc_single@1", 5)]


@pytest.mark.parametrize(
    ("name", "k", "advice"),
    [
        ("cmc_single@1", 2, "one of 1, 5, 10, 20"),
        ("cmc_single@1", None, "1, 5"),
        ("minp@1", 1, "no k"),
    ],
)
def test_rank_that_a_metric_does_not_report_is_refused(name, k, advice):
    """A metric is reported at its own ranks only."""
    with pytest.raises(UsageError, match=f"has no k = {k}.*{advice}"):
        measure(find_or_raise(name), two_queries(), k)


@pytest.mark.parametrize("given", [MetricInput.RESTORED, MetricInput.MODEL])
def test_metric_of_another_input_is_refused(given):
    """A metric of images or of the model that the evidence does not hold cannot be computed."""
    spec = replace(find_or_raise("minp@1"), input=given)
    with pytest.raises(UsageError, match=f"computed from {given}"):
        measure(spec, two_queries())


@pytest.mark.parametrize(
    ("values", "value", "note"),
    [
        ([20.0, 30.0], 25.0, None),
        ([20.0, np.nan], 20.0, "1 of 2 queries have no high-resolution original."),
        ([np.nan, np.nan], None, "No query has a high-resolution original to compare with."),
    ],
)
def test_restored_is_read_from_the_evidence(values, value, note):
    """What was measured on images is averaged over the queries that have an original."""
    evidence = replace(two_queries(), measured={"psnr@1": np.array(values)})
    found = measure(find_or_raise("psnr@1"), evidence)

    assert (found.value, found.note) == (value, note)
    np.testing.assert_array_equal(found.values, values)
    assert [one.name for one in measure_all(evidence, METRICS)][12:] == ["psnr@1"]


@pytest.mark.parametrize("compute", ["no_such_module:f", "harness.definitions.counts:nothing"])
def test_formula_that_cannot_be_imported_is_a_plugin_error(compute):
    """A broken address of a formula names the metric and the address."""
    with pytest.raises(PluginError, match=f"own@1 cannot be imported from {compute}"):
        measure(metric(compute), two_queries())


@pytest.mark.parametrize(
    ("formula", "complaint"),
    [(too_large, r"\(2,\) with values from 50 to 50"), (too_few, r"shape \(1,\)")],
)
def test_formula_that_breaks_its_contract_is_a_plugin_error(monkeypatch, formula, complaint):
    """Per cent, or one mean in place of a value for each query, is refused."""
    monkeypatch.setattr("harness.definitions.counts.own", formula, raising=False)
    with pytest.raises(PluginError, match=complaint):
        measure(metric("harness.definitions.counts:own"), two_queries())
