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
    window_length,
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


def noisy(rng, pair, sd, steps):
    """Return `steps` probabilities around a pair, with normal noise, kept within [0, 1]."""
    return [tuple(min(1.0, max(0.0, rng.gauss(level, sd))) for level in pair) for _ in range(steps)]


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
    ("steps", "length"), [(10, 20), (400, 20), (401, 21), (420, 21), (1000, 50), (2020, 101)]
)
def test_window_length(steps, length):
    """D is judged over 5 % of the stage's steps, rounded up, and never over fewer than 20."""
    assert window_length(steps) == length


@pytest.mark.parametrize(
    ("pair", "name", "whose", "streak", "said"),
    [
        # After 28 steps the mean gap is (2 x 0.3 + 28 x 0.01) / 30 = 0.029, after 29 it is
        # (0.3 + 29 x 0.01) / 30 = 0.0197 < 0.02; p(real) is then (0.7 + 29 x 0.5) / 30 = 0.507,
        # p(fake) (0.4 + 29 x 0.49) / 30 = 0.487.
        (CHANCE, "at chance", "generator", 29, ("0.507", "0.487")),
        # After 29 steps p(fake) is (0.4 + 29 x 0.005) / 30 = 0.018, not below 0.01.
        (SATURATED, "saturated", "discriminator", 30, ("0.995", "0.005")),
    ],
)
def test_window_ends_the_stage_once_its_means_tell(pair, name, whose, streak, said):
    """Of 600 steps 30 are judged: the fault names the first of them and the means over them."""
    step, fault = play(CollapseWatch(stage(600)), [PLAYING] * 155 + [pair] * 40)

    assert step == 155 + streak
    assert f"has been {name} since step {step - 29}, 30 steps" in fault.what
    assert f"with probability {said[0]} and generated images with {said[1]}." in fault.what
    assert f"learning rate of the {whose} (`--set" in fault.advice


def test_untaught_discriminator_may_be_at_chance_for_a_quarter_of_the_stage():
    """At chance from the start, 600 steps end after the 150th; saturated, with the 30th."""
    # Of a D that learns in time, the gap at the 151st is (28 x 0.01 + 2 x 0.3) / 30 = 0.029.
    assert play(CollapseWatch(stage(600)), [CHANCE] * 149 + [PLAYING] * 11) is None
    chance = play(CollapseWatch(stage(600)), [CHANCE] * 600)
    saturated = play(CollapseWatch(stage(600)), [SATURATED] * 600)

    assert chance is not None
    assert chance[0] == 151
    assert "since step 1, 151 steps" in chance[1].what
    assert saturated is not None
    assert saturated[0] == 30


@pytest.mark.parametrize(
    ("between", "ends"),
    [
        # The mean gap of the 20 is (0.3 + 19 x 0.01) / 20 = 0.0245: not below 0.02.
        (PLAYING, None),
        # (0.03 + 19 x 0.01) / 20 = 0.011; a window without PLAYING ends first at step 25 + 20.
        ((0.52, 0.49), 45),
    ],
)
def test_step_that_looks_sound_does_not_start_the_count_anew(between, ends):
    """What counts of one step between 19 at chance and 19 more is what it does to the mean."""
    pairs = [PLAYING] * 25 + [CHANCE] * 19 + [between] + [CHANCE] * 19
    found = play(CollapseWatch(stage(100)), pairs)

    assert (found and found[0]) == ends


def test_window_of_chance_after_a_longer_streak_names_the_streak():
    """The first step named is that of the streak, where it began before the window."""
    found = play(CollapseWatch(stage(100)), [PLAYING] * 3 + [CHANCE] * 23)

    assert found is not None
    assert found[0] == 26  # after a quarter
    assert "since step 4, 23 steps" in found[1].what


def test_window_of_chance_in_which_no_step_looks_so_names_its_own_first_step():
    """Gaps of 0.1 to either side in turn are chance on average; no step of them is suspicious."""
    watch = CollapseWatch(stage(100))
    found = play(watch, [(0.55, 0.45), (0.45, 0.55)] * 50)

    assert found is not None
    assert found[0] == 26  # after a quarter
    assert "at chance since step 7, 20 steps" in found[1].what
    assert watch.suspicion is None


@pytest.mark.parametrize("seed", range(10))
def test_discriminator_at_chance_with_noise_is_caught(seed):
    """Noise of sd 0.1 in both means, as of small batches, hides no D that is at chance."""
    found = play(CollapseWatch(stage(600)), noisy(random.Random(seed), (0.5, 0.5), 0.1, 600))

    assert found is not None
    step, fault = found
    assert 150 < step < 300
    assert f"at chance since step {step - 29}, 30 steps" in fault.what


@pytest.mark.parametrize("seed", range(10))
def test_discriminator_with_a_gap_beneath_noise_is_left_alone(seed):
    """With the same noise around a gap of 0.15, single steps look at chance, and D plays."""
    pairs = noisy(random.Random(seed), (0.575, 0.425), 0.1, 600)

    assert any(judge_discriminator(real, fake, 1.0) for real, fake in pairs)
    assert play(CollapseWatch(stage(600)), pairs) is None


@pytest.mark.parametrize("seed", range(10))
def test_saturated_discriminator_with_noise_is_caught(seed):
    """A D that is certain of nearly all, and of a few batches less so, is saturated."""
    pairs = noisy(random.Random(seed), (0.995, 0.005), 0.003, 600)
    found = play(CollapseWatch(stage(600)), pairs)

    assert any(judge_discriminator(real, fake, 1.0) is None for real, fake in pairs[:30])
    assert found is not None
    assert found[0] == 30
    assert "saturated since step 1, 30 steps" in found[1].what


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


@pytest.mark.parametrize("noise", [0.0, 0.003, 0.1])
@pytest.mark.parametrize("seed", range(20))
def test_agrees_with_a_naive_look_back(seed, noise):
    """The first faulty step is the first whose last 20 are, by their means, no longer play."""
    rng = random.Random(seed)
    pairs: list[tuple[float, float]] = []
    while len(pairs) < 200:
        pairs += noisy(rng, rng.choice((CHANCE, SATURATED, PLAYING)), noise, rng.randint(1, 25))
    naive = None
    for end in range(20, len(pairs) + 1):
        real = sum(pair[0] for pair in pairs[end - 20 : end]) / 20
        fake = sum(pair[1] for pair in pairs[end - 20 : end]) / 20
        if (abs(real - fake) < 0.02 and end > 50) or (real > 0.99 and fake < 0.01):
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
