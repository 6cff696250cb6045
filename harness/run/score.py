"""One score: a fit's method embeds a split, the features are ranked, the evidence is stored."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harness.data.images import ImageBank
from harness.definitions.measure import measure_all
from harness.errors import PluginError
from harness.evaluation.extract import Features, extract
from harness.evaluation.inputs import Side
from harness.evaluation.ranks import evaluate
from harness.loader import Registry
from harness.run.plan import RunPlan
from harness.run.progress import RunProgress
from harness.store import FitView, MetricValue, ScoreDraft, ScoreView, Store
from harness.types import Method, Record, Split, Trial, Variant


@dataclass
class Scorer:
    """Makes the scores of one run.

    Attributes:
        plan: The run's plan.
        store: Where scores are kept.
        registry: Names the metrics.
        progress: Bars and notices.
    """

    plan: RunPlan
    store: Store
    registry: Registry
    progress: RunProgress

    def find(self, fit: FitView) -> ScoreView | None:
        """Return the score that a done fit already has under this protocol, or None."""
        scores = self.store.where_scores(fit.id, self.plan.protocol.id)
        return next((s for s in scores if s.status == "done" and s.variant.rerank is None), None)

    def score(
        self, fit: FitView, method: Method, trial: Trial, title: str, bank: ImageBank
    ) -> ScoreView:
        """Embed and rank a trial's test images, and store what comes of it.

        Raises:
            TrainingError: If the features are not finite.
            PluginError: If the method does not return the feature that it declares.
        """
        started = time.perf_counter()
        split = self.plan.split(trial)
        sides = self._features(method, split, title, bank)
        variant = Variant(feature=method.feature, distance=method.distance)
        evidence = evaluate(
            _side(sides["query"], split.query),
            _side(sides["gallery"], split.gallery),
            distance=method.distance,
        )
        measured = measure_all(evidence, self.registry.metrics.values())
        return self.store.add_score(
            ScoreDraft(
                fit_id=fit.id,
                protocol_id=self.plan.protocol.id,
                variant=variant,
                seconds=time.perf_counter() - started,
                images=len(split.query) + len(split.gallery),
                evidence=evidence,
                metrics=tuple(MetricValue(m.name, m.k, m.value, m.note) for m in measured),
            )
        )

    def _features(
        self, method: Method, split: Split, title: str, bank: ImageBank
    ) -> Mapping[str, Features]:
        total = len(split.query) + len(split.gallery)
        with self.progress.bar(f"{title}, embedding", total) as advance:
            named = {
                role: extract(method, records, bank, role, self.plan.device.torch, advance)
                for role, records in (("query", split.query), ("gallery", split.gallery))
            }
        for role, features in named.items():
            if method.feature not in features:
                raise PluginError(
                    f"{self.plan.method.key!r} declares the feature {method.feature!r}, but "
                    f"`embed` returned {sorted(features)} for the {role}.",
                    "Return the declared feature from `embed`, or declare another.",
                )
        return {role: features[method.feature] for role, features in named.items()}


def _side(features: Features, records: tuple[Record, ...]) -> Side:
    return Side(
        features=features,
        pids=np.array([record.pid for record in records], dtype=np.int64),
        camids=np.array([record.camid for record in records], dtype=np.int64),
    )
