"""False alarms of the gate, where nothing is worse than it may be; prints a table.

    python -m benchmarks.gate_alarms

Two rows are made equal in one of four ways, 200 times each:

    signs       two real rows change places for a person at random, with all queries in all trials
    people      people are drawn with replacement, and the mean difference is taken away, so that
                differences are as skewed as they are
    boundary    as `people`, and one row is worse by exactly the margin: the hardest case, in which
                5 % are allowed
    noise       VIPeR only: both rows are of the same features, each with noise of its own

An alarm is a failure by any metric, after Holm.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import typer

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
    shifted,
    stored,
    viper,
)
from harness.gate.verdict import Tier
from harness.stats.trials import differences

REPEATS = 200
NOISE = 0.01  # takes a point off rank-1


def main() -> None:
    """Print how many of 200 repeats raise an alarm."""
    typer.echo("| evidence | made equal by | tier | alarms of 200 | undecided |")
    typer.echo("|---|---|---|---|---|")
    for evidence, new, old in _pairs():
        for how in ("signs", "people", "boundary"):
            rng = np.random.default_rng(0)
            made = (_made_equal(new, old, how, rng) for _ in range(REPEATS))
            _report(evidence, how, "checkpoint", of_models, made)
    for each_split, tier, compare in (
        (False, "checkpoint", of_models),
        (True, "method", of_methods),
    ):
        made = _noisy_pairs(each_split=each_split)
        _report("viper, 10 splits, real features", "noise", tier, compare, made)


def _pairs() -> Iterator[tuple[str, Values, Values]]:
    """Yield pairs of real rows."""
    caviar = _by_method("caviar")
    for method in ("baseline-hr-lr", "intact"):
        new, old = common(caviar[method], caviar["baseline-hr"])
        yield f"caviar, {method} and baseline-hr, {len(old['rank1'])} splits", new, old
    mlr = _by_method("mlr-viper")
    yield "mlr-viper, baseline-hr-lr and baseline-hr", mlr["baseline-hr-lr"], mlr["baseline-hr"]
    rng = np.random.default_rng(1)
    yield "viper, noisy and plain features, 10 splits", viper(2 * NOISE, rng), viper(0, rng)


def _by_method(dataset: str) -> dict[str, Values]:
    return {name.partition("/")[0]: row for name, row in stored(dataset).items()}


def _made_equal(
    new: Values, old: Values, how: str, rng: np.random.Generator
) -> tuple[Values, Values]:
    if how == "signs":
        return _with_signs(new, old, rng), old
    gain = {name: _gain(new, old, name) for name in METRICS}
    centred = shifted(new, {name: -gain[name] for name in METRICS})
    centred, old = redrawn(centred, old, rng)
    if how == "people":
        return centred, old
    margins = {name: of_models(centred[name], old[name], MARGIN).margin for name in METRICS}
    return shifted(centred, {name: -margins[name] for name in METRICS}), old


def _gain(new: Values, old: Values, name: str) -> float:
    return float(np.mean([d.values.mean() for d in differences(new[name], old[name])]))


def _with_signs(new: Values, old: Values, rng: np.random.Generator) -> Values:
    """Return a row that is the new or the old one for each person."""
    people = np.unique(np.concatenate([trial.pids for trial in old["rank1"]]))
    sign = rng.choice([-1.0, 1.0], len(people))
    return {
        name: [
            replace(b, values=b.values + sign[np.searchsorted(people, d.pids)] * d.values)
            for d, b in zip(differences(new[name], old[name]), old[name], strict=True)
        ]
        for name in METRICS
    }


def _noisy_pairs(*, each_split: bool) -> Iterator[tuple[Values, Values]]:
    rng = np.random.default_rng(0)
    for _ in range(REPEATS):
        new, old = (viper(NOISE, rng, each_split=each_split) for _ in range(2))
        yield new, old


def _report(
    evidence: str, how: str, tier: Tier, compare: Compare, made: Iterator[tuple[Values, Values]]
) -> None:
    alarms = undecided = 0
    for new, old in made:
        outcomes = {check.outcome for check in judge(new, old, tier, compare)}
        alarms += "fail" in outcomes
        undecided += "fail" not in outcomes and "inconclusive" in outcomes
    typer.echo(f"| {evidence} | {how} | {tier} | {alarms} | {undecided} |")


if __name__ == "__main__":
    main()
