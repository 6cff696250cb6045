"""The catalogue of metrics, and what measuring one gives: values, mean, note, refusals."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from harness.definitions import METRICS, find_or_raise, short_name
from harness.definitions.conventions import TIES, WITHOUT_MATCH
from harness.definitions.measure import measure, measure_all
from harness.errors import PluginError, UnknownName, UsageError
from harness.types import Evidence, MetricInput, MetricSpec
from tests.definitions.rankings import evidence_of_levels, evidence_of_ranks


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
        "cmc_all_shots@1",
        "cmc_draws@1",
        "fnir_at_fpir_1e-1@1",
        "fnir_at_fpir_1e-2@1",
        "fnir_at_fpir_1e-3@1",
        "tar_at_far_1e-2@1",
        "tar_at_far_1e-3@1",
        "tar_at_far_1e-4@1",
        "eer@1",
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
    assert names[12:14] == ["cmc_all_shots_rank1", "cmc_all_shots_rank5"]
    assert names[20:22] == ["fnir_at_fpir_1e-1", "fnir_at_fpir_1e-2"]


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
    """Three CMCs at four ranks, four means and three levels of an open set are 19 numbers."""
    found = measure_all(two_queries(), METRICS)
    assert len(found) == 19
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
    assert measure_all(evidence, METRICS)[-1].name == "psnr@1"


# Queries without a match


@pytest.mark.parametrize(
    ("rule", "values", "mean"),
    [
        ("matched", [0.5, np.nan, np.nan], 1 / 2),
        ("all", [0.5, 0, 0], 1 / 6),
        ("oml", [0.5, 0, 1], 1 / 2),
    ],
)
def test_query_without_a_match_under_the_three_denominators(rule, values, mean):
    """It is left out, or counts 0, or 1 where the gallery holds nothing valid for it at all."""
    evidence = replace(
        evidence_of_ranks([[2], [], []]), valid=np.array([30, 30, 0]), identities=np.full(3, 20)
    )
    found = measure(find_or_raise("map_sum_precision@1"), evidence, without_match=rule)
    np.testing.assert_array_equal(found.values, values)
    assert found.value == pytest.approx(mean)
    rank5 = measure(find_or_raise("cmc_multi@1"), evidence, 5, without_match=rule)
    np.testing.assert_array_equal(rank5.values, np.ceil(values))


def test_denominators_agree_where_every_query_has_a_match():
    """With nothing to leave out the three rules are one, metric by metric."""
    evidence = evidence_of_ranks([[1, 3], [2], [7]])
    default = measure_all(evidence, METRICS)
    for rule in ("all", "oml"):
        values = [one.value for one in measure_all(evidence, METRICS, without_match=rule)]
        assert values == [one.value for one in default]


def test_no_denominator_helps_where_no_query_has_a_match():
    """Without any match there is no number under any rule."""
    nothing = evidence_of_ranks([[], []])
    for rule in WITHOUT_MATCH:
        assert measure(find_or_raise("minp@1"), nothing, without_match=rule).value is None


# Ties


def test_single_shot_is_known_under_pessimistic_ties_only():
    """Where a match ties with a negative, the other rules give no number, and a note says so."""
    tied = evidence_of_levels([[(1, 1)], [(1, 0)]])
    for name, k in (("cmc_single@1", 1), ("map_single@1", None)):
        what = "Rank-1" if k else name
        for ties in ("optimistic", "expected"):
            found = measure(find_or_raise(name), tied, k, ties=ties)
            assert (found.value, found.note) == (
                None,
                f"{what} is known under pessimistic ties only, and 1 of 2 queries with a match "
                "have ties.",
            )


def test_single_shot_without_ties_is_the_same_under_every_rule():
    """Where no match ties with a negative the rules of ties agree, for single-shot too."""
    evidence = evidence_of_ranks([[1, 4], [2], []])
    stored = measure_all(evidence, METRICS)
    for ties in TIES:
        for found, one in zip(measure_all(evidence, METRICS, ties=ties), stored, strict=True):
            assert found.value == (None if one.value is None else pytest.approx(one.value))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"ties": "worst"}, "no rule of ties called 'worst'"),
        ({"without_match": "none"}, "no rule of queries without a match called 'none'"),
    ],
)
def test_unknown_rule_is_refused(options, complaint):
    """A rule that does not exist is a usage error."""
    with pytest.raises(UnknownName, match=complaint):
        measure(find_or_raise("minp@1"), two_queries(), **options)


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
