"""The means to fill a store with plausible things."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from harness.store import (
    FitDraft,
    FitOutcome,
    FitView,
    MetricValue,
    ProtocolInfo,
    RecordIds,
    RunDraft,
    ScoreDraft,
    Store,
    WeightsUsed,
)
from harness.types import Evidence, Trial, Variant


class Filler:
    """Stores plausible things; what a test is about it names, the rest is filled in."""

    variant = Variant(feature="f", distance="euclidean")

    def __init__(self, store: Store) -> None:
        self.store = store
        self._serial = itertools.count()

    def protocol(self, **named: Any) -> ProtocolInfo:
        values: dict[str, Any] = {
            "id": "p1",
            "key": "caviar",
            "dataset": "caviar",
            "manifest": "m1",
            "title": "CAVIAR, single-shot",
            "headline": "cmc_single@1",
            "spec": {"query": {"cameras": [2]}},
        }
        info = ProtocolInfo(**{**values, **named})
        self.store.put_protocol(info)
        return info

    def records(self, split: int = 0, protocol_id: str = "p1") -> None:
        query = RecordIds(("a.jpg", "b.jpg"), (1, 2), (2, 2))
        gallery = RecordIds(("c.jpg", "d.jpg", "e.jpg"), (1, 1, 2), (1, 1, 1))
        self.store.put_records(protocol_id, split, query=query, gallery=gallery)

    def run(self, **named: Any) -> str:
        self.protocol()
        values: dict[str, Any] = {
            "argv": ("harness", "run"),
            "method": "baseline-hr",
            "dataset": "caviar",
            "recipe": "quick",
            "protocol_id": "p1",
            "trials": (Trial(0, 1), Trial(1, 1)),
            "settings": {"trials": 2},
            "environment": {"python": "3.11"},
        }
        return self.store.begin_run(RunDraft(**{**values, **named}))

    def draft(self, **named: Any) -> FitDraft:
        values: dict[str, Any] = {
            "key": f"k{next(self._serial)}",
            "method": "baseline-hr",
            "method_version": 1,
            "config": {"height": 128},
            "config_hash": "c1",
            "recipe": "quick",
            "narrowed": "128 x 64",
            "dataset": "caviar",
            "manifest": "m1",
            "split": 0,
            "seed": 1,
            "precision": "bf16",
            "weights": WeightsUsed("imagenet", "w1", "torchvision", False, "BSD-3-Clause"),
            "device": {"name": "cpu"},
            "provenance": {"distribution": "reid-harness", "version": "0.1.0"},
        }
        return FitDraft(**{**values, **named})

    def fit(self, run_id: str | None = None, *, done: bool = True, **named: Any) -> FitView:
        fit = self.store.begin_fit(self.draft(**named))
        self.store.start_fit(fit.id)
        if done:
            outcome = FitOutcome(seconds=9.5, identity_images=6000, steps=188, model_sha256="s1")
            self.store.finish_fit(fit.id, outcome)
        if run_id is not None:
            self.store.link_fit(run_id, fit.id)
        found = self.store.find_fit(fit.key, repeat=fit.repeat)
        assert found is not None
        return found

    def score(self, run_id: str, fit: FitView, **named: Any) -> str:
        values: dict[str, Any] = {
            "fit_id": fit.id,
            "protocol_id": "p1",
            "variant": self.variant,
            "seconds": 0.5,
            "images": 5,
            "evidence": evidence(),
            "metrics": (MetricValue("cmc_single@1", 1, 0.25), MetricValue("map@1", None, 0.5)),
        }
        if values["protocol_id"] == "p1":
            self.records(fit.split)
        return self.store.add_score(ScoreDraft(**{**values, **named}), run_id=run_id)

    def trial(self, run_id: str, **named: Any) -> str:
        return self.score(run_id, self.fit(run_id, **named))


def evidence(queries: int = 2, seed: int = 0) -> Evidence:
    rng = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(0, 4, queries))])
    matches = int(offsets[-1])
    distances = rng.random((queries, 10), np.float32)
    distances[:, 7:] = np.nan
    return Evidence(
        offsets=offsets,
        nearer=rng.integers(0, 70_000, matches),
        equal=rng.integers(0, 2, matches),
        valid=np.full(queries, 3),
        identities=np.full(queries, 2),
        top_index=rng.integers(-1, 3, (queries, 10)),
        top_distance=distances,
        single_cmc=rng.random((queries, 20)),
        single_reciprocal=rng.random(queries),
    )
