"""`harness data add`: say where a known data set lies, or register one of your own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.console import emit_json, stderr, stdout
from harness.cli.data_findings import print_findings, raise_first_error
from harness.errors import UnknownName, UsageError
from harness.loader import Registry, load_plugins
from harness.settings import Settings

if TYPE_CHECKING:
    from harness.data.own.registration import Examined, OwnRequest, Registered

HELP_KEY = "A data set of `harness data list`; or a new name, for one of your own."
HELP_KNOWN = "The folder that holds the images of a known data set."
HELP_CSV = "Your own: a CSV with the columns path, pid, camid; also subset (or split) and r."
HELP_ROOT = "With --csv: the folder that its paths are relative to. Default: the folder of the CSV."
HELP_FOLDER = "Your own: a folder of images, with all its folders."
HELP_PATTERN = (
    "With --folder: a regular expression for the whole path below it, with the groups pid and "
    "camid, and subset if the folders have one."
)
HELP_SINGLE = "All images are by one camera, and there is no camid to be had."
HELP_SPLITS = "Random halves of the identities. Default: 10, or 1 from 1,000 identities."
HELP_SEED = "Of the random halves."
HELP_REPLACE = "List a data set of your own anew, and write a new protocol.yaml; other files stay."


def add(
    key: Annotated[str, typer.Argument(help=HELP_KEY)],
    known: Annotated[Path | None, typer.Argument(metavar="FOLDER", help=HELP_KNOWN)] = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help=HELP_CSV)] = None,
    root: Annotated[Path | None, typer.Option("--root", metavar="DIR", help=HELP_ROOT)] = None,
    folder: Annotated[
        Path | None, typer.Option("--folder", metavar="DIR", help=HELP_FOLDER)
    ] = None,
    pattern: Annotated[
        str | None, typer.Option("--pattern", metavar="REGEX", help=HELP_PATTERN)
    ] = None,
    single_camera: Annotated[bool, typer.Option("--single-camera", help=HELP_SINGLE)] = False,
    splits: Annotated[int | None, typer.Option("--splits", help=HELP_SPLITS)] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help=HELP_SEED)] = 0,
    replace: Annotated[bool, typer.Option("--replace", help=HELP_REPLACE)] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    r"""Say where a known data set lies, or register one of your own.

    Of your own, every image is opened, what is odd is told, and a protocol is proposed and written
    as a file that you can change. Nothing is written where an error is found, and never into the
    folder of the images.

    For example:

    - `harness data add caviar ~/data/CAVIAR4REID`
    - `harness data add mall --csv mall.csv --root ~/data/mall`
    - `harness data add mall --folder ~/data/mall --pattern '(?P<pid>\d+)_c(?P<camid>\d+)_.*\.jpg'`
    """
    from harness.data.own.registration import OwnRequest

    registry, settings = load_plugins(), Settings.from_environment()
    request = OwnRequest(key, csv, root, folder, pattern, single_camera, splits, seed)
    if known is not None:
        if replace or request != OwnRequest(key):
            raise UsageError(
                f"The folder {known} is for a known data set, and the other options for your own.",
                "For your own, give the folder as `--root` or `--folder`.",
            )
        _add_known(key, known, registry, settings, as_json=as_json)
    else:
        _add_own(request, registry, settings, replace=replace, as_json=as_json)


def _add_known(
    key: str, folder: Path, registry: Registry, settings: Settings, *, as_json: bool
) -> None:
    from harness.data import catalogue

    if key not in registry.datasets:
        raise _unknown(key, folder, registry)
    spec = registry.dataset(key)
    counts = catalogue.add(spec, folder, settings)
    if as_json:
        emit_json({"key": key, "counts": counts.model_dump(exclude_none=True)})
        return
    stdout.print(f"{spec.card.title}: {catalogue.in_words(counts)}.", markup=False)
    stdout.print(f"Compare it with the original: `harness data check {key}`")


def _unknown(key: str, folder: Path, registry: Registry) -> UsageError:
    """Return what to say to a name that no data set has: misspelt, or of one's own."""
    unknown = UnknownName("dataset", key, registry.datasets, "harness data list")
    return UsageError(
        unknown.what,
        f"{unknown.next_step} If it is your own: `harness data add {key} --folder {folder} "
        "--pattern REGEX`, or `--csv FILE`.",
    )


def _add_own(
    request: OwnRequest, registry: Registry, settings: Settings, *, replace: bool, as_json: bool
) -> None:
    from rich.progress import Progress

    from harness.data.own.before import read_before
    from harness.data.own.registration import examine, gather, register
    from harness.data.own.shelf import check_name

    check_name(request.key, _taken(registry), settings, replace=replace)
    before = read_before(request.key, settings)
    gathered = gather(request, before)
    with Progress(console=stderr, transient=True) as progress:
        task = progress.add_task("Opening the images", total=len(gathered.records))
        examined = examine(request, gathered, lambda n: progress.advance(task, n), before)
    findings = [finding.as_json() for finding in examined.findings]
    sound = not any(finding["level"] == "error" for finding in findings)
    registered = register(examined, settings) if sound else None
    if as_json:
        _emit(examined, findings, registered)
    else:
        _print(examined, findings, registered)
    raise_first_error(request.key, findings)


def _taken(registry: Registry) -> dict[str, str]:
    """Return what has each name already: a data set, or a protocol."""
    from harness.specs import all_protocols

    protocols = {key: f"the protocol {key!r}" for key in all_protocols(registry.protocols)}
    datasets = {
        key: f"a data set of {registry.origin('dataset', key)}" for key in registry.datasets
    }
    return protocols | datasets


def _emit(
    examined: Examined, findings: Sequence[dict[str, Any]], registered: Registered | None
) -> None:
    spec = registered and registered.proposal.spec
    emit_json(
        {
            "key": examined.request.key,
            "added": registered is not None,
            "counts": examined.counts.model_dump(exclude_none=True),
            "findings": findings,
            "folder": str(registered.folder) if registered else None,
            "protocol": spec
            and {
                "key": spec.key,
                "title": spec.title,
                "headline": spec.headline,
                "splits": len(spec.splits) or 1,
                "reasons": list(registered.proposal.reasons) if registered else [],
            },
        }
    )


def _print(
    examined: Examined, findings: Sequence[dict[str, Any]], registered: Registered | None
) -> None:
    from harness.data.catalogue import in_words
    from harness.data.own.shelf import PROTOCOL

    key = examined.request.key
    stdout.print(f"{key}: {in_words(examined.counts)}.", markup=False, highlight=False)
    print_findings(findings)
    if registered is None:
        stdout.print("Nothing was registered.")
        return
    stdout.print(f"\nThe protocol, proposed: {registered.proposal.spec.title}", highlight=False)
    for reason in registered.proposal.reasons:
        stdout.print(f"- {reason}", markup=False, highlight=False)
    stdout.print(f"It is in {registered.folder / PROTOCOL}; change it before the first run.")
    stdout.print(f"Next: `harness run --plugin baseline-hr --dataset {key} --recipe smoke`")
