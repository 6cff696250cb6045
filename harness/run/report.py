"""What a run says at its end: its numbers with their intervals, beside the published ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.definitions import short_name
from harness.definitions.measure import is_measurable, measure
from harness.loader import Registry
from harness.run.plan import RunPlan
from harness.specs import Cell, all_papers
from harness.stats.intervals import interval
from harness.stats.trials import PerQuery
from harness.store import FitView, MetricValue
from harness.types import Evidence, Interval, MetricSpec, ModelAddress, Trial, Unit


@dataclass(frozen=True, slots=True)
class TrialResult:
    """One finished trial.

    Attributes:
        trial: Split and seed.
        fit: The fit.
        score_id: The id of its score.
        metrics: The score's metrics.
        evidence: What the score left.
        pids: The identity of each query.
        reused: Whether the fit had been done before this run.
        model: The address of the model that the fit left, or None where it left none.
    """

    trial: Trial
    fit: FitView
    score_id: str
    metrics: Sequence[MetricValue]
    evidence: Evidence
    pids: tuple[int, ...]
    reused: bool
    model: ModelAddress | None


@dataclass(frozen=True, slots=True)
class ReportedMetric:
    """One number of the report.

    Attributes:
        name: The short name ("rank1").
        metric: The full name of the definition ("cmc_single@1").
        title: The name in tables.
        interval: The number with its uncertainty.
        published: The published cell that it stands beside, if there is one.
        unit: Of the number.
        note: Why it is not defined, or what is odd about it.
    """

    name: str
    metric: str
    title: str
    interval: Interval
    published: Cell | None
    unit: Unit
    note: str | None


@dataclass(frozen=True)
class RunReport:
    """A finished run.

    Attributes:
        run_id: Of the run.
        plan: What was run.
        trials: Its trials.
        metrics: The numbers over all of them.
    """

    run_id: str
    plan: RunPlan
    trials: Sequence[TrialResult]
    metrics: Sequence[ReportedMetric]

    @property
    def images_per_second(self) -> float | None:
        """Images through the identity loss in a second of training; None without training."""
        seconds = sum(trial.fit.seconds for trial in self.trials)
        images = sum(trial.fit.identity_images for trial in self.trials)
        return images / seconds if seconds else None

    def as_json(self) -> dict[str, Any]:
        """Return the report as one JSON object; metrics that are fractions are in per cent."""
        plan = self.plan
        return {
            "run_id": self.run_id,
            "status": "done",
            "method": plan.method.key,
            "dataset": plan.dataset.key,
            "recipe": plan.recipe.name,
            "narrowed": plan.narrowed,
            "weights": plan.weights.name,
            "precision": plan.device.precision,
            "protocol_id": plan.protocol.id,
            "headline": plan.protocol.spec.headline,
            "metrics": {
                m.name: m.interval.as_json(m.unit)
                | {
                    "metric": m.metric,
                    "published": m.published.printed if m.published else None,
                    "note": m.note,
                }
                for m in self.metrics
            },
            "trials": [
                {
                    "split": t.trial.split,
                    "seed": t.trial.seed,
                    "fit_id": t.fit.id,
                    "model": t.model,
                    "score_id": t.score_id,
                    "reused": t.reused,
                    "seconds": round(t.fit.seconds, 2),
                    "identity_images": t.fit.identity_images,
                }
                for t in self.trials
            ],
            "images_per_second": self.images_per_second,
        }


def make_report(
    run_id: str, plan: RunPlan, trials: Sequence[TrialResult], registry: Registry
) -> RunReport:
    """Return the report of a run: every metric that its trials have, with its interval."""
    published = published_cells(plan, registry) if plan.original else {}
    headline = plan.protocol.spec.headline
    reported = []
    for spec in registry.metrics.values():
        if not all(is_measurable(spec, trial.evidence) for trial in trials):
            continue
        for k in spec.ranks or (None,):
            name = short_name(spec.name, k, headline)
            reported.append(
                ReportedMetric(
                    name=name,
                    metric=spec.name,
                    title=spec.title if k is None else f"{spec.title}, rank-{k}",
                    interval=interval([_per_query(spec, k, t, plan) for t in trials]),
                    published=published.get(name),
                    unit=spec.unit,
                    note=_note(spec, k, trials),
                )
            )
    return RunReport(run_id, plan, trials, reported)


def published_cells(plan: RunPlan, registry: Registry) -> dict[str, Cell]:
    """Return the published numbers that the run reproduces, by short name.

    Those of its method, settings, data set and protocol; of several, the first that was printed.
    """
    config = plan.config.model_dump(mode="json")
    found: dict[str, Cell] = {}
    for paper in all_papers(registry.papers).values():
        for cell in paper.cells(dataset=plan.dataset.key):
            same = cell.is_reproduced_by(plan.method.key, config)
            if same and cell.protocol == plan.protocol.spec.key and cell.value is not None:
                found.setdefault(cell.metric, cell)
    return found


def _note(spec: MetricSpec, k: int | None, trials: Sequence[TrialResult]) -> str | None:
    """Return what the scores say of a metric, each sentence once."""
    stored = (m for trial in trials for m in trial.metrics if (m.name, m.k) == (spec.name, k))
    return " ".join(dict.fromkeys(m.note for m in stored if m.note)) or None


def _per_query(spec: MetricSpec, k: int | None, result: TrialResult, plan: RunPlan) -> PerQuery:
    return PerQuery(
        values=measure(spec, result.evidence, k).values,
        pids=np.array(result.pids, dtype=np.int64),
        split=result.trial.split,
        seed=result.trial.seed,
        protocol=plan.protocol.id,
    )
