"""The means to lay out rows with known ranks: in a store, or in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.gate.sides import Side, SideTrial
from harness.settings import Settings
from harness.stats.trials import PerQuery
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
    new_id,
)
from harness.types import Evidence, Trial, Variant

PROTOCOL = "p" * 64
HERE: Mapping[str, Any] = {"type": "cpu", "name": "this processor", "threads": 2}
ELSEWHERE: Mapping[str, Any] = {"type": "cpu", "name": "another processor", "threads": 2}
VARIANT = Variant("f", "euclidean")
EACH = 2  # queries of each person

Negatives = Sequence[int]
"""Of each query, the negatives that are nearer than its one match: 0 is a rank-1."""


def evidence(nearer: Negatives) -> Evidence:
    """Return what queries leave whose one match has so many negatives before it."""
    queries = len(nearer)
    ranks = np.asarray(nearer) + 1
    return Evidence(
        offsets=np.arange(queries + 1),
        nearer=np.asarray(nearer, dtype=np.int64),
        equal=np.zeros(queries, dtype=np.int64),
        valid=np.full(queries, 100),
        identities=np.full(queries, 100),
        top_index=np.full((queries, 10), -1),
        top_distance=np.full((queries, 10), np.nan, dtype=np.float32),
        single_cmc=(ranks[:, None] <= np.arange(1, 21)).astype(float),
        single_reciprocal=1 / ranks,
    )


def pids(queries: int) -> list[int]:
    """Return the identity of each query: two queries each."""
    return [1 + q // EACH for q in range(queries)]


def side(*trials: SideTrial, **named: Any) -> Side:
    """Return a side of trials."""
    values: dict[str, Any] = {
        "dataset": "market1501",
        "headline": "cmc_multi@1",
        "code": {"version": 1},
        "trained": True,
        "exact": False,
    }
    return Side(**{**values, **named}, trials=trials)


def side_trial(nearer: Negatives, **named: Any) -> SideTrial:
    """Return one trial of a side."""
    values: dict[str, Any] = {
        "split": 0,
        "seed": 0,
        "protocol_id": PROTOCOL,
        "model": "model",
        "environment": HERE,
    }
    return SideTrial(**{**values, **named}, evidence=evidence(nearer), pids=pids(len(nearer)))


def values(
    of_queries: npt.ArrayLike, people: npt.ArrayLike | None = None, **named: Any
) -> PerQuery:
    """Return the values of one trial; a query each of different people unless they are given."""
    trial: dict[str, Any] = {"split": 0, "seed": 0, "protocol": PROTOCOL, **named}
    found = np.array(of_queries, dtype=float)
    return PerQuery(found, np.arange(len(found)) if people is None else np.array(people), **trial)


def open_store() -> Store:
    """Open the store of the test's home, as a command does."""
    settings = Settings.from_environment()
    return Store.open(settings.db, home=settings.home)


def put_row(
    store: Store,
    trials: Mapping[tuple[int, int], Negatives],
    *,
    protocol_id: str = PROTOCOL,
    manifest: str = "m1",
    model: str | None = "model",
    device: Mapping[str, Any] = HERE,
    variant: Variant = VARIANT,
    **named: Any,
) -> str:
    """Store a run with one fit and score for each trial, and return its id.

    Args:
        store: Where to.
        trials: By split and seed, the ranks.
        protocol_id: Of its protocol.
        manifest: Of its images.
        model: What tells its models from others; None where nothing is trained.
        device: Where it was trained.
        variant: What was scored, and how.
        named: What the fits have otherwise than usual.
    """
    store.put_protocol(_protocol(protocol_id, manifest))
    run_id = store.begin_run(
        RunDraft(
            argv=("harness", "run"),
            method=named.get("method", "baseline-hr"),
            dataset="market1501",
            recipe="quick",
            protocol_id=protocol_id,
            trials=tuple(Trial(*place) for place in trials),
            settings={},
            environment={},
        )
    )
    for (split, seed), nearer in trials.items():
        query = RecordIds(
            tuple(f"{q}.jpg" for q in range(len(nearer))),
            tuple(pids(len(nearer))),
            (1,) * len(nearer),
        )
        store.put_records(
            protocol_id, split, query=query, gallery=RecordIds(("g.jpg",), (1,), (2,))
        )
        draft = _fit(split, seed, manifest, {"device": dict(device), **named})
        fit = store.begin_fit(draft)
        store.start_fit(fit.id)
        digest = None if model is None else f"{model} {split} {seed}"
        outcome = FitOutcome(seconds=9.5, identity_images=6000, steps=188, model_sha256=digest)
        store.finish_fit(fit.id, outcome)
        store.link_fit(run_id, fit.id)
        left = evidence(nearer)
        rank1 = float(np.mean(np.asarray(nearer) == 0))
        score = ScoreDraft(
            fit_id=fit.id,
            protocol_id=protocol_id,
            variant=variant,
            seconds=0.5,
            images=5,
            evidence=left,
            metrics=(MetricValue("cmc_multi@1", 1, rank1),),
        )
        store.add_score(score, run_id=run_id)
    store.finish_run(run_id, "done")
    return run_id


def _protocol(protocol_id: str, manifest: str) -> ProtocolInfo:
    return ProtocolInfo(
        id=protocol_id,
        key="market1501",
        dataset="market1501",
        manifest=manifest,
        title="Market-1501",
        headline="cmc_multi@1",
        spec={"of": protocol_id, "images": manifest},
    )


def _fit(split: int, seed: int, manifest: str, named: Mapping[str, Any]) -> FitDraft:
    usual: dict[str, Any] = {
        "key": new_id(),
        "method": "baseline-hr",
        "method_version": 1,
        "config": {"height": 128},
        "config_hash": "c1",
        "recipe": "quick",
        "narrowed": "128 x 64",
        "dataset": "market1501",
        "precision": "bf16",
        "weights": WeightsUsed("imagenet", "w1", "torchvision", False, "BSD-3-Clause"),
        "provenance": {},
    }
    return FitDraft(**{**usual, **named}, manifest=manifest, split=split, seed=seed)
