"""Which question is asked of a row, from what is stored of both sides; and its tier's arithmetic.

    integrity   the same models by the same code: are all ranks of all queries the same?
    numeric     the same models, elsewhere: do the numbers differ by no more than noise?
    checkpoint  other models: are they no worse, person by person?
    method      many other models, trained anew: is the method no worse?

Ranks that are the same settle the matter wherever they were made. Where they are not, the same
processor, device and versions leave no excuse; neither does a feature file that was not re-ranked,
for its ranks are exact on every machine. On a GPU sums have no fixed order, so there the numbers
are held against the noise.

Many models are 5 seeds on both sides, or 10 splits that have a fit each; only splits that the old
side has count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from harness.gate.entries import Metric
from harness.gate.integrity import count_changed
from harness.gate.pigeonhole import ENOUGH_SEEDS, ENOUGH_SPLITS
from harness.gate.sides import Side, SideTrial
from harness.gate.verdict import Tier

LEAST_NOISE = 0.01
"""The noise floor is never below that [points]."""

WIDENED = 3
"""How many times wider the noise floor is taken where the environment differs."""

Pair = tuple[SideTrial, SideTrial]


def pairs_of(new: Side, old: Side) -> list[Pair]:
    """Return new and old of the trials that both have, in the order of the old."""
    found = {(trial.split, trial.seed): trial for trial in new.trials}
    return [
        (found[trial.split, trial.seed], trial)
        for trial in old.trials
        if (trial.split, trial.seed) in found
    ]


def choose_tier(new: Side, old: Side, pairs: Sequence[Pair]) -> Tier:
    """Return the question that can be asked.

    Args:
        new: One side.
        old: What it is held against.
        pairs: The trials that both have.
    """
    same = pairs and all(a.model == b.model for a, b in pairs) and new.code == old.code
    if same and (count_changed(pairs) == 0 or old.exact or _is_bitwise(pairs)):
        return "integrity"
    if same:
        return "numeric"
    splits = {trial.split for trial in old.trials}
    common = replace(new, trials=tuple(t for t in new.trials if t.split in splits))
    return "method" if _has_many(common) and _has_many(old) else "checkpoint"


def same_environment(pairs: Sequence[Pair]) -> bool:
    """Say whether both sides of all trials were made on like machines with like versions."""
    return all(a.environment == b.environment for a, b in pairs)


def noise_floor(metric: Metric, given: float | None, *, same_model: bool, elsewhere: bool) -> float:
    """Return the largest difference that noise makes [points].

    Args:
        metric: As the baseline has it.
        given: The floor that the user gives where none was learnt, or None.
        same_model: Whether the models are the same, so that training adds nothing.
        elsewhere: Whether the environment differs.
    """
    learnt = metric.noise_same_model if same_model else metric.noise
    floor = learnt if learnt is not None else given
    return max(LEAST_NOISE, floor or 0.0) * (WIDENED if elsewhere else 1)


def source_of_floor(metric: Metric, given: float | None, *, same_model: bool) -> str:
    """Say where a noise floor is from."""
    learnt = metric.noise_same_model if same_model else metric.noise
    if learnt is not None:
        return f"learnt from {metric.repeats} repeats"
    return "as given" if given is not None else "the least there is, as no repeats were accepted"


def _is_bitwise(pairs: Sequence[Pair]) -> bool:
    """Say whether extraction must have given the same bits."""
    on_gpu = any(trial.environment.get("type") == "cuda" for pair in pairs for trial in pair)
    return same_environment(pairs) and not on_gpu


def _has_many(side: Side) -> bool:
    """Say whether a side has models enough to speak of its method."""
    if not side.trained:
        return False
    seeds = Counter(trial.split for trial in side.trials)
    return len(seeds) >= ENOUGH_SPLITS or min(seeds.values(), default=0) >= ENOUGH_SEEDS
