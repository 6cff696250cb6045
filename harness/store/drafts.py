"""What goes into the store: frozen, JSON where it says Mapping.

Values are in the unit of their metric, seconds are wall time.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.types import Evidence, Record, Trial, Variant


def new_id() -> str:
    """Return a fresh random id."""
    return str(uuid.uuid4())


def now() -> str:
    """Return the time, UTC, in ISO form to the microsecond."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolInfo:
    """A protocol as the store knows it.

    Attributes:
        id: Hash of what decides a number.
        key: Its name in `specs/protocols`.
        dataset: The key of the data set.
        manifest: Hash of the images.
        title: Its name in tables.
        headline: The full name of its headline metric ("cmc_single@1").
        spec: What the hash was made of, for readers.
    """

    id: str
    key: str
    dataset: str
    manifest: str
    title: str
    headline: str
    spec: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RecordIds:
    """The records of one side of a split, in the order that the evidence counts them.

    Attributes:
        ids: Record ids.
        pids: Their identities.
        camids: Their cameras.
    """

    ids: tuple[str, ...]
    pids: tuple[int, ...]
    camids: tuple[int, ...]

    @classmethod
    def of(cls, records: Iterable[Record]) -> RecordIds:
        """Return the ids of records, in their order."""
        listed = list(records)
        return cls(
            tuple(record.id for record in listed),
            tuple(record.pid for record in listed),
            tuple(record.camid for record in listed),
        )


@dataclass(frozen=True, slots=True)
class WeightsUsed:
    """The initial weights of a fit.

    Attributes:
        name: Shown in the row ("imagenet", "none", a file's name).
        sha256: Of the file; None for random weights.
        source: Where they come from.
        trained_on_declared: Whether the file says which identities it was trained on.
        licence: Of the file.
    """

    name: str
    sha256: str | None = None
    source: str = ""
    trained_on_declared: bool = False
    licence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDraft:
    """One command, before its first trial.

    Attributes:
        argv: The command line.
        method: Key of the method.
        dataset: Key of the data set.
        recipe: Name of the recipe.
        protocol_id: A protocol that the store has.
        trials: What was asked for, in order.
        settings: What was asked for beyond that.
        environment: Versions, git commit, machine.
        id: Given beforehand, so that its lock can be held before it is stored.
    """

    argv: tuple[str, ...]
    method: str
    dataset: str
    recipe: str
    protocol_id: str
    trials: tuple[Trial, ...]
    settings: Mapping[str, Any]
    environment: Mapping[str, Any]
    id: str = field(default_factory=new_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class FitDraft:
    """What a fit will be.

    Attributes:
        key: Hash of all that decides the model; equal keys mean the same work.
        repeat: 0, or one more than the newest where a fresh one is wanted.
        method: Key of the method.
        method_version: Its version.
        config: The full config.
        config_hash: Its hash.
        recipe: Name of the recipe.
        narrowed: What the recipe narrows.
        dataset: Key of the data set.
        manifest: Hash of its images.
        split: Number of the split.
        seed: The seed.
        precision: Of training.
        weights: The initial weights.
        device: Where it is trained.
        provenance: Distribution, version, code hash, git commit, environment.
    """

    key: str
    repeat: int = 0
    method: str
    method_version: int
    config: Mapping[str, Any]
    config_hash: str
    recipe: str
    narrowed: str
    dataset: str
    manifest: str
    split: int
    seed: int
    precision: str
    weights: WeightsUsed
    device: Mapping[str, Any]
    provenance: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FitOutcome:
    """What a training that came to its end leaves.

    Attributes:
        seconds: Training time, summed over resumes.
        identity_images: Images through the identity loss.
        steps: Training steps over all stages.
        model_sha256: Of the model, an artifact; None where nothing was trained.
    """

    seconds: float
    identity_images: int
    steps: int
    model_sha256: str | None


@dataclass(frozen=True, slots=True)
class Loss:
    """One value of one loss: stage, step within the stage, name; None where it was not finite."""

    stage: str
    step: int
    name: str
    value: float | None


@dataclass(frozen=True, slots=True)
class MetricValue:
    """One value of one metric.

    Attributes:
        name: The full name ("cmc_single@1").
        k: The rank, or None for a metric that has none.
        value: In the unit of the metric, or None where it is not defined.
        note: Why it is not defined, or what is odd about it.
    """

    name: str
    k: int | None
    value: float | None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreDraft:
    """What scoring a fit gave; split and seed are the fit's.

    Attributes:
        fit_id: The fit.
        protocol_id: A protocol that the store has, with the records of this split.
        variant: How the fit was scored.
        seconds: Extraction and ranking.
        images: Images that features were extracted from.
        evidence: What each query leaves; None where scoring failed.
        metrics: Their values.
        error: Why scoring failed; None where it did not.
        files: What is kept beside it, by kind of artifact.
    """

    fit_id: str
    protocol_id: str
    variant: Variant
    seconds: float
    images: int
    evidence: Evidence | None
    metrics: tuple[MetricValue, ...] = ()
    error: str | None = None
    files: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactInfo:
    """A file by its content, and its one owner.

    Attributes:
        sha256: Of its bytes.
        kind: `model`, `features` or `restored`.
        name: For readers, with the suffix of the file.
        bytes: Its size.
        fit_id: The fit that it belongs to, or None.
        score_id: The score that it belongs to, or None.
    """

    sha256: str
    kind: str
    name: str
    bytes: int
    fit_id: str | None = None
    score_id: str | None = None
