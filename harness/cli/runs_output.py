"""What `harness runs` says of a run: as JSON and as tables."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.markup import escape
from rich.table import Table

from harness.cli.console import stdout
from harness.types.results import outer_value

if TYPE_CHECKING:
    from harness.store import FitView, RunView, ScoreView, Store
    from harness.types import Unit

_COLOURS = {"done": "green", "failed": "red", "interrupted": "yellow"}


def run_json(run: RunView) -> dict[str, Any]:
    """Return a run in its JSON form; rank 1 in per cent."""
    return {
        "run_id": run.id,
        "status": run.status,
        "method": run.method,
        "dataset": run.dataset,
        "recipe": run.recipe,
        "protocol_id": run.protocol_id,
        "headline": run.headline,
        "created": run.created,
        "finished": run.finished,
        "trials_asked": len(run.trials),
        "trials_done": run.trials_done,
        "rank1": _percent(run.rank1),
        "argv": list(run.argv),
        "error": run.error,
    }


def score_json(score: ScoreView, units: Mapping[str, Unit]) -> dict[str, Any]:
    """Return a score in its JSON form; metrics that are fractions in per cent.

    Args:
        score: The score.
        units: Of the metrics, by full name; one that is not there is a fraction.
    """
    variant = score.variant
    return {
        "split": score.split,
        "seed": score.seed,
        "fit_id": score.fit_id,
        "score_id": score.id,
        "protocol_id": score.protocol_id,
        "feature": variant.feature,
        "distance": variant.distance,
        "precision": variant.precision,
        "rerank": variant.rerank,
        "status": score.status,
        "metrics": [
            {
                "metric": m.name,
                "k": m.k,
                "value": outer_value(m.value, units.get(m.name, "fraction")),
                "note": m.note,
            }
            for m in score.metrics
        ],
        "error": score.error,
    }


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else round(100 * fraction, 4)


def intervals(store: Store, run: RunView, scores: Sequence[ScoreView]) -> dict[str, Any]:
    """Return every metric over the run's trials in its JSON form, by short name.

    It is empty where there is no score, or scores of several variants, which have no mean.
    """
    from harness.loader import load_plugins
    from harness.run import numbers

    done = [s for s in scores if s.status == "done" and s.protocol_id == run.protocol_id]
    if len({score.variant for score in done}) != 1:
        return {}
    return numbers.intervals(store, done, run.headline, load_plugins().metrics)


def runs_table(runs: Sequence[RunView]) -> Table:
    """Return a table of runs; rank 1 is the mean over trials of the headline metric [%]."""
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")  # 80 columns hold a row
    for name in ("run", "began", "method", "data set", "recipe"):
        table.add_column(name, no_wrap=name == "run", overflow="fold")
    for name in ("trials", "rank-1"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("status", no_wrap=True)
    for run in runs:
        table.add_row(
            run.id[:8],
            run.created[:10],
            escape(run.method),
            escape(run.dataset),
            escape(run.recipe),
            f"{run.trials_done}/{len(run.trials)}",
            _shown(_percent(run.rank1)),
            _status(run.status),
        )
    return table


def print_run(run: RunView) -> None:
    """Print what was asked for and how it ended."""
    stdout.print(f"[bold]Run {run.id}[/]  {_status(run.status)}")
    stdout.print(f"{run.method} on {run.dataset}, recipe {run.recipe}", markup=False)
    ended = f", ended {_time(run.finished)}" if run.finished else ""
    stdout.print(f"Began {_time(run.created)}{ended} (UTC), protocol {run.protocol_id}")
    stdout.print(shlex.join(run.argv), markup=False, highlight=False)
    if run.error:
        stdout.print(run.error, markup=False, highlight=False, style="red")


def metrics_table(metrics: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return a table of a run's numbers, each in its unit."""
    methods = sorted({value["method"] for value in metrics.values()})
    table = Table(
        "metric",
        "unit",
        "definition",
        box=box.SIMPLE,
        caption="\n".join(methods),
        caption_justify="left",
    )
    for name in ("value", "low", "high"):
        table.add_column(name, justify="right")
    for name, value in metrics.items():
        digits = {"%": 1, "dB": 2}.get(value["unit"], 3)
        ends = (_shown(value[end], digits) for end in ("value", "low", "high"))
        table.add_row(name, value["unit"], value["metric"], *ends)
    return table


def trials_table(run: RunView, fits: Sequence[FitView], scores: Sequence[ScoreView]) -> Table:
    """Return a table of a run's fits, each with its headline metric at rank 1 [%]."""
    table = Table("split", "seed", "fit", "status", box=box.SIMPLE)
    for name in ("training [s]", "images", "rank-1"):
        table.add_column(name, justify="right")
    for fit in fits:
        values = [
            _shown(_percent(metric.value))
            for score in scores
            for metric in score.metrics
            if score.fit_id == fit.id and (metric.name, metric.k) == (run.headline, 1)
        ]
        table.add_row(
            str(fit.split),
            str(fit.seed),
            fit.id[:8],
            _status(fit.status),
            f"{fit.seconds:.1f}",
            f"{fit.identity_images:,}",
            ", ".join(values),
        )
    return table


def _status(status: str) -> str:
    return f"[{_COLOURS.get(status, 'cyan')}]{status}[/]"


def _time(iso: str) -> str:
    return iso[:16].replace("T", " ")


def _shown(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
