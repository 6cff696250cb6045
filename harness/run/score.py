"""One score: a fit's method embeds a split, the features are ranked, the evidence is stored."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from harness.data.images import ImageBank
from harness.definitions.measure import measure_all
from harness.definitions.rules import RULES
from harness.errors import PluginError
from harness.evaluation.alexnet import can_be_had
from harness.evaluation.extract import Features, extract
from harness.evaluation.inputs import Side
from harness.evaluation.ranks import evaluate
from harness.evaluation.restored import Restoration, Restorer, find_originals
from harness.loader import Registry, resolve
from harness.run.plan import RunPlan
from harness.run.progress import RunProgress
from harness.settings import Settings
from harness.store import FitView, MetricValue, ScoreDraft, ScoreView, Store
from harness.store.pictures import KIND, Picture, PictureFile, choose_sample, save_pictures
from harness.types import Method, MetricInput, Record, Restores, Split, Trial, Variant

_RULE_OF = {"same-camera": "market1501", "none": "no-camera"}  # by the junk of a protocol


@dataclass
class Scorer:
    """Makes the scores of one run.

    Attributes:
        plan: The run's plan.
        store: Where scores are kept.
        registry: Names the metrics.
        progress: Bars and notices.
        settings: The folders.
        scratch: A folder for files on their way into the store.
    """

    plan: RunPlan
    store: Store
    registry: Registry
    progress: RunProgress
    settings: Settings
    scratch: Path
    _announced: set[str] = field(default_factory=set, init=False)

    @property
    def variant(self) -> Variant:
        """How fits are scored: the method's default feature and distance."""
        return Variant(feature=self._method.feature, distance=self._method.distance)

    @property
    def restores(self) -> bool:
        """Whether the method restores images, whose quality is measured."""
        return issubclass(self._method, Restores)

    @property
    def _method(self) -> type[Method]:
        spec = self.plan.method
        method: type[Method] = resolve(spec.method, needed_by=f"method {spec.key!r}")
        return method

    def find(self, fit: FitView) -> ScoreView | None:
        """Return the score that a done fit already has under this protocol, or None.

        One without image quality, from before the method could restore or for want of weights that
        are here by now, is passed over where the model is at hand to score again.
        """
        known = self.store.find_score(fit.id, self.plan.protocol.id, self.variant)
        if known is None or not self.restores:
            return known
        measured = [m for m in known.metrics if m.name in self._quality_metrics]
        if measured and not any(can_be_had(metric.note) for metric in measured):
            return known
        digest = fit.model_sha256  # None where nothing was trained, so that no file is needed
        at_hand = digest is None or self.store.find_artifact(digest) is not None
        return None if at_hand else known

    def score(
        self, fit: FitView, method: Method, trial: Trial, title: str, bank: ImageBank
    ) -> ScoreDraft:
        """Embed and rank a trial's test images, and return what is to be stored of it.

        Raises:
            TrainingError: If the features are not finite.
            PluginError: If the method does not return the feature that it declares, or restores
                something else than images of its own size.
        """
        started = time.perf_counter()
        split = self.plan.split(trial)
        query, gallery = self._features(method, split, title, bank)
        evidence = evaluate(
            _side(query, split.query),
            _side(gallery, split.gallery),
            distance=method.distance,
            rule=RULES[_RULE_OF[self.plan.protocol.spec.junk]],
        )
        restored = self._restore(method, split, title, bank) if self.restores else Restoration()
        evidence = replace(evidence, measured=restored.values)
        measured = measure_all(evidence, self.registry.metrics.values())
        notes = {name: problem.what for name, problem in restored.problems.items()}
        return ScoreDraft(
            fit_id=fit.id,
            protocol_id=self.plan.protocol.id,
            variant=self.variant,
            seconds=time.perf_counter() - started,
            images=len(split.query) + len(split.gallery),
            evidence=evidence,
            metrics=tuple(
                MetricValue(m.name, m.k, m.value, notes.get(m.name, m.note)) for m in measured
            ),
            files=self._write_pictures(split.query, restored, fit.id) if restored.kept else {},
        )

    def _restore(self, method: Method, split: Split, title: str, bank: ImageBank) -> Restoration:
        """Restore and measure the queries; say once what cannot be measured here."""
        queries = split.query
        restorer = Restorer(
            method=method,
            bank=bank,
            originals=find_originals(queries, self.plan.protocol.records),
            formulas={
                name: resolve(address, needed_by=f"metric {name!r}")
                for name, address in self._quality_metrics.items()
            },
            device=self.plan.device.torch,
        )
        keep = choose_sample([r.id for r in queries], [r.pid for r in queries])
        with self.progress.bar(f"{title}, restoring", len(queries)) as advance:
            restored = restorer.restore(queries, keep, advance)
        for problem in map(str, restored.problems.values()):
            if problem not in self._announced:
                self._announced.add(problem)
                self.progress.notice(problem)
        return restored

    @property
    def _quality_metrics(self) -> dict[str, str]:
        """The addresses of the metrics of restored images, by name."""
        specs = self.registry.metrics.values()
        return {spec.name: spec.compute for spec in specs if spec.input is MetricInput.RESTORED}

    def _write_pictures(
        self, queries: tuple[Record, ...], restored: Restoration, name: str
    ) -> dict[str, Path]:
        """Write the sample of restored images to a file, and return it by its kind."""
        originals = find_originals(queries, self.plan.protocol.records)
        pictures = [
            Picture(
                id=queries[i].id,
                path=queries[i].path,
                r=queries[i].r,
                original=originals[queries[i].id].path if queries[i].id in originals else None,
                restored=pixels,
            )
            for i, pixels in sorted(restored.kept.items())
        ]
        file = self.scratch / f"{name}.safetensors"
        folder = self.settings.portable(self.plan.root)
        plan = self.plan
        save_pictures(file, PictureFile(folder, plan.down, plan.reduced_from, pictures))
        return {KIND: file}

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
