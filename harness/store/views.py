"""What comes out of the store: frozen, without a session.

Times are UTC in ISO form, values are in the unit of their metric, seconds are wall time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from harness.store.drafts import (
    ArtifactInfo,
    FitDraft,
    MetricValue,
    ProtocolInfo,
    RunDraft,
    WeightsUsed,
)
from harness.types import Variant

Finished = Literal["done", "failed"]
Status = Literal["planned", "running", "done", "failed", "interrupted"]
"""`interrupted` is never stored: a running row that no living process holds reads as that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView(RunDraft):
    """One command as it stands.

    Attributes:
        status: Of the run.
        created: When it began.
        finished: When it ended.
        error: Why it failed.
        headline: The full name of its protocol's headline metric.
        trials_done: How many of its trials have a score under its protocol.
        rank1: Mean of its headline metric at rank 1 over these; None where there is none, or where
            the run scored more than one variant.
    """

    status: Status
    created: str
    finished: str | None
    error: str | None
    headline: str
    trials_done: int
    rank1: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FitView(FitDraft):
    """A fit as it stands.

    Attributes:
        id: Its id.
        status: Of the fit.
        created: When it was planned.
        started: When training first began.
        finished: When it ended.
        seconds: Training time, summed over resumes.
        identity_images: Images through the identity loss.
        steps: Training steps over all stages.
        model_sha256: Of the model, an artifact.
        error: Why it failed.
    """

    id: str
    status: Status
    created: str
    started: str | None
    finished: str | None
    seconds: float
    identity_images: int
    steps: int
    model_sha256: str | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreView:
    """A score without its evidence, which `Store.load_evidence` reads."""

    id: str
    fit_id: str
    protocol_id: str
    split: int
    seed: int
    variant: Variant
    status: Finished
    created: str
    seconds: float
    images: int
    error: str | None
    metrics: tuple[MetricValue, ...]
    artifacts: tuple[ArtifactInfo, ...]


@dataclass(frozen=True, slots=True)
class RowScore:
    """One trial of a row: its score, and the fit that was scored."""

    score: ScoreView
    fit: FitView


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A leaderboard row: the done scores equal in all but split, seed and repeat (the newest).

    Attributes:
        method: Key of the method.
        method_version: Its version.
        config: The full config.
        config_hash: Its hash.
        recipe: Name of the recipe.
        narrowed: What the recipe narrows.
        precision: Of training.
        weights: The initial weights.
        dataset: Key of the data set.
        protocol: The protocol.
        variant: How the fits were scored.
        trials: Its scores, by split, then seed.
        runs: Ids of the runs that hold one of these scores, oldest first.
    """

    method: str
    method_version: int
    config: Mapping[str, Any]
    config_hash: str
    recipe: str
    narrowed: str
    precision: str
    weights: WeightsUsed
    dataset: str
    protocol: ProtocolInfo
    variant: Variant
    trials: tuple[RowScore, ...]
    runs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """How many objects of each type an import added, and how many were there before."""

    added: Mapping[str, int]
    known: Mapping[str, int]
