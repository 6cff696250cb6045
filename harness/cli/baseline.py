"""`harness baseline`: what later runs are held against, accepted with a reason, kept in files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from harness.cli.console import emit_json, stderr, stdout
from harness.errors import UsageError
from harness.settings import Settings

if TYPE_CHECKING:
    from harness.gate.accept import AcceptRequest
    from harness.gate.baseline import Baseline
    from harness.gate.entries import FeatureEntry, Metric, RowEntry

app = typer.Typer(no_args_is_help=True, help="Accept and list baselines of the regression gate.")

HELP_NAME = "A word, such as main; the file is FOLDER/NAME.jsonl."
HELP_REASON = "Why the numbers may be these from now on. It is kept for good."
HELP_ROW = (
    "A row, as METHOD/WORD... (data set, recipe, whatever tells it from others). Repeatable. "
    "Default: the newest of every row in the store."
)
HELP_RUN = "The rows of a run, by the start of its id."
HELP_FEATURES = "A feature file, as `harness evaluate` reads it. Repeatable."
HELP_BENCHMARK = "Times: what `pytest --benchmark-json=FILE` wrote."
HELP_METRIC = "What rows are held by, e.g. cmc_multi_rank1. Repeatable. Default: rank1 and mAP."
HELP_MARGIN = (
    "The largest loss that passes, in points: 0.3, or rank1=0.3. Repeatable. Default: 0.5."
)
HELP_KEEP = "Leave what the baseline has and is not named here; without it, it goes."
HELP_RULE = "With --features: the rule of ranking, as `harness evaluate` has it."
HELP_DISTANCE = "With --features: cosine (default) or euclidean."
HELP_RERANK = "With --features: re-ranking, as `harness evaluate` has it."
HELP_FOLDER = "Where baselines are kept."

Folder = Annotated[Path, typer.Option("--folder", help=HELP_FOLDER)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("accept")
def accept(
    name: Annotated[str, typer.Argument(help=HELP_NAME)],
    reason: Annotated[str, typer.Option("--reason", help=HELP_REASON)],
    row: Annotated[list[str] | None, typer.Option("--row", help=HELP_ROW)] = None,
    run: Annotated[str | None, typer.Option("--run", help=HELP_RUN)] = None,
    features: Annotated[list[Path] | None, typer.Option("--features", help=HELP_FEATURES)] = None,
    rule: Annotated[str | None, typer.Option("--rule", help=HELP_RULE)] = None,
    distance: Annotated[str | None, typer.Option("--distance", help=HELP_DISTANCE)] = None,
    rerank: Annotated[str | None, typer.Option("--rerank", help=HELP_RERANK)] = None,
    benchmark: Annotated[Path | None, typer.Option("--benchmark", help=HELP_BENCHMARK)] = None,
    metric: Annotated[list[str] | None, typer.Option("--metric", help=HELP_METRIC)] = None,
    margin: Annotated[list[str] | None, typer.Option("--margin", help=HELP_MARGIN)] = None,
    keep: Annotated[bool, typer.Option("--keep", help=HELP_KEEP)] = False,
    folder: Folder = Path("baselines"),
    as_json: AsJson = False,
) -> None:
    """Accept what the store has as the baseline that later runs are held against.

    It is written to a file to commit, with all that `harness check` needs: numbers to review, and
    the ranks of each query. A baseline of that name moves, and keeps in its history what it was and
    why. Where each trial of a row was repeated 5 times (`harness run --fresh`), the noise between
    repeats is learnt.

    For example:

    - `harness baseline accept main --reason "first numbers"`
    - `harness baseline accept main --reason "new sampler" --row baseline-hr/caviar --keep`
    - `harness baseline accept files --reason "frozen features" --features ties.npz --rule cuhk03`
    """
    from harness.gate.accept import AcceptRequest
    from harness.gate.sides import DEFAULT_METRICS
    from harness.run.file_request import FileRequest

    files = [
        FileRequest(file=file, rule=rule, distance=distance, rerank=rerank)
        for file in features or ()
    ]
    _check_ranking(files, rule=rule, distance=distance, rerank=rerank)
    everywhere, single = _parse_margins(margin or ())
    request = AcceptRequest(
        name=name,
        reason=reason,
        folder=folder,
        rows=tuple(row or ()),
        run=run,
        features=tuple(files),
        benchmark=benchmark,
        metrics=tuple(metric or DEFAULT_METRICS),
        margins=single,
        keep=keep,
        **everywhere,
    )
    _accept(request, as_json=as_json)


@app.command("list")
def list_all(folder: Folder = Path("baselines"), as_json: AsJson = False) -> None:
    """List the baselines of a folder: their rows, numbers, margins, and what each can show.

    Example: `harness baseline list --json`
    """
    from harness.gate.baseline import list_files, read_baseline

    found = [read_baseline(path) for path in list_files(folder)]
    if as_json:
        emit_json([_json(baseline) for baseline in found])
    elif not found:
        stdout.print(
            f"There is no baseline in {escape(str(folder))}; `harness baseline accept --help` "
            "shows how to make one.",
            highlight=False,
        )
    for baseline in found if not as_json else ():
        _print(baseline)


def _accept(request: AcceptRequest, *, as_json: bool) -> None:
    from harness.gate.accept import accept as accept_baseline
    from harness.loader import load_plugins
    from harness.store import Store

    settings = Settings.from_environment()
    with Store.open(settings.db, home=settings.home) as store, stderr.status("Accepting"):
        baseline, path = accept_baseline(request, store, load_plugins().metrics)
    if as_json:
        emit_json({"file": str(path), "bytes": path.stat().st_size, **_json(baseline)})
        return
    _print(baseline)
    stdout.print(f"Wrote {path}; commit it.", markup=False, highlight=False)


def _check_ranking(files: Sequence[Any], **options: str | None) -> None:
    for option, given in options.items():
        if given is not None and not files:
            raise UsageError(
                f"`--{option}` is for `--features`, which is not given.",
                f"Add `--features FILE`, or drop `--{option}`.",
            )


def _parse_margins(given: Sequence[str]) -> tuple[dict[str, float], dict[str, float]]:
    """Return the margin of all metrics, if it is given, and those of single ones, in points."""
    everywhere: dict[str, float] = {}
    single: dict[str, float] = {}
    for text in given:
        name, equals, number = text.rpartition("=")
        try:
            margin = float(number)
        except ValueError as error:
            raise UsageError(
                f"{text!r} is no margin.", "Give points, as `--margin 0.3` or `--margin rank1=0.3`."
            ) from error
        (single if equals else everywhere)[name if equals else "margin"] = margin
    return everywhere, single


def _json(baseline: Baseline) -> dict[str, Any]:
    entries = [entry.model_dump(mode="json") for entry in (*baseline.rows, *baseline.features)]
    return {
        "name": baseline.name,
        "reason": baseline.reason,
        "accepted": baseline.accepted,
        "harness": baseline.harness,
        "sha256": baseline.sha256,
        "rows": entries,
        "benchmarks": len(baseline.benchmark.timings.timings) if baseline.benchmark else 0,
        "history": [earlier.model_dump(mode="json") for earlier in baseline.history],
    }


def _print(baseline: Baseline) -> None:
    moves = len(baseline.history)
    moved = f", moved {moves} time{'' if moves == 1 else 's'}" if moves else ""
    stdout.print(
        f"{baseline.name}: {baseline.reason} ({baseline.accepted[:10]}{moved})",
        markup=False,
        highlight=False,
    )
    if baseline.rows or baseline.features:
        stdout.print(_table(baseline))
    if baseline.benchmark is not None:
        count = len(baseline.benchmark.timings.timings)
        stdout.print(f"and the times of {count} benchmarks", highlight=False)


def _table(baseline: Baseline) -> Table:
    grid = Table(
        box=None,
        padding=(0, 1, 0, 0),
        header_style="bold",
        caption="margin: the largest loss that passes, in points; 2 standard errors where that is "
        "more.\nshows: the smallest loss seen four times in five, against a model that differs\n"
        "as the nearest other row of the protocol does.\n"
        "noise: 99th percentile between repeats, in points.",
        caption_justify="left",
    )
    grid.add_column("row", overflow="fold")
    grid.add_column("metric", no_wrap=True)
    for name in ("%", "margin", "shows", "noise"):
        grid.add_column(name, justify="right", no_wrap=True)
    entries: list[RowEntry | FeatureEntry] = [*baseline.rows, *baseline.features]
    for entry in entries:
        for place, (name, metric) in enumerate(entry.metrics.items()):
            grid.add_row("" if place else escape(entry.name), name, *_numbers(metric))
    return grid


def _numbers(metric: Metric) -> tuple[str, ...]:
    return (
        f"{metric.value:.2f}",
        f"{metric.margin:g}",
        "-" if metric.shows is None else f"{metric.shows:.1f}",
        "-" if metric.noise is None else f"{metric.noise:.2f}",
    )
