"""Questions of loss, settled together: Holm's correction counts all of a verdict.

A loss of more than the margin is *found* where it is certain for its metric alone and still is
after Holm, over all rows and metrics. It is *excluded* where the interval says so: that every row
passes is claimed only if each does, so no correction is due (Berger, Technometrics 24, 1982).
Between the two the evidence does not decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from harness.gate.holm import holm
from harness.gate.loss import ALPHA, Loss
from harness.gate.verdict import Check, IntervalJson, Tier

_DIGITS = 4  # of per cent and points


@dataclass(frozen=True, slots=True)
class Question:
    """Is a row worse by a metric than it may be? Fractions.

    Attributes:
        row: Of the baseline.
        dataset: Of the row.
        metric: The short name.
        tier: `checkpoint` or `method`.
        baseline: The number as it was.
        new: The number as it is.
        loss: What is known of the difference.
        asked: The margin that was asked for.
        floor: The noise floor.
    """

    row: str
    dataset: str
    metric: str
    tier: Tier
    baseline: float
    new: float
    loss: Loss
    asked: float
    floor: float


def settle(asked: Sequence[Check | Question]) -> list[Check]:
    """Return answers, and questions answered, in their order."""
    questions = [one for one in asked if isinstance(one, Question)]
    adjusted = iter(holm([question.loss.p for question in questions]))
    alpha = ALPHA / max(1, len(questions))
    return [
        _answer(one, next(adjusted), alpha) if isinstance(one, Question) else one for one in asked
    ]


def _answer(question: Question, p: float, alpha: float) -> Check:
    loss = question.loss
    say = partial(
        Check,
        row=question.row,
        dataset=question.dataset,
        metric=question.metric,
        tier=question.tier,
        baseline=percent(question.baseline),
        new=percent(question.new),
        delta=IntervalJson.of(loss.delta, "fraction"),
        margin=percent(loss.margin),
        p=round(p, 6),
        detectable=percent(loss.detectable(alpha)),
    )
    margin = f"{100 * loss.margin:.2f} points{_why_wide(question)}"
    subject = "The method" if question.tier == "method" else "It"
    if loss.certain and p < ALPHA:
        return say(
            outcome="fail",
            what=f"{subject} is worse by more than the margin, {margin}.",
            next_step="Find what changed, or accept the loss with a reason: "
            "`harness baseline accept`.",
        )
    if loss.excluded:
        return say(outcome="pass", what=_passed(loss, subject, margin))
    return say(
        outcome="inconclusive",
        what=f"A loss of more than the margin, {margin}, is neither certain nor excluded.",
        next_step=_next_step(loss, question),
    )


def percent(fraction: float | None) -> float | None:
    """Return a fraction in per cent, as JSON has it; None where there is no number."""
    if fraction is None or fraction != fraction:  # NaN
        return None
    return round(100 * fraction, _DIGITS)


def _passed(loss: Loss, subject: str, margin: str) -> str:
    low, high = loss.delta.low, loss.delta.high
    if high is not None and high < 0:
        return f"{subject} is worse for certain, but by less than the margin, {margin}."
    if low is not None and low > 0:
        return f"{subject} is better."
    return f"A loss of more than the margin, {margin}, is excluded."


def _why_wide(question: Question) -> str:
    """Say why a margin is wider than was asked for."""
    if question.loss.margin <= question.asked:
        return ""
    if question.loss.margin <= question.floor:
        return " (the noise floor)"
    return " (2 standard errors)"


def _next_step(loss: Loss, question: Question) -> str:
    if loss.error is None:
        return "One identity or one model tells nothing of others: score more."
    more = "seeds" if question.tier == "method" else "splits or seeds"
    return f"Look at it; more {more}, on both sides, would decide."
