"""The context of a run's page: what was asked for, what came of it, and where it was made."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.definitions import METRICS, short_name
from harness.store import FitView, ProtocolInfo, RunView, ScoreView, Store
from harness.store.scrub import scrub, scrub_command
from harness.types import Interval, Trial, Variant
from leaderboard.chart import Chart, draw
from leaderboard.estimates import Estimates, MetricAt, stored_value
from leaderboard.library import Library
from leaderboard.pictures import Album, Sheet
from leaderboard.quality import QualityRow, is_quality, make_quality
from leaderboard.queries import HardQuery, cmc, hardest
from leaderboard.wording import facts

TRIAL_METRICS = (("rank-1", 1), ("rank-5", 5), ("rank-10", 10))  # of the headline metric
TRIAL_MAP = MetricAt("map_sum_precision@1", None)

_SPECS = {spec.name: spec for spec in METRICS}

Facts = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One trial of the run.

    Attributes:
        trial: Split and seed.
        fit: Its fit; None where none has begun.
        score: Its score; None where there is none yet.
        values: rank-1, rank-5, rank-10 and mAP.
    """

    trial: Trial
    fit: FitView | None
    score: ScoreView | None
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric over all trials.

    Attributes:
        name: The short name ("rank1").
        title: The name in tables.
        metric: The full name ("cmc_single@1").
        interval: The number with its uncertainty.
        notes: What the scores say of it.
    """

    name: str
    title: str
    metric: str
    interval: Interval
    notes: Sequence[str]


@dataclass(frozen=True, slots=True)
class SplitSize:
    """How many images one split compares: Q queries in a gallery of G images."""

    split: int
    queries: int
    gallery: int
    identities: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the run's scores of one variant say together.

    Attributes:
        variant: How the fits were scored.
        trials: How many scores there are.
        metrics: The headline metric first, then in the order of the store.
        cmc: CMC at ranks 1 to 20 of the headline metric.
        cmc_chart: The same as a chart.
        hardest: The queries with the lowest expected reciprocal rank.
        quality: Metrics of restored images; empty where the method restores nothing.
        sheet: Restored images; None where there are none, or they were left out.
    """

    variant: Variant
    trials: int
    metrics: Sequence[MetricRow]
    cmc: Sequence[tuple[int, float]]
    cmc_chart: Chart | None
    hardest: Sequence[HardQuery]
    quality: Sequence[QualityRow]
    sheet: Sheet | None


@dataclass(frozen=True, slots=True)
class RunPage:
    """The context of `runs/<id>.html`.

    Attributes:
        run: The run.
        command: Its command line, as for a shell, without paths of the machine.
        error: Why it failed, likewise.
        title: What tables call the method.
        protocol: Its protocol; None as long as nothing was scored under it.
        splits: How many splits the protocol has; 0 where that is not known.
        sizes: What each scored split compares.
        fit: The newest of its fits, for what all have in common; None before the first.
        config: The full config.
        settings: What was asked for beyond method, data set and recipe.
        environment: Versions, git commit, machine.
        provenance: Where the method's code comes from.
        dirty: Whether files differed from the git commit.
        trials: Those that were asked for, and what came of them.
        outcomes: One for each variant; empty before the first score.
        curves: A chart for each loss of each stage.
    """

    run: RunView
    command: str
    error: str | None
    title: str
    protocol: ProtocolInfo | None
    splits: int
    sizes: Sequence[SplitSize]
    fit: FitView | None
    config: Facts
    settings: Facts
    environment: Facts
    provenance: Facts
    dirty: bool
    trials: Sequence[TrialRow]
    outcomes: Sequence[Outcome]
    curves: Sequence[Chart]


def make_run(
    store: Store,
    library: Library,
    estimates: Estimates,
    run: RunView,
    album: Album | None = None,
) -> RunPage:
    """Return the context of the page of a run.

    Args:
        store: Holds it.
        library: Names the method.
        estimates: Computes the intervals.
        run: The run.
        album: Writes restored images beside the pages; None leaves them out.
    """
    fits = store.where_fits(run.id)
    scores = store.where_scores(run.id)
    done = [score for score in scores if score.status == "done"]
    protocol = library.protocols.get(run.protocol_id)
    headline = protocol.headline if protocol else None
    fit = fits[-1] if fits else None
    return RunPage(
        run=run,
        command=shlex.join(scrub_command(run.argv)),
        error=scrub(run.error),
        title=library.method_title(run.method),
        protocol=protocol,
        splits=len(protocol.spec.get("splits", ())) if protocol else 0,
        sizes=_sizes(estimates, done),
        fit=fit,
        config=facts(scrub(fit.config)) if fit else [],
        settings=facts(scrub(run.settings)),
        environment=facts(scrub(run.environment)),
        provenance=facts(scrub(_origin(fit))) if fit else [],
        dirty=bool((run.environment.get("git") or {}).get("dirty")),
        trials=_trials(run, fits, scores, headline),
        outcomes=_outcomes(estimates, done, protocol, album),
        curves=_curves(store, fits),
    )


def _origin(fit: FitView) -> dict[str, Any]:
    """Return a fit's provenance without what its method says of itself, which has its own page."""
    return {name: value for name, value in fit.provenance.items() if name != "description"}


def _trials(
    run: RunView, fits: Sequence[FitView], scores: Sequence[ScoreView], headline: str | None
) -> list[TrialRow]:
    """Return the trials in the order of the run, and a row more for each further score of one."""
    rows = []
    for trial in run.trials:
        fit = next((f for f in fits if Trial(f.split, f.seed) == trial), None)
        of_fit = [score for score in scores if fit is not None and score.fit_id == fit.id]
        rows += [TrialRow(trial, fit, score, _values(score, headline)) for score in of_fit]
        if not of_fit:
            rows.append(TrialRow(trial, fit, None, [None] * (len(TRIAL_METRICS) + 1)))
    return rows


def _values(score: ScoreView, headline: str | None) -> list[float | None]:
    metrics = [MetricAt(headline or "", k) for _, k in TRIAL_METRICS]
    return [stored_value(score, metric) for metric in (*metrics, TRIAL_MAP)]


def _sizes(estimates: Estimates, scores: Sequence[ScoreView]) -> list[SplitSize]:
    """Return the sizes of the scored splits, by split."""
    of_split = {score.split: estimates.records(score) for score in scores}
    return [
        SplitSize(split, len(query.ids), len(gallery.ids), len(set(query.pids)))
        for split, (query, gallery) in sorted(of_split.items())
    ]


def _outcomes(
    estimates: Estimates,
    scores: Sequence[ScoreView],
    protocol: ProtocolInfo | None,
    album: Album | None,
) -> list[Outcome]:
    """Return what the scores say, variant by variant."""
    if protocol is None:
        return []
    variants = dict.fromkeys(score.variant for score in scores)
    of_variant = {v: [score for score in scores if score.variant == v] for v in variants}
    return [
        _outcome(estimates, variant, same, protocol, album) for variant, same in of_variant.items()
    ]


def _outcome(
    estimates: Estimates,
    variant: Variant,
    scores: Sequence[ScoreView],
    protocol: ProtocolInfo,
    album: Album | None,
) -> Outcome:
    curve = cmc(estimates, scores, protocol.headline)
    stored = dict.fromkeys(MetricAt(m.name, m.k) for score in scores for m in score.metrics)
    quality = make_quality(estimates, scores)
    ranks = [metric for metric in stored if not is_quality(metric.name)]
    metrics = sorted(ranks, key=lambda metric: metric.name != protocol.headline)
    return Outcome(
        variant=variant,
        trials=len(scores),
        metrics=[_metric(estimates, scores, metric, protocol.headline) for metric in metrics],
        cmc=curve,
        cmc_chart=draw("CMC", "rank", {"mean of all trials": curve}, y_range=(0.0, 1.0)),
        hardest=hardest(estimates, scores),
        quality=quality,
        sheet=album.sheet(scores) if album is not None and quality else None,
    )


def _metric(
    estimates: Estimates, scores: Sequence[ScoreView], metric: MetricAt, headline: str
) -> MetricRow:
    spec = _SPECS.get(metric.name)
    title = spec.title if spec else metric.name
    notes = [m.note for s in scores for m in s.metrics if MetricAt(m.name, m.k) == metric]
    return MetricRow(
        name=short_name(metric.name, metric.k, headline),
        title=title if metric.k is None else f"{title}, rank-{metric.k}",
        metric=metric.name,
        interval=estimates.of(scores, metric),
        notes=list(dict.fromkeys(note for note in notes if note)),
    )


def _curves(store: Store, fits: Sequence[FitView]) -> list[Chart]:
    """Return a chart for each loss of each stage, with a line for each fit."""
    series: dict[tuple[str, str], dict[str, list[tuple[float, float]]]] = {}
    for fit in fits:
        for loss in store.where_losses(fit.id):
            of_fit = series.setdefault((loss.stage, loss.name), {})
            values = of_fit.setdefault(f"split {fit.split}, seed {fit.seed}", [])
            if loss.value is not None:
                values.append((loss.step, loss.value))
    charts = (draw(f"{stage}: {name}", "step", lines) for (stage, name), lines in series.items())
    return [chart for chart in charts if chart is not None]
