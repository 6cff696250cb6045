"""Evaluate a file that another tool wrote: read, choose, rank, measure, say under which choices."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from harness.definitions import short_name
from harness.definitions.conventions import TIES, WITHOUT_MATCH
from harness.definitions.counts import has_match
from harness.definitions.measure import Measured, measure
from harness.definitions.open_set import OPEN_SET
from harness.definitions.verification import PAIRS
from harness.errors import DataError, TrainingError, UnknownName
from harness.evaluation.breakdown import Part, by_camera_pair, by_query_camera, by_resolution
from harness.evaluation.feature_file import FeatureFile, load_feature_file
from harness.evaluation.verification import measure_pairs
from harness.run.file_report import FileMetric, FileReport
from harness.run.file_request import Choices, FileRequest, choose
from harness.run.file_source import Source, has_unit_length, open_source
from harness.stats.intervals import THESE_SPLITS, interval
from harness.stats.trials import PerQuery
from harness.types import Evidence, Interval, MetricInput, MetricSpec

BREAKDOWNS = ("camera-pair", "query-camera", "resolution")

_WITH_INTERVAL = ("rank1", "map_sum_precision", "map_trapezoid")
_OPEN_SET = frozenset(spec.name for spec in OPEN_SET)


def evaluate_file(request: FileRequest, specs: Sequence[MetricSpec]) -> FileReport:
    """Return the numbers of a file.

    Args:
        request: What is asked for.
        specs: The metrics; those of input COUNTS are measured.

    Raises:
        DataError: If the file cannot be read or ranked.
        UsageError: If an option is unknown, or contradicts another or the file.
    """
    file = load_feature_file(request.file)
    _check_breakdowns(request.by, file)
    choices = choose(request, has_features=file.features is not None)
    counts = [spec for spec in specs if spec.input is MetricInput.COUNTS]
    wanted = [spec for spec in counts if request.open_set or spec.name not in _OPEN_SET]
    started = time.perf_counter()
    try:
        source = open_source(file, choices)
        evidence, price = source.rank()
        pairs = _measure_pairs(source, choices) if request.verification else []
        parts = {by: _break_down(by, source, evidence, file, choices, wanted) for by in request.by}
    except TrainingError as error:  # it speaks of a training, of which nothing is known here
        raise DataError(
            error.what, f"Extract the features of {file.path.name} again, or leave these out."
        ) from error
    measured = _measure(evidence, wanted, choices)
    return FileReport(
        path=file.path,
        choices=choices,
        queries=evidence.queries,
        queries_without_match=int(np.count_nonzero(~has_match(evidence))),
        gallery=len(file.gallery.pids),
        junk=int(np.count_nonzero(file.gallery.pids < 0)),
        distractors=int(np.count_nonzero(file.gallery.pids == 0)),
        ties=float(np.mean(evidence.equal > 0)),
        metrics=[*_metrics(measured, wanted, choices), *pairs],
        intervals=_intervals(measured, choices, file),
        breakdowns=parts,
        remarks=list(_remarks(file, choices, evidence)),
        unprinted=_unprinted(file, choices),
        price=price,
        seconds=time.perf_counter() - started,
    )


def _check_breakdowns(names: Sequence[str], file: FeatureFile) -> None:
    for name in names:
        if name not in BREAKDOWNS:
            raise UnknownName("breakdown", name, BREAKDOWNS)
    if "resolution" in names and file.resolutions is None:
        raise DataError(
            f"{file.path.name} does not say the resolution of its queries.",
            "Add query_resolutions, the down-sampling rate of each query, or drop "
            "`--by resolution`.",
        )


def _measure(evidence: Evidence, specs: Sequence[MetricSpec], choices: Choices) -> list[Measured]:
    """Return every metric at every rank, those without a value as well."""
    return [
        measure(spec, evidence, k, ties=choices.ties, without_match=choices.without_match)
        for spec in specs
        for k in (spec.ranks or (None,))
    ]


def _metrics(
    measured: Sequence[Measured], specs: Sequence[MetricSpec], choices: Choices
) -> Iterator[FileMetric]:
    by_name = {spec.name: spec for spec in specs}
    for one in measured:
        spec = by_name[one.name]
        yield FileMetric(
            name=short_name(one.name, one.k, choices.rule.headline),
            metric=one.name,
            title=spec.title if one.k is None else f"{spec.title}, rank-{one.k}",
            k=one.k,
            value=one.value,
            unit=spec.unit,
            note=one.note,
        )


def _measure_pairs(source: Source, choices: Choices) -> list[FileMetric]:
    """Return the metrics of all pairs."""
    titles = {spec.name: spec.title for spec in PAIRS}
    return [
        FileMetric(
            name=short_name(one.name, None, choices.rule.headline),
            metric=one.name,
            title=titles[one.name],
            k=None,
            value=one.value,
            unit="fraction",
            note=one.note,
        )
        for one in measure_pairs(source.verify())
    ]


def _break_down(
    by: str,
    source: Source,
    evidence: Evidence,
    file: FeatureFile,
    choices: Choices,
    specs: Sequence[MetricSpec],
) -> list[Part]:
    """Return the metrics of each part."""

    def measure_part(part: Evidence) -> list[Measured]:
        return _measure(part, specs, choices)

    if by == "query-camera":
        return by_query_camera(evidence, file.query, measure_part)
    if by == "camera-pair":
        return by_camera_pair(
            source.rank_in(), file.query, file.gallery, choices.rule, measure_part
        )
    assert file.resolutions is not None  # checked at the door
    return by_resolution(evidence, file.resolutions, measure_part)


def _intervals(
    measured: Sequence[Measured], choices: Choices, file: FeatureFile
) -> dict[str, Interval]:
    """Return the intervals of rank-1 and both mAP over the identities; a file has no splits."""
    found = {}
    for one in measured:
        name = short_name(one.name, one.k, choices.rule.headline)
        if name in _WITH_INTERVAL and one.value is not None:
            trial = PerQuery(one.values, file.query.pids, split=0, seed=0, protocol="")
            whole = interval([trial])
            found[name] = replace(whole, method=whole.method.removesuffix(THESE_SPLITS))
    return found


def _remarks(file: FeatureFile, choices: Choices, evidence: Evidence) -> Iterator[str]:
    """Yield what a reader should know beside the numbers."""
    lonely = int(np.count_nonzero(~has_match(evidence)))
    if lonely:
        yield (
            f"{lonely} of {evidence.queries} queries have no match. "
            f"{WITHOUT_MATCH[choices.without_match]}"
        )
    tied = int(np.count_nonzero(evidence.equal))
    if tied:
        yield (
            f"{tied} of {len(evidence.equal)} true matches are as far as an image of somebody "
            f"else. {TIES[choices.ties]}"
        )
        if choices.tool is not None:
            yield f"{choices.tool.title} leaves ties to its sort: its own number may differ."


def _unprinted(file: FeatureFile, choices: Choices) -> str | None:
    """Return why it is not known what the tool that was asked for would print, or None."""
    tool = choices.tool
    if tool is None or not tool.unit_length or has_unit_length(file):
        return None
    return (
        f"What {tool.title} would print is not known: it ranks by the dot product, which is in "
        "another order than the cosine here, as the features are not of unit length."
    )
