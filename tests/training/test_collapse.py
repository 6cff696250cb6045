"""The rules that end a fit: each by hand, at its boundary, and as a property of random runs."""

from __future__ import annotations

import math
import random

import pytest
import torch
from torch.optim import SGD

from harness import Adversary, PluginError, Stage
from harness.training.collapse import (
    CollapseWatch,
    has_exploded,
    judge_discriminator,
    streak_limit,
)

CHANCE, SATURATED, PLAYING = (0.5, 0.49), (0.995, 0.005), (0.7, 0.4)


ADVERSARY = Adversary(real="p_real", fake="p_fake")
SMOOTHED = Adversary(real="p_real", fake="p_fake", target=0.9)


def stage(steps: int, adversary: Adversary | None = ADVERSARY) -> Stage:
    """Return a stage of which only the name, the steps and the adversary are looked at."""
    return Stage(
        name="gan",
        steps=steps,
        streams={},
        trains=(),
        optimisers={n: SGD([torch.zeros(1)]) for n in ("d", "g")},
        train_step=lambda _batches, _update: {},
        adversary=adversary,
    )


def play(watch, pairs, start=1):
    """Feed one (p_real, p_fake) per step, and return the first faulty step and its fault."""
    for step, (real, fake) in enumerate(pairs, start):
        fault = watch.find_fault(step, {"p_real": real, "p_fake": fake}, {})
        if fault is not None:
            return step, fault
    return None


@pytest.mark.parametrize(
    ("real", "fake", "expected"),
    [
        (0.5, 0.5, "at chance"),
        (0.515, 0.5, "at chance"),  # 0.015 < 0.02
        (0.5, 0.515, "at chance"),  # either way round
        (0.9, 0.9, "at chance"),  # takes all for real: tells nothing apart
        (0.53, 0.5, None),
        (0.02, 0.0, None),  # exactly 0.02
        (0.995, 0.005, "saturated"),
        (0.99, 0.005, None),  # exactly 0.99
        (0.995, 0.01, None),  # exactly 0.01
        (0.005, 0.995, None),  # wrong, but not in the rules' sense: it can learn
    ],
)
def test_judges_one_step(real, fake, expected):
    """D is at chance below 0.02 of difference, saturated beyond 0.99 and 0.01, else it plays."""
    assert judge_discriminator(real, fake, 1.0) == expected


@pytest.mark.parametrize(
    ("real", "fake", "expected"),
    [
        (0.9, 0.005, "saturated"),  # its best answer
        (0.895, 0.005, "saturated"),
        (0.97, 0.005, "saturated"),  # more than it is taught
        (0.89, 0.005, None),  # exactly 0.9 - 0.01
        (0.9, 0.01, None),  # exactly 0.01
        (0.9, 0.9, "at chance"),
    ],
)
def test_saturated_is_what_the_target_allows(real, fake, expected):
    """With labels smoothed to 0.9, D is saturated beyond 0.89 on real images; chance is as ever."""
    assert judge_discriminator(real, fake, 0.9) == expected


def test_smoothed_discriminator_that_answers_its_best_is_saturated():
    """A D that says 0.9 of each real image ends its stage where 0.9 is its target, not where 1."""
    pairs = [PLAYING] * 100 + [(0.9, 0.001)] * 100
    found = play(CollapseWatch(stage(200, SMOOTHED)), pairs)

    assert play(CollapseWatch(stage(200)), pairs) is None
    assert found is not None
    assert "has been saturated since step 101" in found[1].what


@pytest.mark.parametrize(
    ("steps", "limit"), [(10, 20), (400, 20), (401, 21), (420, 21), (1000, 50), (2020, 101)]
)
def test_streak_limit(steps, limit):
    """A streak may last 5 % of the stage's steps, rounded up, and never less than 20."""
    assert streak_limit(steps) == limit


@pytest.mark.parametrize(
    ("pair", "name", "whose"),
    [(CHANCE, "at chance", "generator"), (SATURATED, "saturated", "discriminator")],
)
def test_unbroken_streak_ends_the_stage_on_its_last_step(pair, name, whose):
    """Of 600 steps 30 in a row are too many: the 30th ends it, with values and first step."""
    step, fault = play(CollapseWatch(stage(600)), [PLAYING] * 155 + [pair] * 40)

    assert step == 155 + 30
    assert f"has been {name} since step 156, 30 steps" in fault.what
    assert f"{pair[0]:.3f}" in fault.what
    assert f"{pair[1]:.3f}" in fault.what
    assert f"learning rate of the {whose} (`--set" in fault.advice


def test_untaught_discriminator_may_be_at_chance_for_a_quarter_of_the_stage():
    """At chance from the start, 600 steps end after the 150th; saturated, with the 30th."""
    assert play(CollapseWatch(stage(600)), [CHANCE] * 150 + [PLAYING]) is None
    chance = play(CollapseWatch(stage(600)), [CHANCE] * 600)
    saturated = play(CollapseWatch(stage(600)), [SATURATED] * 600)

    assert chance is not None
    assert chance[0] == 151
    assert "since step 1, 151 steps" in chance[1].what
    assert saturated is not None
    assert saturated[0] == 30


@pytest.mark.parametrize("between", [PLAYING, SATURATED])
def test_broken_streak_starts_anew(between):
    """One step of play, or of the other kind, between two streaks of 19 makes neither too long."""
    streaks = [PLAYING] * 25 + [CHANCE] * 19 + [between] + [CHANCE] * 19
    assert play(CollapseWatch(stage(100)), streaks) is None


def test_short_stage_cannot_say():
    """A stage of fewer than 20 steps is never called collapsed."""
    assert play(CollapseWatch(stage(19)), [CHANCE] * 19) is None


def test_stage_without_an_adversary_is_not_judged():
    """Losses that happen to look like a discriminator's are left alone."""
    assert play(CollapseWatch(stage(100, adversary=None)), [CHANCE] * 60) is None


def test_suspicion_lasts_as_long_as_the_streak():
    """Suspicion begins with the streak's first step, names it, and ends with the first of play."""
    watch = CollapseWatch(stage(100))
    seen = []
    for step, pair in enumerate([PLAYING, CHANCE, CHANCE, PLAYING], 1):
        play(watch, [pair], step)
        seen.append(watch.suspicion)

    during = "the discriminator has been at chance since step 2"
    assert seen == [None, during, during, None]


@pytest.mark.parametrize("seed", range(20))
def test_agrees_with_a_naive_look_back(seed):
    """The first faulty step is the first after 20 at chance, or 20 saturated, without a break."""
    rng = random.Random(seed)
    pairs = [PLAYING] * 50  # a quarter
    while len(pairs) < 200:
        pairs += [rng.choice((CHANCE, SATURATED, PLAYING))] * rng.randint(1, 21)
    naive = None
    for end in range(20, len(pairs) + 1):
        last = pairs[end - 20 : end]
        if last in ([CHANCE] * 20, [SATURATED] * 20):
            naive = end
            break
    found = play(CollapseWatch(stage(200)), pairs)

    assert (found and found[0]) == naive


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        ({"id": 1.0}, r"names 'p_real' .* returned id\."),
        ({"p_real": 0.7, "p_fake": -2.5}, r"names 'p_fake' .* value is -2.5"),
        ({"p_real": 1.5, "p_fake": 0.5}, r"names 'p_real' .* value is 1.5"),
    ],
)
def test_adversary_must_name_probabilities(losses, message):
    """A missing value, or a logit in a probability's place, is the plugin's error."""
    with pytest.raises(PluginError, match=message):
        CollapseWatch(stage(100)).find_fault(1, losses, {})


@pytest.mark.parametrize(
    ("norm", "before", "expected"),
    [
        (2000.0, [2.0] * 20, False),  # exactly 1,000 times the median
        (2001.0, [2.0] * 20, True),
        (1e9, [2.0] * 19, False),  # 19 norms say nothing yet
        (2001.0, [2.0] * 15 + [500.0] * 10, True),  # the median is not the mean: still 2
        (9.9, [0.0] * 50, False),  # waking from rest: the median counts as 0.01
        (10.1, [0.0] * 50, True),
        (math.nan, [], True),
        (math.inf, [], True),
        (0.0, [2.0] * 20, False),
    ],
)
def test_explosion(norm, before, expected):
    """A norm explodes beyond 1,000 times the median of 20 or more; one not finite always does."""
    assert has_exploded(norm, before) is expected


def test_norms_are_judged_for_each_optimiser():
    """A norm that is usual for one optimiser is an explosion for another, which is named."""
    watch = CollapseWatch(stage(100, adversary=None))
    for step in range(1, 21):
        assert watch.find_fault(step, {}, {"g": [0.1], "d": [900.0]}) is None
    fault = watch.find_fault(21, {}, {"g": [900.0], "d": [900.0]})

    assert fault is not None
    assert "optimiser 'g' exploded: its norm is 900, after a median of 0.1" in fault.what


def test_norms_are_forgotten():
    """The median is of the last 100 norms: after 51 large ones, a large one is usual."""
    watch = CollapseWatch(stage(1000, adversary=None))
    norms = [0.01] * 200 + [9.0] * 51
    assert all(watch.find_fault(i, {}, {"g": [n]}) is None for i, n in enumerate(norms, 1))

    assert watch.find_fault(252, {}, {"g": [8000.0]}) is None  # 8,000 < 1,000 x 9


def test_every_update_of_a_step_counts():
    """Twenty updates in one step are twenty norms."""
    watch = CollapseWatch(stage(10, adversary=None))

    assert watch.find_fault(1, {}, {"d": [1.0] * 20}) is None
    assert watch.find_fault(2, {}, {"d": [1.0, 1001.0]}) is not None


def test_first_norm_that_is_not_finite_has_no_median():
    """Without a norm before it the message gives none."""
    fault = CollapseWatch(stage(10)).find_fault(1, {}, {"d": [math.nan]})

    assert fault is not None
    assert "its norm is nan." in fault.what


def test_loss_comes_before_its_gradient():
    """Where a loss is NaN and so its gradient, the loss is named: it is the cause."""
    fault = CollapseWatch(stage(10)).find_fault(1, {"adv": math.nan, "id": 1.0}, {"d": [math.nan]})

    assert fault is not None
    assert fault.what == "the loss adv = nan."
