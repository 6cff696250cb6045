"""One row held against its baseline: which questions are asked of it, and their plain answers.

What needs no statistics is answered at once. A question of loss waits until all are asked, because
Holm's correction counts them (`harness.gate.questions`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from harness.errors import HarnessError
from harness.gate.entries import Metric
from harness.gate.integrity import count_changed
from harness.gate.loss import loss_of_methods, loss_of_models
from harness.gate.questions import Question, percent
from harness.gate.sides import Side, find_spec, mean_of
from harness.gate.tiers import (
    WIDENED,
    Pair,
    choose_tier,
    noise_floor,
    pairs_of,
    same_environment,
    source_of_floor,
)
from harness.gate.verdict import Check, IntervalJson, Tier
from harness.stats.trials import PerQuery
from harness.types import Interval, MetricSpec

_SHOWN = 1e-4  # to what a baseline rounds its numbers, in per cent
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Held:
    """A row or a feature file held against what was accepted.

    Attributes:
        name: Of the row in the baseline.
        metrics: What the baseline says of it.
        new: The row as it is.
        old: As it was.
        specs: All metrics, by full name.
        noise: A noise floor, in points, where none was learnt; or None.
    """

    name: str
    metrics: Mapping[str, Metric]
    new: Side
    old: Side
    specs: Mapping[str, MetricSpec]
    noise: float | None


def ask(held: Held) -> Iterator[Check | Question]:
    """Yield what is asked of a row: answers, and questions of loss.

    What cannot be compared is an answer, too: refused.
    """
    pairs = pairs_of(held.new, held.old)
    tier = choose_tier(held.new, held.old, pairs)
    say = partial(Check, row=held.name, dataset=held.old.dataset, tier=tier)
    lost = _lost_trials(held, tier, pairs)
    if lost:
        yield say(
            metric="all",
            outcome="missing",
            what=f"{len(lost)} of {len(held.old.trials)} trials of the baseline are not in the "
            f"store: {', '.join(lost[:3])}{', ...' if len(lost) > 3 else ''}.",
            next_step="Run them, or accept a baseline without them.",
        )
        return
    if tier == "integrity":
        yield _answer_ranks(say, pairs)
    for name, metric in held.metrics.items():
        try:
            yield _ask_metric(held, name, metric, tier, pairs)
        except HarnessError as error:
            yield say(metric=name, outcome="refused", what=error.what, next_step=error.next_step)


def _lost_trials(held: Held, tier: Tier, pairs: Sequence[Pair]) -> list[str]:
    """Return which trials of the baseline are gone; a method may be held by other seeds."""
    if tier == "method":
        splits = {trial.split for trial in held.new.trials}
        return [f"split {t}" for t in sorted({o.split for o in held.old.trials} - splits)]
    kept = {(old.split, old.seed) for _, old in pairs}
    trials = [(old.split, old.seed) for old in held.old.trials]
    return [f"split {split}, seed {seed}" for split, seed in trials if (split, seed) not in kept]


def _answer_ranks(say: partial[Check], pairs: Sequence[Pair]) -> Check:
    changed = count_changed(pairs)
    queries = sum(old.evidence.queries for _, old in pairs)
    where = f"{queries:,} queries" + (f" in {len(pairs)} trials" if len(pairs) > 1 else "")
    if not changed:
        return say(metric="ranks", outcome="pass", what=f"The same for all of {where}.")
    return say(
        metric="ranks",
        outcome="fail",
        what=f"They differ for {changed:,} of {where}, and nothing that ranks depend on has "
        "changed: neither model, nor images, nor machine.",
        next_step="Look for what changed in how features are extracted or ranked. If it is meant, "
        "raise the version of the method, or accept the baseline with a reason.",
    )


def _ask_metric(
    held: Held, name: str, metric: Metric, tier: Tier, pairs: Sequence[Pair]
) -> Check | Question:
    """Return the answer by one metric, or the question of a loss.

    Raises:
        IntegrityError: If the metric is another than it was, or the queries are.
    """
    spec = find_spec(metric.metric, held.specs)
    old = held.old.per_query(spec, metric.k)
    new = _held_trials(held.new.per_query(spec, metric.k), old, tier)
    say = partial(
        Check,
        row=held.name,
        dataset=held.old.dataset,
        metric=name,
        tier=tier,
        baseline=percent(mean_of(old)),
        new=percent(mean_of(new)),
    )
    changed = _changed_definition(metric, mean_of(old))
    if changed is not None:
        return say(outcome="refused", what=changed, next_step=_REDEFINED)
    if tier == "integrity":
        return _answer_values(say, new, old)
    elsewhere = not same_environment(pairs)
    floor = noise_floor(metric, held.noise, same_model=tier == "numeric", elsewhere=elsewhere)
    if tier == "numeric":
        source = source_of_floor(metric, held.noise, same_model=True)
        wider = f", widened {WIDENED} times for another environment" if elsewhere else ""
        delta = _without_interval(new, mean_of(new) - mean_of(old))
        return _answer_noise(say, delta, floor, f"{floor:.2f} points ({source}{wider})")
    margin = max(metric.margin, floor)
    compare = loss_of_methods if tier == "method" else loss_of_models
    return Question(
        row=held.name,
        dataset=held.old.dataset,
        metric=name,
        tier=tier,
        baseline=mean_of(old),
        new=mean_of(new),
        loss=compare(new, old, margin / 100),
        asked=metric.margin / 100,
        floor=floor / 100,
    )


def _held_trials(
    new: Sequence[PerQuery], old: Sequence[PerQuery], tier: Tier
) -> Sequence[PerQuery]:
    """Return the trials that are held against old ones: the same ones, or all of their splits."""
    if tier == "method":
        return [trial for trial in new if trial.split in {one.split for one in old}]
    places = {(trial.split, trial.seed) for trial in old}
    return [trial for trial in new if (trial.split, trial.seed) in places]


_REDEFINED = (
    "Raise the version of the metric if its definition changed, and accept a baseline with it; "
    "else undo what changed its values."
)


def _changed_definition(metric: Metric, value: float) -> str | None:
    """Return what to say where the evidence of the baseline has another number than it had."""
    if abs(100 * value - metric.value) <= _SHOWN:
        return None
    return (
        f"The baseline's own evidence has {metric.metric} = {100 * value:.4f} here, and had "
        f"{metric.value:.4f} when it was accepted: the metric is computed otherwise."
    )


def _answer_values(say: partial[Check], new: Sequence[PerQuery], old: Sequence[PerQuery]) -> Check:
    """Return whether a metric has the same values, query by query."""
    changed = sum(
        int((~np.isclose(a.values, b.values, rtol=0, atol=_ROUNDING, equal_nan=True)).sum())
        for a, b in zip(new, old, strict=True)
    )
    say = partial(say, delta=_without_interval(new, mean_of(new) - mean_of(old)))
    if not changed:
        return say(outcome="pass", what="The same for every query.")
    return say(
        outcome="fail",
        what=f"It differs for {changed:,} queries.",
        next_step="See what is said of the ranks.",
    )


def _answer_noise(say: partial[Check], delta: IntervalJson, floor: float, in_words: str) -> Check:
    """Return whether a number differs by no more than noise.

    Args:
        say: What is known of the answer.
        delta: The difference [points].
        floor: The noise floor [points].
        in_words: The same, and where it is from.
    """
    say = partial(say, delta=delta, margin=round(floor, 4))
    if delta.value is not None and abs(delta.value) <= floor + _ROUNDING:
        return say(outcome="pass", what=f"Within the noise floor, {in_words}.")
    return say(
        outcome="fail",
        what=f"The same models differ by more than the noise floor, {in_words}.",
        next_step="Look for what changed; if it is the machine, accept the baseline with 5 repeats "
        "(`harness run --fresh`) from which the floor is learnt, or give `--noise`.",
    )


def _without_interval(trials: Sequence[PerQuery], value: float) -> IntervalJson:
    return IntervalJson.of(
        Interval(
            value=None if math.isnan(value) else value,
            low=None,
            high=None,
            level=0.95,
            method="none: the same models",
            n_identities=len(np.unique(np.concatenate([trial.pids for trial in trials]))),
            n_trials=len(trials),
            n_seeds=len({trial.seed for trial in trials}),
        ),
        "fraction",
    )
