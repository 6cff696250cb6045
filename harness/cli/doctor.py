"""`harness doctor`: is everything that a run needs here, and what to do where it is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Literal

import typer

from harness.cli.console import emit_json, stdout
from harness.errors import HarnessError
from harness.settings import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    state: Literal["ok", "notice", "problem"]
    detail: str


COLOURS = {"ok": "green", "notice": "yellow", "problem": "red"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check the folders, the database, the plugins, the data sets, the device and the weights.

    Exits with 2 if something would stop a run on the embedded data set.

    Example: `harness doctor`
    """
    settings = Settings.from_environment()
    looks: Sequence[Callable[[Settings], list[Finding]]] = (
        _look_at_home,
        _look_at_store,
        _look_at_plugins,
        _look_at_data,
        _look_at_torch,
        _look_at_weights,
    )
    findings = [finding for look in looks for finding in look(settings)]
    if as_json:
        emit_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            stdout.print(f"[{COLOURS[finding.state]}]{finding.state:8}[/]", end="")
            stdout.print(f"{finding.what}: {finding.detail}", markup=False, highlight=False)
    if any(finding.state == "problem" for finding in findings):
        raise typer.Exit(2)


def _look_at_home(settings: Settings) -> list[Finding]:
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        probe = settings.home / ".doctor"
        probe.touch()
        probe.unlink()
    except OSError as error:
        return [Finding("HARNESS_HOME", "problem", f"{settings.home} is not writable ({error})")]
    return [Finding("HARNESS_HOME", "ok", str(settings.home))]


def _look_at_store(settings: Settings) -> list[Finding]:
    from harness.store import Store

    try:
        with Store.open(settings.db, home=settings.home) as store:
            runs = len(store.where_runs())
    except HarnessError as error:
        return [Finding("store", "problem", str(error))]
    return [Finding("store", "ok", f"{settings.db}, {runs} runs")]


def _look_at_plugins(_settings: Settings) -> list[Finding]:
    from harness.loader import load_plugins

    try:
        registry = load_plugins()
    except HarnessError as error:
        return [Finding("plugins", "problem", str(error))]
    found = ", ".join(sorted(registry.methods))
    findings = [Finding("plugins", "ok", f"methods {found}")]
    findings += [Finding(f"plugin {p.origin}", "notice", p.reason) for p in registry.problems]
    return findings


def _look_at_data(settings: Settings) -> list[Finding]:
    from harness.data.catalogue import locate
    from harness.loader import load_plugins

    findings = []
    try:
        specs = load_plugins().datasets.values()
    except HarnessError:
        return []  # told by _look_at_plugins
    for spec in specs:
        if spec.generate is not None:
            findings.append(Finding(f"data set {spec.key}", "ok", "generated when first used"))
            continue
        try:
            findings.append(Finding(f"data set {spec.key}", "ok", str(locate(spec, settings))))
        except HarnessError as error:
            findings.append(Finding(f"data set {spec.key}", "notice", str(error)))
    return findings


def _look_at_torch(_settings: Settings) -> list[Finding]:
    import torch

    from harness.training import choose_device

    device = choose_device("auto", "auto").describe()
    detail = f"torch {torch.__version__}, {device['name']}, {device['precision']}"
    if device["type"] == "cuda":
        return [Finding("device", "ok", detail)]
    return [Finding("device", "notice", f"{detail}; no CUDA device: runs use the CPU")]


def _look_at_weights(settings: Settings) -> list[Finding]:
    from harness.models import resolve_weights
    from harness.models.weights import imagenet_file

    if settings.weights in ("auto", "imagenet") and not imagenet_file().is_file():
        detail = f"ImageNet weights are not cached at {imagenet_file()}; a run would download them"
        return [Finding("initial weights", "notice", detail)]
    try:
        weights = resolve_weights(settings.weights, base_width=64, explicit=True)
    except HarnessError as error:
        return [Finding("initial weights", "problem", str(error))]
    if weights.notice:
        return [Finding("initial weights", "notice", weights.notice)]
    return [Finding("initial weights", "ok", f"{weights.name} ({settings.weights})")]
