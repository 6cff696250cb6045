"""Accept a baseline: write down what later rows and feature files are held against, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness import __version__
from harness.errors import UsageError
from harness.gate.baseline import Baseline, path_of, read_baseline, write_baseline
from harness.gate.bundles import bundle_of, store_of
from harness.gate.entries import Benchmark, FeatureEntry, Metric, RowEntry
from harness.gate.feature_files import RankedFile, evidence_line, name_of, rank_file
from harness.gate.noise import learn_noise
from harness.gate.numbers import describe
from harness.gate.rows import choose_rows, covering_runs, merge_entries, name_rows
from harness.gate.sides import DEFAULT_METRICS, find_metrics, load_row
from harness.gate.timings import read_timings
from harness.run.environment import describe_environment
from harness.store.drafts import now

if TYPE_CHECKING:
    from harness.run.file_request import FileRequest
    from harness.store import Row, Store
    from harness.types import MetricSpec

DEFAULT_MARGIN = 0.5
"""The largest loss that passes, in points, unless another is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptRequest:
    """What to accept, and why; all newest rows of the store where nothing is named.

    Attributes:
        name: Of the baseline.
        reason: Why; it must say something.
        folder: Where baselines are kept.
        rows: Names of rows, METHOD/WORD...
        run: The start of a run's id, or None.
        features: Feature files, with how to rank them.
        benchmark: What pytest-benchmark wrote, or None.
        metrics: Short names of what the rows are held by.
        margin: The largest loss that passes, in points.
        margins: The same of single metrics, by short name.
        keep: Whether what the baseline has and this request does not name stays.
    """

    name: str
    reason: str
    folder: Path
    rows: tuple[str, ...] = ()
    run: str | None = None
    features: tuple[FileRequest, ...] = ()
    benchmark: Path | None = None
    metrics: tuple[str, ...] = DEFAULT_METRICS
    margin: float = DEFAULT_MARGIN
    margins: Mapping[str, float] = field(default_factory=dict)
    keep: bool = False

    @property
    def names_rows(self) -> bool:
        """Whether rows are meant: some are named, or nothing is."""
        return bool(self.rows or self.run) or not (self.features or self.benchmark)


def accept(
    request: AcceptRequest, store: Store, specs: Mapping[str, MetricSpec]
) -> tuple[Baseline, Path]:
    """Write a baseline; one of that name moves, and keeps in its history what it was.

    Args:
        request: What to accept, and why.
        store: Where its rows are.
        specs: All metrics, by full name.

    Returns:
        The baseline and its file.

    Raises:
        UsageError: If there is no reason, nothing to accept, a margin that is none, or a file that
            cannot be written.
        UnknownName: If there is no such row, run or metric.
        DataError: If a feature or benchmark file cannot be read, or a row has no value.
        IntegrityError: If the baseline of that name is not what was accepted.
    """
    _check(request)
    path = path_of(request.name, request.folder)
    old = read_baseline(path) if path.exists() else None
    rows = choose_rows(store, request.rows, request.run) if request.names_rows else []
    files = [(name_of(f.file, request.folder), rank_file(f)) for f in request.features]
    new = Baseline(
        name=request.name,
        reason=request.reason.strip(),
        accepted=now(),
        harness=__version__,
        environment=describe_environment(),
        history=() if old is None else (*old.history, old.as_history()),
        rows=_row_entries(request, store, rows, specs),
        features=tuple(_feature_entry(request, name, ranked, specs) for name, ranked in files),
        evidence={name: evidence_line(name, ranked.side) for name, ranked in files},
        benchmark=_benchmark(request),
        bundle=bundle_of(store, covering_runs(_scores_of(rows), store)) if rows else (),
    )
    if old is not None and request.keep:
        new = _with_kept(new, old)
    if not (new.rows or new.features or new.benchmark):
        raise UsageError(
            "There is nothing to accept: the store has no rows.",
            "Run a method first, or give `--features FILE`.",
        )
    return replace(new, sha256=write_baseline(new, path)), path


def _check(request: AcceptRequest) -> None:
    if not request.reason.strip():
        raise UsageError(
            "A baseline moves for a reason, and none is given.",
            'Say why: `--reason "train with the new sampler"`.',
        )
    for margin in (request.margin, *request.margins.values()):
        if not 0 <= margin <= 100:
            raise UsageError(
                f"{margin:g} points are no margin.", "Give the largest loss that may pass, as 0.5."
            )
    for name in request.margins:
        if name not in request.metrics:
            raise UsageError(
                f"The margin of {name} is given, but rows are not held by it.",
                f"Add `--metric {name}`, or drop its margin.",
            )


def _row_entries(
    request: AcceptRequest, store: Store, rows: Sequence[Row], specs: Mapping[str, MetricSpec]
) -> tuple[RowEntry, ...]:
    others = [load_row(store, row) for row in store.where_rows()] if rows else []
    entries = []
    for name, row in name_rows(rows).items():
        side = load_row(store, row)
        found = find_metrics(request.metrics, side, specs)
        noise = learn_noise(store, row, found)
        numbers = describe(name, side, found, _margins(request), noise, others)
        entries.append(_row_entry(name, row, numbers))
    return tuple(entries)


def _row_entry(name: str, row: Row, metrics: Mapping[str, Metric]) -> RowEntry:
    return RowEntry(
        name=name,
        method=row.method,
        dataset=row.dataset,
        protocol=row.protocol.key,
        protocol_id=row.protocol.id,
        manifest=row.protocol.manifest,
        headline=row.protocol.headline,
        recipe=row.recipe,
        narrowed=row.narrowed,
        weights=row.weights.name,
        feature=row.variant.feature,
        distance=row.variant.distance,
        precision=row.variant.precision,
        rerank=row.variant.rerank,
        method_version=row.method_version,
        config_hash=row.config_hash,
        scores=tuple(trial.score.id for trial in row.trials),
        metrics=metrics,
    )


def _feature_entry(
    request: AcceptRequest, name: str, ranked: RankedFile, specs: Mapping[str, MetricSpec]
) -> FeatureEntry:
    found = find_metrics(request.metrics, ranked.side, specs)
    return FeatureEntry(
        name=name,
        sha256=ranked.sha256,
        labels=ranked.labels,
        rule=ranked.choices.rule.key,
        distance=ranked.choices.distance,
        rerank=ranked.choices.rerank.key if ranked.choices.rerank else None,
        queries=ranked.queries,
        gallery=ranked.gallery,
        metrics=describe(name, ranked.side, found, _margins(request), {}),
    )


def _benchmark(request: AcceptRequest) -> Benchmark | None:
    file = request.benchmark
    return None if file is None else Benchmark(timings=read_timings(file))


def _margins(request: AcceptRequest) -> dict[str, float]:
    """Return the margin of each metric, in points."""
    return {name: request.margins.get(name, request.margin) for name in request.metrics}


def _with_kept(new: Baseline, old: Baseline) -> Baseline:
    """Return a baseline with what an older one has beside it."""
    rows = merge_entries(old.rows, new.rows)
    features = {entry.name: entry for entry in (*old.features, *new.features)}
    with store_of(old.bundle, new.bundle, name=f"baseline {old.name}") as store:
        scores = {score for entry in rows for score in entry.scores}
        bundle = bundle_of(store, covering_runs(scores, store)) if scores else ()
    return replace(
        new,
        rows=rows,
        features=tuple(features[name] for name in sorted(features)),
        evidence={name: {**old.evidence, **new.evidence}[name] for name in sorted(features)},
        benchmark=new.benchmark or old.benchmark,
        bundle=bundle,
    )


def _scores_of(rows: Sequence[Row]) -> set[str]:
    return {trial.score.id for row in rows for trial in row.trials}
