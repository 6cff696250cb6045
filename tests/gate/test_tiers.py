"""Which question is asked of a row, and how wide its noise is taken."""

from __future__ import annotations

import pytest

from harness.gate.entries import Metric
from harness.gate.tiers import choose_tier, noise_floor, pairs_of
from tests.gate.stall import ELSEWHERE, side, side_trial

RANKS = [0, 1, 2, 3]
OTHER = [0, 1, 2, 4]
GPU = {"type": "cuda", "name": "a GPU"}


def tier(new, old):
    return choose_tier(new, old, pairs_of(new, old))


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (side(side_trial(RANKS)), "integrity"),
        (side(side_trial(OTHER)), "integrity"),
        (side(side_trial(RANKS, environment=ELSEWHERE)), "integrity"),
        (side(side_trial(OTHER, environment=ELSEWHERE)), "numeric"),
        (side(side_trial(OTHER, environment=GPU)), "numeric"),
        (side(side_trial(RANKS, model="other")), "checkpoint"),
        (side(side_trial(RANKS), code={"version": 2}), "checkpoint"),
    ],
    ids=["same", "other ranks", "elsewhere", "other elsewhere", "GPU", "model", "version"],
)
def test_of_one_trial(new, expected):
    """Models, code, ranks and environment decide what one trial can be asked."""
    assert tier(new, side(side_trial(RANKS))) == expected


def test_on_the_same_gpu_ranks_are_held_against_noise():
    """On a GPU the same environment does not give the same bits."""
    old, new = (side(side_trial(ranks, environment=GPU)) for ranks in (RANKS, OTHER))

    assert tier(new, old) == "numeric"


def test_given_features_have_exact_ranks_everywhere():
    """A feature file that is not re-ranked has no excuse on another machine."""
    old = side(side_trial(RANKS), exact=True)
    new = side(side_trial(OTHER, environment=ELSEWHERE), exact=True)

    assert tier(new, old) == "integrity"


def test_one_other_model_of_several_is_another_row():
    """Where one of two models is another, all are judged as models."""
    old = side(side_trial(RANKS), side_trial(RANKS, split=1))
    new = side(side_trial(RANKS), side_trial(RANKS, split=1, model="other"))

    assert tier(new, old) == "checkpoint"


@pytest.mark.parametrize(
    ("splits", "seeds", "trained", "expected"),
    [
        (1, 5, True, "method"),
        (1, 4, True, "checkpoint"),
        (10, 1, True, "method"),
        (9, 1, True, "checkpoint"),
        (2, 5, True, "method"),
        (10, 1, False, "checkpoint"),
    ],
)
def test_of_many_models(splits, seeds, trained, expected):
    """Five seeds of each split, or ten splits, speak of a method where there was training."""
    places = [(split, seed) for split in range(splits) for seed in range(seeds)]
    old, new = (
        side(*(side_trial(RANKS, split=a, seed=b, model=model) for a, b in places), trained=trained)
        for model in ("old", "new")
    )

    assert tier(new, old) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ((1, 5), (10, 1), "checkpoint"),  # of split 0 the new side has one model
        ((10, 1), (1, 5), "method"),  # nine splits are lost, which is told
        ((1, 5), (10, 5), "method"),
        ((9, 5), (10, 1), "checkpoint"),
        ((10, 1), (20, 1), "method"),
    ],
)
def test_only_models_of_common_splits_count(old, new, expected):
    """Models of splits that the old side does not have say nothing of those that it has."""
    a, b = (
        side(
            *(
                side_trial(RANKS, split=split, seed=seed, model=model)
                for split in range(splits)
                for seed in range(seeds)
            )
        )
        for model, (splits, seeds) in (("old", old), ("new", new))
    )

    assert tier(b, a) == expected


def test_no_common_split_is_no_method():
    """Ten models of other splits are no method to hold."""
    old = side(*(side_trial(RANKS, seed=seed) for seed in range(5)))
    new = side(*(side_trial(RANKS, split=split, model="new") for split in range(1, 11)))

    assert tier(new, old) == "checkpoint"


@pytest.mark.parametrize(
    ("learnt", "given", "elsewhere", "floor"),
    [
        (None, None, False, 0.01),  # the least
        (None, None, True, 0.03),
        (None, 0.2, True, pytest.approx(0.6)),
        (0.0, 0.2, False, 0.01),  # what was learnt is better than what is given
        (0.4, None, False, 0.4),
        (0.4, None, True, pytest.approx(1.2)),
    ],
)
def test_the_noise_floor(learnt, given, elsewhere, floor):
    """The floor is learnt, else given, never below 0.01, and three times wider elsewhere."""
    metric = Metric(
        metric="cmc_multi@1", k=1, value=50, margin=0.5, noise_same_model=learnt, noise=9.0
    )

    assert noise_floor(metric, given, same_model=True, elsewhere=elsewhere) == floor
    assert noise_floor(metric, given, same_model=False, elsewhere=False) == 9.0
