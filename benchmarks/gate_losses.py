"""Losses that the gate sees: a planted one, and the smallest on each data set; prints two tables.

    python -m benchmarks.gate_losses

A loss is planted as noise on VIPeR's real features. Its size is chosen so that the expected loss by
a metric is five standard errors of the difference, as the tier has it; then it is drawn 100 times.
Once the people are VIPeR's, so that only the noise varies; once they are drawn anew, with
replacement, as another sample of people would be. It is seen where the gate fails the row by that
metric, with both metrics asked and Holm's correction.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import typer
from scipy.optimize import brentq

from benchmarks.gate_evidence import (
    MARGIN,
    METRICS,
    Compare,
    Values,
    common,
    judge,
    of_methods,
    of_models,
    redrawn,
    stored,
    viper,
)
from harness.gate.loss import ALPHA, Loss
from harness.gate.verdict import Check, Tier

DRAWS = 100
PILOTS = 4
ERRORS = 5.0
NOISE = (0.005, 0.04)  # as shares of the length of a feature: less than 5 errors, and more


def main() -> None:
    """Print how often a loss of five standard errors is seen, and what else would be."""
    typer.echo("| VIPeR, 10 splits | tier | noise | loss [points] | SE | seen of 100 | others |")
    typer.echo("|---|---|---|---|---|---|---|")
    for tier, compare in (("checkpoint", of_models), ("method", of_methods)):
        for metric in METRICS:
            _report_planted(metric, tier, compare)
    typer.echo("\n| data set | between | metric | SE [points] | margin | smallest loss seen |")
    typer.echo("|---|---|---|---|---|---|")
    for dataset, between, new, old in _pairs():
        _report_smallest(dataset, between, new, old)


def _report_planted(metric: str, tier: Tier, compare: Compare) -> None:
    plain = viper(0, np.random.default_rng(0))
    each_split = tier == "method"

    def excess(noise: float) -> float:
        """Return by how many standard errors noise costs more than it shall."""
        rng = np.random.default_rng(1)
        pilots = [viper(noise, rng, each_split=each_split) for _ in range(PILOTS)]
        losses = [compare(pilot[metric], plain[metric], MARGIN) for pilot in pilots]
        return -ERRORS - float(np.mean([_delta(one) / _error(one) for one in losses]))

    noise = float(brentq(excess, *NOISE, xtol=2e-4))
    rng = np.random.default_rng(2)
    drawn = [viper(noise, rng, each_split=each_split) for _ in range(DRAWS)]
    found = [_judged(one, plain, metric, tier, compare) for one in drawn]
    others = [_judged(*redrawn(one, plain, rng), metric, tier, compare) for one in drawn]
    loss = -np.mean([check.delta.value for check in found if check.delta and check.delta.value])
    seen, seen_in_others = (
        sum(check.outcome == "fail" for check in checks) for checks in (found, others)
    )
    typer.echo(
        f"| {metric} | {tier} | {noise:.4f} | {loss:.2f} | {loss / ERRORS:.2f} | {seen} | "
        f"{seen_in_others} |"
    )


def _report_smallest(dataset: str, between: str, new: Values, old: Values) -> None:
    alpha = ALPHA / len(METRICS)
    for metric in METRICS:
        loss = of_models(new[metric], old[metric], MARGIN)
        typer.echo(
            f"| {dataset} | {between} | {metric} | {100 * _error(loss):.2f} | "
            f"{100 * loss.margin:.2f} | {100 * (loss.detectable(alpha) or np.nan):.2f} |",
        )


def _pairs() -> Iterator[tuple[str, str, Values, Values]]:
    """Yield pairs of rows on each data set at hand."""
    for dataset in ("caviar", "mlr-viper"):
        rows = {name.partition("/")[0]: row for name, row in stored(dataset).items()}
        new, old = common(rows["baseline-hr-lr"], rows["baseline-hr"])
        splits = len(old["rank1"])
        yield f"{dataset}, splits: {splits}", "baseline-hr-lr, baseline-hr", new, old
    rng = np.random.default_rng(3)
    for noise in NOISE:
        between = f"real features, with noise of {noise:g}"
        yield "viper, splits: 10", between, viper(noise, rng), viper(0, rng)


def _judged(new: Values, old: Values, metric: str, tier: Tier, compare: Compare) -> Check:
    """Return what the gate says by one of the metrics that it asks."""
    return next(one for one in judge(new, old, tier, compare) if one.metric == metric)


def _delta(loss: Loss) -> float:
    assert loss.delta.value is not None  # every query has a value
    return loss.delta.value


def _error(loss: Loss) -> float:
    assert loss.error is not None  # there are many people
    return loss.error


if __name__ == "__main__":
    main()
