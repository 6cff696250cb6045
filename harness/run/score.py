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
from harness.loader import Registry, resolve
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

    @property
    def variant(self) -> Variant:
        """How fits are scored: the method's default feature and distance."""
        spec = self.plan.method
        method: type[Method] = resolve(spec.method, needed_by=f"method {spec.key!r}")
        return Variant(feature=method.feature, distance=method.distance)

    def find(self, fit: FitView) -> ScoreView | None:
        """Return the score that a done fit already has under this protocol, or None."""
        return self.store.find_score(fit.id, self.plan.protocol.id, self.variant)

    def score(
        self, fit: FitView, method: Method, trial: Trial, title: str, bank: ImageBank
    ) -> ScoreDraft:
        """Embed and rank a trial's test images, and return what is to be stored of it.

        Raises:
            TrainingError: If the features are not finite.
            PluginError: If the method does not return the feature that it declares.
        """
        started = time.perf_counter()
        split = self.plan.split(trial)
        query, gallery = self._features(method, split, title, bank)
        evidence = evaluate(
            _side(query, split.query),
            _side(gallery, split.gallery),
            distance=method.distance,
        )
        measured = measure_all(evidence, self.registry.metrics.values())
        return ScoreDraft(
            fit_id=fit.id,
            protocol_id=self.plan.protocol.id,
            variant=self.variant,
            seconds=time.perf_counter() - started,
            images=len(split.query) + len(split.gallery),
            evidence=evidence,
            metrics=tuple(MetricValue(m.name, m.k, m.value, m.note) for m in measured),
        )

    def _features(
        self, method: Method, split: Split, title: str, bank: ImageBank
    ) -> tuple[Features, Features]:
        """Return the declared feature of the query and of the gallery."""
        device = self.plan.device.torch
        total = len(split.query) + len(split.gallery)
        with self.progress.bar(f"{title}, embedding", total) as advance:
            query = extract(method, split.query, bank, "query", device, advance)
            gallery = extract(method, split.gallery, bank, "gallery", device, advance)
        return self._declared(query, method), self._declared(gallery, method)

    def _declared(self, features: Mapping[str, Features], method: Method) -> Features:
        if method.feature not in features:
            raise PluginError(
                f"{self.plan.method.key!r} declares the feature {method.feature!r}, but `embed` "
                f"returned {sorted(features)}.",
                "Return the declared feature from `embed`, or declare another.",
            )
        return features[method.feature]


def _side(features: Features, records: tuple[Record, ...]) -> Side:
    return Side(
        features=features,
        pids=np.array([record.pid for record in records], dtype=np.int64),
        camids=np.array([record.camid for record in records], dtype=np.int64),
    )
