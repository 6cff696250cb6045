"""Fills a store with runs that were really ranked: random features, real evaluation."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.definitions import METRICS
from harness.definitions.measure import measure_all
from harness.evaluation.inputs import Side
from harness.evaluation.ranks import evaluate
from harness.store import (
    FitDraft,
    FitOutcome,
    MetricValue,
    ProtocolInfo,
    RecordIds,
    RunDraft,
    ScoreDraft,
    Store,
    WeightsUsed,
)
from harness.store.drafts import Loss
from harness.types import Evidence, Trial, Variant

IDENTITIES = 24
IMAGENET = WeightsUsed("imagenet", "a" * 64, "torchvision", False, "BSD-3-Clause")
DECLARED = WeightsUsed("own.safetensors", "b" * 64, "ours", True, "CC BY 4.0")
RANDOM = WeightsUsed("none")
VARIANT = Variant(feature="v", distance="euclidean")

WHOLE = {
    "use_mse": True,
    "use_id": True,
    "use_gan": True,
    "use_assoc": True,
    "use_bridge": True,
    "height": 128,
}
"""The config of INTACT as it is by itself."""

CAVIAR = ProtocolInfo(
    id="c0ffee" * 10,
    key="caviar",
    dataset="caviar",
    manifest="m1",
    title="far-camera LR queries against a near-camera HR gallery, single-shot",
    headline="cmc_single@1",
    spec={"splits": [[[1], [2]]] * 10, "query": [2], "gallery": [1]},
)

QUERY = RecordIds(
    tuple(f"far/{pid:03}.jpg" for pid in range(1, IDENTITIES + 1)),
    tuple(range(1, IDENTITIES + 1)),
    (2,) * IDENTITIES,
)
GALLERY = RecordIds(
    tuple(f"near/{pid:03}_{i}.jpg" for pid in range(1, IDENTITIES + 1) for i in range(2)),
    tuple(pid for pid in range(1, IDENTITIES + 1) for _ in range(2)),
    (1,) * (2 * IDENTITIES),
)


def ranked(*, noise: float, seed: int) -> Evidence:
    """Rank features that are the identity's own plus noise."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(IDENTITIES + 1, 8))

    def side(records: RecordIds) -> Side:
        features = centres[list(records.pids)] + noise * rng.normal(size=(len(records.pids), 8))
        return Side(features.astype(np.float32), np.array(records.pids), np.array(records.camids))

    return evaluate(side(QUERY), side(GALLERY), distance="euclidean")


class Shelf:
    """Puts runs into a store; what a test is about it names, the rest is filled in."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._serial = itertools.count()

    def run(
        self,
        method: str = "baseline-hr",
        *,
        splits: Sequence[int] = (0, 1),
        finish: bool = True,
        noise: float = 1.0,
        protocol: ProtocolInfo = CAVIAR,
        **named: Any,
    ) -> str:
        """Store a run with a scored fit for each split, and return its id."""
        self.store.put_protocol(protocol)
        trials = tuple(Trial(split, 1) for split in splits)
        values: dict[str, Any] = {
            "argv": ("harness", "run", "--plugin", method, "--dataset", protocol.dataset),
            "method": method,
            "dataset": protocol.dataset,
            "recipe": "quick",
            "protocol_id": protocol.id,
            "trials": trials,
            "settings": {"seed": 1, "set": []},
            "environment": {
                "python": "3.11.9",
                "git": {"commit": "0123abc", "dirty": True},
                "packages": {"torch": "2.6.0"},
            },
        }
        fit_values: dict[str, Any] = {}
        for name in ("weights", "provenance", "config", "config_hash", "narrowed"):
            if name in named:
                fit_values[name] = named.pop(name)
        run_id = self.store.begin_run(RunDraft(**{**values, **named}))
        for trial in trials:
            self._trial(run_id, method, trial, protocol, noise, fit_values)
        if finish:
            self.store.finish_run(run_id, "done")
        return run_id

    def _trial(
        self,
        run_id: str,
        method: str,
        trial: Trial,
        protocol: ProtocolInfo,
        noise: float,
        fit_values: dict[str, Any],
    ) -> None:
        values: dict[str, Any] = {
            "key": f"k{next(self._serial)}",
            "method": method,
            "method_version": 1,
            "config": {"height": 128, "near_cameras": None},
            "config_hash": "c1",
            "recipe": "quick",
            "narrowed": "6,000 images at 128 x 64",
            "dataset": protocol.dataset,
            "manifest": protocol.manifest,
            "split": trial.split,
            "seed": trial.seed,
            "precision": "bf16",
            "weights": IMAGENET,
            "device": {"type": "cpu", "name": "a CPU"},
            "provenance": {"distribution": "reid-harness", "version": "0.1.0"},
        }
        fit = self.store.begin_fit(FitDraft(**{**values, **fit_values}))
        self.store.link_fit(run_id, fit.id)
        self.store.start_fit(fit.id)
        trained = method != "initial-weights"
        if trained:
            steps = (1, 100, 188)
            self.store.record_losses(
                fit.id, [Loss("re-ID", s, "cls", 4.0 - s / 100) for s in steps]
            )
        self.store.finish_fit(
            fit.id,
            FitOutcome(
                seconds=80.0 if trained else 0.0,
                identity_images=6016 if trained else 0,
                steps=188 if trained else 0,
                model_sha256=None,
            ),
        )
        self.store.put_records(protocol.id, trial.split, query=QUERY, gallery=GALLERY)
        evidence = ranked(noise=noise, seed=trial.split)
        draft = ScoreDraft(
            fit_id=fit.id,
            protocol_id=protocol.id,
            variant=VARIANT,
            seconds=0.5,
            images=72,
            evidence=evidence,
            metrics=tuple(
                MetricValue(m.name, m.k, m.value, m.note) for m in measure_all(evidence, METRICS)
            ),
        )
        self.store.add_score(draft, run_id=run_id)
