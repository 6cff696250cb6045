"""What `harness evaluate` prints for people: the numbers as tables, and what was counted."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from rich import box
from rich.markup import escape
from rich.table import Table

from harness.cli.console import stdout

if TYPE_CHECKING:
    from harness.evaluation.breakdown import Part
    from harness.run.external import Kept
    from harness.run.file_report import FileMetric, FileReport, Price


def print_report(report: FileReport, kept: Kept | None) -> None:
    """Print the numbers as tables, and what was counted.

    Args:
        report: The numbers.
        kept: Where they were stored, or None.
    """
    stdout.print(_table(report))
    _print_lines(_tool_lines(report))
    for by, parts in report.breakdowns.items():
        stdout.print(_parts_table(by, parts, report.choices.rule.headline))
    _print_lines([_counts(report), *report.remarks, *_notes(report.metrics)])
    if kept is not None:
        stored = f"Stored for {kept.dataset} as {kept.name!r}: external and unverified"
        _print_lines([f"{stored}, never ranked with runs.", *([kept.note] if kept.note else [])])


def shown_share(price: Price) -> str:
    """Return the share of comparisons that the reference decided, in per cent, two digits of it."""
    return "-" if price.share is None else f"{Decimal(f'{100 * price.share:.2g}'):f} %"


def _print_lines(lines: Sequence[str]) -> None:
    for line in lines:
        stdout.print(line, markup=False, highlight=False)


def _tool_lines(report: FileReport) -> list[str]:
    """Return what the tool that was asked for would print, or why it is not known."""
    tool = report.choices.tool
    if tool is None:
        return []
    if report.printed is None:
        return [report.unprinted or "", tool.words]
    printed = ", ".join(f"{label} {_shown(x)}" for label, x in report.printed.items())
    return [f"{tool.title} would print: {printed}.", tool.words]


def _table(report: FileReport) -> Table:
    """Return the table of numbers; the CMC of other rules is in the JSON only."""
    table = Table("metric", "definition", box=box.SIMPLE, title=_title(report))
    table.add_column("%", justify="right")
    table.add_column("95 % interval", justify="right")
    for one in report.metrics:
        if one.name.startswith("cmc_"):
            continue
        interval = report.intervals.get(one.name)
        ends = (
            ""
            if interval is None or interval.low is None or interval.high is None
            else f"{100 * interval.low:.1f} to {100 * interval.high:.1f}"
        )
        table.add_row(one.name, one.metric, _shown(one.outer), ends)
    return table


def _title(report: FileReport) -> str:
    choices = report.choices
    distance = f"{choices.distance} distance" if choices.distance else "its own distances"
    reranked = f", re-ranked ({choices.rerank.key})" if choices.rerank else ""
    pooled = ", multi-query" if choices.multi_query else ""
    return f"{escape(report.path.name)}: rule {choices.rule.key}, {distance}{pooled}{reranked}"


def _counts(report: FileReport) -> str:
    price = report.price
    referred = (
        f"; {shown_share(price)} of the comparisons were too close for float32"
        if price and price.compared
        else ""
    )
    return (
        f"{report.queries:,} queries, {report.queries_without_match:,} of them without a match; "
        f"{report.gallery:,} gallery images, of which {report.junk:,} junk and "
        f"{report.distractors:,} distractors; {100 * report.ties:.1f} % of the true matches tie; "
        f"{report.seconds:.1f} s{referred}."
    )


def _notes(metrics: Sequence[FileMetric]) -> list[str]:
    """Return why numbers are missing, each sentence once."""
    shown = (one for one in metrics if one.note and not one.name.startswith("cmc_"))
    return list(dict.fromkeys(f"{one.name}: {one.note}" for one in shown))


def _parts_table(by: str, parts: Sequence[Part], headline: str) -> Table:
    """Return a table of a breakdown."""
    divides = {
        "camera-pair": ("query_camera", "gallery_camera"),
        "query-camera": ("query_camera",),
        "resolution": ("r",),
    }[by]
    table = Table(*(name.replace("_", " ") for name in divides), box=box.SIMPLE, title=f"by {by}")
    columns = ("queries", "without match", "rank1", "map_sum_precision", "minp")
    for column in columns:
        table.add_column(column, justify="right")
    for part in parts:
        values = part.as_json(headline)
        table.add_row(
            *("-" if values[name] is None else str(values[name]) for name in divides),
            f"{part.queries:,}",
            f"{part.queries_without_match:,}",
            *(_shown(values["metrics"].get(name)) for name in columns[2:]),
        )
    return table


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
