"""`harness compare`: two runs or rows under one protocol, query by query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from harness.cli.console import emit_json, stderr, stdout
from harness.definitions import in_unit
from harness.settings import Settings

if TYPE_CHECKING:
    from harness.run.compare import ComparedMetric, ComparisonReport
    from harness.run.contestants import Contestant
    from harness.stats.correlation import Agreement
    from harness.stats.wins import IdentityPair
    from harness.types import Unit

HELP_SIDE = (
    "A run, by the start of its id; or a row of the leaderboard, as METHOD/WORD..., with as many "
    "words as tell it from the method's other rows: data set, protocol, recipe, config hash."
)
HELP_METRIC = "Compare by this metric only, e.g. rank1, cmc_multi_rank1 or map_sum_precision."

QUERIES_SHOWN = 2


def compare(
    a: Annotated[str, typer.Argument(help=HELP_SIDE)],
    b: Annotated[str, typer.Argument(help="The other one, under the same protocol.")],
    metric: Annotated[str | None, typer.Option("--metric", help=HELP_METRIC)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare two runs or rows: is A better than B, how sure is that, and for whom?

    Query by query, over the trials (split and seed) that both have; the unit is an identity with
    all its queries in all of them. A and B are *tied* where the 95 % interval of A - B contains
    zero. Beside it: the p-value of a sign-flip test over identities, and the smallest difference
    that this comparison can show (power 80 %, level 5 %). Then the identities and queries for which
    A or B is better, and how much the queries of one person agree.

    For example:

    - `harness compare 389781ad 0e6eca36`
    - `harness compare baseline-hr/caviar baseline-hr-lr/caviar --metric map_sum_precision`
    """
    from harness.loader import load_plugins
    from harness.run.compare import compare_contestants
    from harness.run.contestants import find_contestant
    from harness.store import Store

    settings = Settings.from_environment()
    with Store.open(settings.db, home=settings.home) as store, stderr.status("Comparing"):
        sides = find_contestant(store, a), find_contestant(store, b)
        report = compare_contestants(store, *sides, load_plugins().metrics.values(), metric)
    if as_json:
        emit_json(report.as_json())
    else:
        _print_report(report)


def _print_report(report: ComparisonReport) -> None:
    for letter, side in (("A", report.a), ("B", report.b)):
        stdout.print(f"{letter}: {_in_words(side)}", markup=False, highlight=False)
    delta = report.metrics[0].difference.delta
    stdout.print(
        f"{_count(len(report.trials), 'common trial')}, "
        f"{_count(delta.n_identities, 'identity', 'identities')}, "
        f"protocol {report.a.protocol_id[:8]}",
        markup=False,
        highlight=False,
    )
    shown = [metric for metric in report.metrics if metric.difference.a is not None]
    _print_table(_differences_table(shown))
    _print_wins(report)
    agreeing = [metric for metric in shown if metric.difference.agreement_a.icc is not None]
    if agreeing:
        _print_table(_agreement_table(agreeing))
    missing = [metric.name for metric in report.metrics if metric not in shown]
    for who, names in (
        ("Only A has", report.only_a),
        ("Only B has", report.only_b),
        ("Without a value in a trial:", missing),
    ):
        if names:
            stdout.print(f"{who} {', '.join(names)}.", highlight=False)


def _in_words(side: Contestant) -> str:
    runs = ", ".join(run[:8] for run in side.runs)
    many = "runs" if len(side.runs) > 1 else "run"
    return f"{side.method} on {side.dataset}, recipe {side.recipe} ({many} {runs})"


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _differences_table(metrics: Sequence[ComparedMetric]) -> Table:
    """Return a table of the differences: fractions in per cent, other units as they are."""
    methods = {metric.difference.delta.method for metric in metrics}
    tests = {metric.difference.test.method for metric in metrics if metric.difference.test}
    grid = _grid(
        "low, high: 95 % interval of A - B; tied where it holds zero, whatever p is.",
        *sorted(methods),
        f"p: {'; '.join(sorted(tests)) or 'none'}.",
        "shows: the smallest difference found with a power of 80 % at a level of 5 %.",
    )
    grid.add_column("metric", no_wrap=True)
    for name in ("A", "B", "A - B", "low", "high", "p", "shows"):
        grid.add_column(name, justify="right", no_wrap=True)
    grid.add_column("better", no_wrap=True)
    for metric in metrics:
        found, unit = metric.difference, metric.spec.unit
        delta = found.delta
        grid.add_row(
            metric.name,
            *(in_unit(value, unit) for value in (found.a, found.b)),
            *(_signed(value, unit) for value in (delta.value, delta.low, delta.high)),
            "-" if found.test is None else _p(found.test.p),
            in_unit(found.detectable, unit),
            _verdict(metric),
        )
    return grid


def _print_wins(report: ComparisonReport) -> None:
    if report.wins is None:
        return
    wins, first = report.wins, report.metrics[0]
    grid = _grid()
    for name in (f"wins by {first.name}", "A", "B", "equal"):
        grid.add_column(name, justify="right" if grid.columns else "left", no_wrap=True)
    for name, tally in (("identities", wins.identities), ("queries in trials", wins.queries)):
        grid.add_row(name, f"{tally.a:,}", f"{tally.b:,}", f"{tally.equal:,}")
    _print_table(grid)
    for letter, identities in (("A", wins.of_a), ("B", wins.of_b)):
        if identities:
            _print_table(_largest_table(report, letter, identities))


def _largest_table(
    report: ComparisonReport, letter: str, identities: Sequence[IdentityPair]
) -> Table:
    """Return the identities for which one side wins most, with the queries that say so most."""
    unit = report.metrics[0].spec.unit
    grid = _grid()
    for name in (f"largest wins of {letter}", "A - B", "queries"):
        grid.add_column(name, justify="right", no_wrap=True)
    grid.add_column("first of them (A | B)", overflow="fold")
    for identity in identities:
        shown = "\n".join(
            f"{report.query_ids[query.split][query.index]}, split {query.split}, seed "
            f"{query.seed} ({in_unit(query.a, unit)} | {in_unit(query.b, unit)})"
            for query in identity.queries[:QUERIES_SHOWN]
        )
        grid.add_row(
            str(identity.pid),
            _signed(identity.delta, unit),
            f"{len(identity.queries):,}",
            escape(shown),
        )
    return grid


def _agreement_table(metrics: Sequence[ComparedMetric]) -> Table:
    grid = _grid(
        "How much the queries of one identity agree in a trial: ICC, and in brackets the design",
        "effect, by which the variance is larger than if the queries were independent.",
    )
    grid.add_column("agreement", no_wrap=True)
    for name in ("A", "B", "A - B", "queries each"):
        grid.add_column(name, justify="right", no_wrap=True)
    for metric in metrics:
        found = metric.difference
        sides = (found.agreement_a, found.agreement_b, found.agreement_delta)
        each = found.agreement_delta.queries_each
        grid.add_row(metric.name, *map(_agreed, sides), "-" if each is None else f"{each:.1f}")
    return grid


def _print_table(grid: Table) -> None:
    stdout.print()
    stdout.print(grid)


def _grid(*caption: str) -> Table:
    """Return an empty table that 80 columns hold, with lines below it."""
    return Table(
        box=None,
        padding=(0, 1, 0, 0),
        header_style="bold",
        caption="\n".join(caption),
        caption_justify="left",
    )


def _verdict(metric: ComparedMetric) -> str:
    if metric.difference.tied is None:
        return "-"
    return {"a": "A", "b": "B", None: "tied"}[metric.better]


def _agreed(found: Agreement) -> str:
    if found.icc is None:
        return "-"
    return f"{found.icc:.2f} ({found.design_effect:.1f})"


def _signed(value: float | None, unit: Unit) -> str:
    """Return a difference with its sign, and zero without.

    >>> _signed(0.025, "fraction"), _signed(-0.0001, "fraction"), _signed(None, "dB")
    ('+2.5', '0.0', '-')
    """
    text = in_unit(value, unit)
    if value is None or not text.strip("-0."):
        return text.lstrip("-") if value is not None else text
    return f"+{text}" if value > 0 else text


def _p(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"
