"""Leaderboard rows."""

from __future__ import annotations

import itertools

import pytest

from harness.store import WeightsUsed
from harness.types import Variant


def test_fields(store, fill):
    """A row tells what its fits, its protocol and its variant are."""
    run_id = fill.run()
    fill.trial(run_id)
    (row,) = store.where_rows()

    assert (row.method, row.method_version, row.recipe) == ("baseline-hr", 1, "quick")
    assert (row.config, row.config_hash) == ({"height": 128}, "c1")
    assert (row.narrowed, row.precision, row.dataset) == ("128 x 64", "bf16", "caviar")
    assert row.weights.name == "imagenet"
    assert row.protocol.headline == "cmc_single@1"
    assert row.variant == fill.variant
    assert row.runs == (run_id,)
    (trial,) = row.trials
    assert trial.score.metrics[0].value == 0.25
    assert (trial.fit.identity_images, trial.fit.seconds) == (6000, 9.5)


def test_trials_of_several_runs_are_one_row(store, fill):
    """Scores that differ in split and seed only are one row, by split, then seed."""
    runs = [fill.run(), fill.run()]
    for run_id, (split, seed) in zip(
        itertools.cycle(runs), [(2, 0), (0, 1), (1, 0), (0, 0)], strict=False
    ):
        fill.trial(run_id, split=split, seed=seed)
    (row,) = store.where_rows()

    trials = [(trial.score.split, trial.score.seed) for trial in row.trials]
    assert trials == [(0, 0), (0, 1), (1, 0), (2, 0)]
    assert row.runs == tuple(runs)


def test_newest_repeat(store, fill):
    """Of the repeats of a trial the newest counts; other trials keep theirs."""
    first, second = fill.run(), fill.run()
    fill.trial(first, key="k0", split=0)
    kept = fill.trial(first, key="k1", split=1)
    newest = fill.trial(second, key="k0", split=0, repeat=1)
    (row,) = store.where_rows()

    assert [trial.score.id for trial in row.trials] == [newest, kept]
    assert row.trials[0].fit.repeat == 1


def test_newest_score_of_a_fit(store, fill):
    """Of two scores of one fit the newest counts."""
    run_id = fill.run()
    fit = fill.fit(run_id)
    scores = [fill.score(run_id, fit) for _ in range(2)]
    (row,) = store.where_rows()

    assert [trial.score.id for trial in row.trials] == scores[1:]


@pytest.mark.parametrize(
    "other",
    [
        {"method": "osnet"},
        {"method_version": 2},
        {"config_hash": "c2"},
        {"recipe": "smoke"},
        {"precision": "float32"},
        {"weights": WeightsUsed("none")},
        {"weights": WeightsUsed("imagenet", "w2")},
    ],
    ids=lambda other: next(iter(other)),
)
def test_other_fits_are_other_rows(store, fill, other):
    """Fits that differ in one thing that matters are two rows."""
    run_id = fill.run()
    fill.trial(run_id, split=0)
    fill.trial(run_id, split=1, **other)

    assert [len(row.trials) for row in store.where_rows()] == [1, 1]


def test_name_of_equal_weights(store, fill):
    """Weights with one content are the same whatever the file is called."""
    run_id = fill.run()
    fill.trial(run_id, split=0, weights=WeightsUsed("imagenet", "w1"))
    fill.trial(run_id, split=1, weights=WeightsUsed("resnet50.safetensors", "w1"))

    assert [len(row.trials) for row in store.where_rows()] == [2]


@pytest.mark.parametrize(
    "variant",
    [
        Variant("g", "euclidean"),
        Variant("f", "cosine"),
        Variant("f", "euclidean", "bf16"),
        Variant("f", "euclidean", rerank="k-reciprocal"),
    ],
)
def test_other_variants_are_other_rows(store, fill, variant):
    """Scores of one fit under two variants are two rows."""
    run_id = fill.run()
    fit = fill.fit(run_id)
    fill.score(run_id, fit)
    fill.score(run_id, fit, variant=variant)

    assert {row.variant for row in store.where_rows()} == {fill.variant, variant}


def test_other_protocols_are_other_rows(store, fill):
    """Scores under two protocols are two rows."""
    run_id = fill.run()
    fit = fill.fit(run_id)
    fill.protocol(id="p2")
    fill.records(protocol_id="p2")
    fill.score(run_id, fit)
    fill.score(run_id, fit, protocol_id="p2")

    assert [row.protocol.id for row in store.where_rows()] == ["p1", "p2"]


def test_one_data_set(store, fill):
    """The rows of one data set are those of its protocols, also where the fit is another's."""
    run_id = fill.run()
    fit = fill.fit(run_id, dataset="caviar")
    fill.protocol(id="p0", dataset="mlr-caviar")
    fill.records(protocol_id="p0")
    fill.score(run_id, fit)
    fill.score(run_id, fit, protocol_id="p0")

    assert [row.dataset for row in store.where_rows()] == ["caviar", "mlr-caviar"]
    assert [row.protocol.id for row in store.where_rows("mlr-caviar")] == ["p0"]
    assert store.where_rows("prid") == []


def test_unfinished_fits_have_no_row(store, fill):
    """A fit that is not done does not enter."""
    run_id = fill.run()
    fill.score(run_id, fill.fit(run_id, done=False))

    assert store.where_rows() == []
