"""`harness evaluate`: score features, or distances, that any tool wrote."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from harness.cli.console import emit_json, stderr
from harness.cli.evaluate_output import print_report
from harness.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.run.external import Kept
    from harness.run.file_report import FileReport
    from harness.run.file_request import FileRequest
    from harness.store import Store
    from harness.types import MetricSpec

HELP_FILE = "An .npz, or layumi's .mat; what it must hold stands above."
HELP_RULE = (
    "What is junk and what rank-k means: market1501, single-shot, cuhk03, all-shots, cross-camera "
    "or no-camera. Default: market1501."
)
HELP_DISTANCE = "cosine (default) or euclidean."
HELP_RERANK = (
    "k-reciprocal re-ranking as one of its codes has it: paper, torchreid, layumi, fastreid."
)
HELP_AS = "The number that another tool would print: torchreid, layumi or fastreid."
HELP_TIES = "How equal distances count: pessimistic (default), optimistic or expected."
HELP_WITHOUT = (
    "What a query without a match counts: matched (left out, the default), all (0) or oml."
)
HELP_MULTI = "Pool the multi-query images of each query's person and camera."
HELP_BY = "Break down by camera-pair, query-camera or resolution. Repeatable."
HELP_PAIRS = "Compare all pairs, too: TAR at FAR, EER."
HELP_OPEN = "Take queries without a match as unknown people: FNIR at FPIR."
HELP_MEMORY = "Working memory beside the features, e.g. 2GB; changes time, never a number."
HELP_STORE = "Keep the numbers, external and unverified; needs --dataset and --name."
HELP_DATASET = "With --store: the data set that the file is of, a key of `harness data list`."
HELP_NAME = "With --store: what the numbers are shown as."


def evaluate(
    file: Annotated[Path, typer.Argument(help=HELP_FILE)],
    rule: Annotated[str | None, typer.Option("--rule", help=HELP_RULE)] = None,
    distance: Annotated[str | None, typer.Option("--distance", help=HELP_DISTANCE)] = None,
    rerank: Annotated[str | None, typer.Option("--rerank", help=HELP_RERANK)] = None,
    tool: Annotated[str | None, typer.Option("--as", help=HELP_AS)] = None,
    ties: Annotated[str | None, typer.Option("--ties", help=HELP_TIES)] = None,
    without_match: Annotated[str | None, typer.Option("--without-match", help=HELP_WITHOUT)] = None,
    multi_query: Annotated[bool, typer.Option("--multi-query", help=HELP_MULTI)] = False,
    by: Annotated[list[str] | None, typer.Option("--by", help=HELP_BY)] = None,
    verification: Annotated[bool, typer.Option("--verification", help=HELP_PAIRS)] = False,
    open_set: Annotated[bool, typer.Option("--open-set", help=HELP_OPEN)] = False,
    max_memory: Annotated[str | None, typer.Option("--max-memory", help=HELP_MEMORY)] = None,
    store: Annotated[bool, typer.Option("--store", help=HELP_STORE)] = False,
    dataset: Annotated[str | None, typer.Option("--dataset", help=HELP_DATASET)] = None,
    name: Annotated[str | None, typer.Option("--name", help=HELP_NAME)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score the features that any tool extracted: CMC, both mAP, mINP, exactly.

    FILE is an .npz with query_features (Q, d), query_ids (Q), query_cams (Q) and gallery_features
    (G, d), gallery_ids (G), gallery_cams (G); people count from 1, gallery id -1 is junk, 0 a
    distractor. Or it has distances (Q, G) in the place of the features. Or it is the .mat that
    layumi's test.py writes. Further arrays: query_resolutions (Q), and mquery_features, mquery_ids,
    mquery_cams.

    Averages are over the queries that have a match, unless `--without-match` says otherwise.

    For example:

    - `harness evaluate features.npz`
    - `harness evaluate pytorch_result.mat --as layumi --json`
    - `harness evaluate features.npz --rule cuhk03 --rerank paper --by camera-pair`
    """
    from harness.loader import load_plugins
    from harness.run.external import check_entry
    from harness.run.file_request import FileRequest

    registry = load_plugins()
    entry = check_entry(dataset, name, registry, wanted=store)
    request = FileRequest(
        file=file,
        rule=rule,
        distance=distance,
        rerank=rerank,
        tool=tool,
        ties=ties,
        without_match=without_match,
        multi_query=multi_query,
        by=tuple(by or ()),
        verification=verification,
        open_set=open_set,
        max_memory=max_memory,
    )
    _answer(request, list(registry.metrics.values()), entry, as_json=as_json)


def _answer(
    request: FileRequest,
    metrics: Sequence[MetricSpec],
    entry: tuple[str, str] | None,
    *,
    as_json: bool,
) -> None:
    """Evaluate, keep and print; the store is opened first, and the numbers are printed anyway."""
    from harness.run.evaluate_file import evaluate_file
    from harness.run.external import keep

    with nullcontext() if entry is None else _open_store() as store:
        with stderr.status(f"Evaluating {escape(request.file.name)}"):
            report = evaluate_file(request, metrics)
        kept = None
        try:
            if store is not None and entry is not None:
                kept = keep(report, store, dataset=entry[0], name=entry[1])
        finally:
            _print(report, kept, as_json=as_json)


def _open_store() -> Store:
    from harness.store import Store

    settings = Settings.from_environment()
    return Store.open(settings.db, home=settings.home)


def _print(report: FileReport, kept: Kept | None, *, as_json: bool) -> None:
    if as_json:
        stored = {"stored": kept and kept.id, "stored_note": kept and kept.note}
        emit_json(report.as_json() | stored)
    else:
        print_report(report, kept)
