"""`harness run`: train, score, store and compare one method on one data set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from harness.cli.console import emit_json, stderr, stdout
from harness.definitions import in_unit
from harness.errors import HarnessError, Interrupted

if TYPE_CHECKING:
    from harness.run.report import ReportedMetric, RunReport

HELP_PLUGIN = "The method: a key of `harness plugins list`."
HELP_DATASET = "The data set: a key of `harness data list`."
HELP_PROTOCOL = "A protocol of the data set other than its default, e.g. `mlr-viper-maxpool`."
HELP_RECIPE = "The training configuration: tiny, smoke, quick, standard or paper."
HELP_TRIALS = "How many trials: splits first, then seeds. Default: the recipe's."
HELP_SET = "Override a setting of the recipe, e.g. `--set lr=1e-4`. Repeatable."
HELP_WEIGHTS = (
    "Initial weights: auto (ImageNet if it can be had, else none), imagenet, none, a file, or a "
    "registered model, e.g. `models:/baseline-hr-market1501@best`. Default: HARNESS_WEIGHTS, else "
    "auto."
)
HELP_PRECISION = "auto (bf16 where the hardware has it), float32 or bf16."
HELP_FRESH = "Train anew, even where the same fit is done or was interrupted."


def run(
    plugin: Annotated[str, typer.Option("--plugin", help=HELP_PLUGIN)],
    dataset: Annotated[str, typer.Option("--dataset", help=HELP_DATASET)],
    protocol: Annotated[str | None, typer.Option("--protocol", help=HELP_PROTOCOL)] = None,
    recipe: Annotated[str, typer.Option("--recipe", help=HELP_RECIPE)] = "quick",
    trials: Annotated[int | None, typer.Option("--trials", min=1, help=HELP_TRIALS)] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the first trial.")] = 0,
    set_: Annotated[list[str] | None, typer.Option("--set", help=HELP_SET)] = None,
    weights: Annotated[str | None, typer.Option("--weights", help=HELP_WEIGHTS)] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")] = "auto",
    precision: Annotated[str, typer.Option("--precision", help=HELP_PRECISION)] = "auto",
    fresh: Annotated[bool, typer.Option("--fresh", help=HELP_FRESH)] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train and evaluate a method on a data set, trial by trial, and store everything.

    Every finished trial is kept. Stop it with Ctrl-C, or lose the machine: the same command goes
    on where it stopped. A fit that is done is not trained again.

    For example:

    - `harness run --plugin baseline-hr --dataset synthped --recipe smoke`
    - `harness run --plugin baseline-hr-lr --dataset caviar --trials 10 --weights imagenet`
    - `harness run --plugin baseline-hr --dataset viper --set lr=1e-4 --json`
    """
    from harness.run.execute import execute
    from harness.run.request import RunRequest

    request = RunRequest(
        plugin=plugin,
        dataset=dataset,
        recipe=recipe,
        settings=tuple(set_ or ()),
        trials=trials,
        seed=seed,
        weights=weights,
        device=device,
        precision=precision,
        fresh=fresh,
        protocol=protocol,
    )
    try:
        report = execute(request, stderr)
    except HarnessError as error:
        if as_json:
            emit_json(_unfinished(error))
        raise
    if as_json:
        emit_json(report.as_json())
    else:
        _print_report(report)


def _unfinished(error: HarnessError) -> dict[str, Any]:
    """Return the JSON of a run without numbers: it failed, or it can be resumed."""
    return {
        "run_id": error.run_id,
        "status": "interrupted" if isinstance(error, Interrupted) else "failed",
        "protocol_id": None,
        "metrics": {},
        "error": str(error),
        "exit_code": error.exit_code,
    }


def _print_report(report: RunReport) -> None:
    """Print the numbers as a table: reproduced with interval, and published where there is one."""
    plan = report.plan
    splits = len({trial.trial.split for trial in report.trials})
    seeds = len({trial.trial.seed for trial in report.trials})
    table = Table(
        title=f"{plan.method.title} on {plan.dataset.card.title}: {splits} of "
        f"{plan.protocol.splits} splits x {seeds} seed{'s' if seeds > 1 else ''}",
        caption=_caption(report),
    )
    table.add_column("metric")
    for heading in ("reproduced [%]", "95 % interval", "published [%]"):
        table.add_column(heading, justify="right")
    for metric in report.metrics:
        table.add_row(*_cells(metric))
    stdout.print(table)
    stdout.print(f"Run {report.run_id}. Build the pages with `harness leaderboard build`.")
    models = [trial.model for trial in report.trials if trial.model is not None]
    if models:
        stdout.print(f"Left {', '.join(models)}; see `harness models show {models[-1]}`.")


def _cells(metric: ReportedMetric) -> tuple[str, str, str, str]:
    numbers = metric.interval
    value, low, high = (in_unit(x, metric.unit) for x in (numbers.value, numbers.low, numbers.high))
    title = metric.title if metric.unit == "fraction" else f"{metric.title} [{metric.unit}]"
    published = metric.published.printed if metric.published else ""
    ends = "-" if numbers.low is None else f"{low} to {high}"
    return escape(title), value, ends, published


def _caption(report: RunReport) -> str:
    plan = report.plan
    speed = report.images_per_second
    parts = [
        f"recipe {plan.recipe.name}",
        plan.narrowed,
        f"weights {plan.weights.name}",
        f"{speed:.0f} images/s" if speed else "",
        report.metrics[0].interval.method if report.metrics else "",
    ]
    return "; ".join(part for part in parts if part)
