"""Single-shot by draws: by hand, towards the exact expectation, seeds, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from harness.definitions import find_or_raise
from harness.definitions.measure import measure
from harness.errors import DataError, UsageError
from harness.evaluation.draws import Drawn, draw_single_shot, measure_draws
from harness.evaluation.ranks import evaluate
from harness.evaluation.rows import ExactRows, MatrixRows
from tests.evaluation.scenes import random_scene, side

ONE_QUERY = side([0.0], [1], [1])


def drawn(query, gallery, **options) -> Drawn:
    """Return the outcome of draws by Euclidean distance."""
    rows = ExactRows.of(query, gallery, "euclidean")
    return draw_single_shot(rows, query.labels, gallery.labels, **options)


def test_one_image_of_each_identity_leaves_nothing_to_draw():
    """Ranks are certain: the match at 2 is behind 1 and before 3, junk is passed over."""
    gallery = side([2, 1, 3, 0.1, 0.2], [1, 2, 3, 1, -1], [2, 2, 2, 1, 2])
    cmc = drawn(ONE_QUERY, gallery, draws=3).cmc[0]
    assert cmc[:3].tolist() == [0, 1, 1]
    assert np.isnan(cmc[3:]).all()  # three identities have no rank 4


def test_distractors_are_in_every_draw_and_ties_never_help():
    """Two distractors nearer and a negative at the distance of the match put it at rank 4."""
    gallery = side([1, 1.5, 2, 2, 5], [0, 0, 1, 2, 0], [2] * 5)
    assert drawn(ONE_QUERY, gallery).cmc[0, :5].tolist() == [0, 0, 0, 1, 1]


def test_many_draws_come_to_the_exact_expectation():
    """With 20,000 draws every value is within five standard deviations of the exact one."""
    draws = 20_000
    for seed in range(3):
        query, gallery = random_scene(seed, integers=True)
        exact = evaluate(query, gallery, distance="euclidean").single_cmc
        found = drawn(query, gallery, draws=draws, seed=seed).cmc
        known = ~np.isnan(found)
        assert known.any()
        room = 5 * np.sqrt(exact * (1 - exact) / draws)
        assert (np.abs(found - exact)[known] <= room[known] + 1e-12).all()


def test_ten_draws_depend_on_the_seed_and_on_nothing_else():
    """The same seed gives the same draws, for each query alone too; another seed gives others."""
    query, gallery = random_scene(1, integers=False, gallery=200)
    first = drawn(query, gallery)
    np.testing.assert_array_equal(drawn(query, gallery).cmc, first.cmc)
    assert not np.array_equal(drawn(query, gallery, seed=1).cmc, first.cmc, equal_nan=True)
    head = side(query.features[:2], query.pids[:2].tolist(), query.camids[:2].tolist())
    np.testing.assert_array_equal(drawn(head, gallery).cmc, first.cmc[:2])


def test_query_without_a_match_has_no_value():
    """It is left out of the mean, as in the exact metric."""
    query = side([0, 0], [1, 9], [1, 1])
    gallery = side(range(1, 6), [1, 2, 3, 4, 5], [2] * 5)
    rank1, rank5, rank10, _ = measure_draws(drawn(query, gallery, draws=7, seed=3))
    assert (rank1.name, rank1.k, rank1.value) == ("cmc_draws@1", 1, 1)
    np.testing.assert_array_equal(rank1.values, [1, np.nan])
    assert rank1.note == "Mean over 7 draws with seed 3."
    assert rank5.value == 1
    assert (rank10.value, rank10.note) == (
        None,
        "1 queries with a match have fewer than 10 candidates.",
    )


def test_ranks_exist_where_they_do_for_the_exact_metric():
    """Draws and expectation have a value for the same queries at the same ranks."""
    for seed in range(10):
        query, gallery = random_scene(seed, integers=False)
        evidence = evaluate(query, gallery, distance="euclidean")
        exact = find_or_raise("cmc_single@1")
        for one in measure_draws(drawn(query, gallery)):
            assert (one.value is None) == (measure(exact, evidence, one.k).value is None)


def test_no_match_at_all_has_no_value():
    """Where no query has a match there is nothing to average."""
    found = measure_draws(drawn(ONE_QUERY, side([1], [2], [2])))
    assert {(one.value, one.note) for one in found} == {(None, "No query has a match.")}


def test_no_draws_are_refused():
    """Zero draws have no mean."""
    with pytest.raises(UsageError, match="0 draws are none"):
        drawn(ONE_QUERY, side([1], [1], [2]), draws=0)


def test_matrix_of_another_shape_is_refused():
    """A matrix that does not fit the labels is refused before anything is drawn."""
    gallery = side([1], [1], [2]).labels
    with pytest.raises(DataError, match=r"shape \(1, 3\)"):
        draw_single_shot(MatrixRows(np.ones((1, 3))), ONE_QUERY.labels, gallery)
