"""`harness plugins check`: does a plugin keep what the harness promises its users?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from harness.cli.console import emit_json, stderr, stdout
from harness.errors import PluginError, UsageError
from harness.run.progress import RunProgress
from harness.testing.catalogue import CHECKS, check_names, check_reasons, checks_of
from harness.testing.check import Check, Result, run_check
from harness.testing.subjects import Subject, find_subjects

SLOW = 5.0  # [s]; what took longer is named
COLOURS = {"ok": "green", "failed": "red", "blocked": "magenta", "skipped": "yellow"}

Name = Annotated[
    str | None,
    typer.Argument(help="A plugin (its entry point), or a method, data set or metric by its key."),
]
Only = Annotated[
    list[str] | None, typer.Option(metavar="CHECK", help="Run this check only; can be repeated.")
]
Skip = Annotated[
    list[str] | None,
    typer.Option(metavar="CHECK=REASON", help="Skip a check, saying why; can be repeated."),
]
List = Annotated[bool, typer.Option("--list", help="Show the checks and what each promises.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def check_plugin(
    name: Name = None,
    only: Only = None,
    skip: Skip = None,
    show: List = False,
    as_json: AsJson = False,
) -> None:
    """Check what the harness promises of a plugin, and say how to mend what breaks it.

    A plugin is checked with all that it brings, a method on the embedded data set with its recipe
    `tiny`. Exits with 3 if a check fails, or is blocked: what it looks at cannot be had.

    Examples:
    - `harness plugins check my-method`
    - `harness plugins check my-method --only batch-size`
    - `harness plugins check my-method --skip "no-memory=its memory bank is the method"`
    - `harness plugins check --list`
    """
    reasons = _parse_reasons(skip or [])
    check_names(only or [])
    check_reasons(reasons)
    chosen = _choose(name, only or [], listing=show)
    if show:
        _show_checks([check for check, _ in chosen], as_json=as_json)
        return
    results = _run(chosen, reasons)
    passed = all(result.status in ("ok", "skipped") for result in results)
    if as_json:
        emit_json({"name": name, "passed": passed, "checks": list(map(_as_json, results))})
    else:
        _print(results)
    if not passed:
        raise typer.Exit(PluginError.exit_code)


def _choose(
    name: str | None, only: Sequence[str], *, listing: bool
) -> list[tuple[Check, Subject | None]]:
    """Return the checks to run, each with its subject; without a name all checks, to list them."""
    if name is None:
        if not listing:
            raise UsageError(
                "There is no plugin named to check.",
                "Give one of `harness plugins list`, or `--list` to see the checks.",
            )
        return [(check, None) for check in CHECKS if not only or check.name in only]
    chosen: list[tuple[Check, Subject | None]] = [
        (check, subject)
        for subject in find_subjects(name)
        for check in checks_of(subject.kind)
        if not only or check.name in only
    ]
    if not chosen:
        raise UsageError(
            f"None of {', '.join(only)} is a check of {name!r}.",
            f"See `harness plugins check {name} --list`.",
        )
    return chosen


def _run(chosen: Sequence[tuple[Check, Subject | None]], reasons: dict[str, str]) -> list[Result]:
    progress = RunProgress(stderr)
    results = []
    with progress.live(), progress.bar("Checking", len(chosen)) as advance:
        for check, subject in chosen:
            assert subject is not None
            advance(0, f"{subject.key}: {check.name}")
            results.append(run_check(check, subject, reasons))
            advance(1)
    return results


def _parse_reasons(given: Sequence[str]) -> dict[str, str]:
    reasons: dict[str, str] = {}
    for text in given:
        name, _, reason = text.partition("=")
        reasons[name.strip()] = reason.strip()
    return reasons


def _show_checks(checks: Sequence[Check], *, as_json: bool) -> None:
    unique = list(dict.fromkeys(checks))
    if as_json:
        emit_json(
            [
                {"check": c.name, "kind": c.kind, "promise": c.promise, "mend": c.mend}
                for c in unique
            ]
        )
        return
    table = Table("of a", "check", "promise")
    for one in unique:
        table.add_row(one.kind, one.name, one.promise)
    stdout.print(table)


def _print(results: Sequence[Result]) -> None:
    for kind, key in dict.fromkeys((result.check.kind, result.key) for result in results):
        table = Table("", "check", "s", "seen", title=f"{kind} {key}", title_justify="left")
        for result in results:
            if (result.check.kind, result.key) == (kind, key):
                status = Text(result.status, style=COLOURS[result.status])
                table.add_row(status, result.check.name, f"{result.seconds:.1f}", Text(result.seen))
        stdout.print(table)
    for result in results:
        if result.status == "failed":
            stdout.print(f"\n[red]{result.key} fails the check {result.check.name}[/]")
            for label, text in (
                ("promised", result.check.promise),
                ("seen", result.seen),
                ("to mend", result.check.mend),
            ):
                stdout.print(f"  {label + ':':10}{text}", markup=False, highlight=False)
    stdout.print(_summary(results), markup=False, highlight=False)


def _summary(results: Sequence[Result]) -> str:
    counts = [
        f"{sum(result.status == status for result in results)} {status}" for status in COLOURS
    ]
    total = sum(result.seconds for result in results)
    slow = sorted((r for r in results if r.seconds > SLOW), key=lambda r: -r.seconds)
    named = ", ".join(f"{r.key}/{r.check.name} {r.seconds:.0f} s" for r in slow)
    return f"\n{', '.join(counts)} in {total:.0f} s." + (f" Slow: {named}." if named else "")


def _as_json(result: Result) -> dict[str, Any]:
    return {
        "key": result.key,
        **_described(result.check),
        "status": result.status,
        "seen": result.seen,
        "seconds": round(result.seconds, 3),
    }


def _described(check: Check) -> dict[str, str]:
    return {
        "kind": check.kind,
        "check": check.name,
        "promise": check.promise,
        "mend": check.mend,
    }
