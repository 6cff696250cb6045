"""The lines of a baseline: rows, feature files, what they left, and what was accepted before.

Numbers are those of the edge, for whoever reviews a change: per cent, and points of differences.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from harness.gate.timings import Timings


class Line(BaseModel):
    """A line of a baseline: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Metric(Line):
    """One metric of a row, in per cent and points.

    Attributes:
        metric: The full name.
        k: The rank, or None where it has none.
        value: The number.
        margin: The largest loss that passes.
        repeats: From how many repeats the noise was learnt; 0 where there were too few.
        noise_same_model: The noise floor of repeats with the same models; None where unknown.
        noise: The noise floor of all repeats; None where unknown.
        shows: The smallest loss that is seen four times in five against a model that differs from
            this as the nearest other row of its protocol does; None where there is no other.
    """

    metric: str
    k: int | None
    value: float
    margin: float
    repeats: int = 0
    noise_same_model: float | None = None
    noise: float | None = None
    shows: float | None = None


class RowEntry(Line):
    """A row.

    Attributes:
        name: Of the row in this baseline.
        method: Key of the method.
        dataset: Key of the data set.
        protocol: Its key.
        protocol_id: Its hash.
        manifest: Hash of the images.
        headline: Full name of the protocol's headline metric.
        recipe: Name of the recipe.
        narrowed: What it narrows, and what was set otherwise.
        weights: Name of the initial weights.
        feature: The feature that was scored.
        distance: Its distance.
        precision: Of the extraction.
        rerank: The re-ranking, or None.
        method_version: Of the method.
        config_hash: Of its settings.
        scores: Ids of its scores, by split, then seed.
        metrics: By short name.
    """

    type: Literal["row"] = "row"
    name: str
    method: str
    dataset: str
    protocol: str
    protocol_id: str
    manifest: str
    headline: str
    recipe: str
    narrowed: str
    weights: str
    feature: str
    distance: str
    precision: str
    rerank: str | None
    method_version: int
    config_hash: str
    scores: tuple[str, ...]
    metrics: Mapping[str, Metric]


class FeatureEntry(Line):
    """A feature file.

    Attributes:
        name: Its path, from the folder of the baseline.
        sha256: Of its bytes.
        labels: Hash of whose images it has, of which cameras.
        rule: The rule of ranking.
        distance: Of the features; None where the file has distances.
        rerank: The re-ranking, or None.
        queries: How many.
        gallery: How many.
        metrics: By short name.
    """

    type: Literal["features"] = "features"
    name: str
    sha256: str
    labels: str
    rule: str
    distance: str | None
    rerank: str | None
    queries: int
    gallery: int
    metrics: Mapping[str, Metric]


class FeatureEvidence(Line):
    """What a feature file left of each query, packed.

    Attributes:
        name: Of the file.
        pids: (Q,), the identity of each query.
        evidence: As `harness.store.evidence` has it, base64.
        environment: Machine and versions that it was re-ranked with; empty where it was not, for
            such ranks are exact.
    """

    type: Literal["evidence"] = "evidence"
    name: str
    pids: tuple[int, ...]
    evidence: str
    environment: Mapping[str, Any] = {}


class Acceptance(Line):
    """An earlier acceptance.

    Attributes:
        reason: Why it was accepted.
        accepted: When, UTC in ISO form.
        harness: By which version.
        sha256: The hash of what it was.
        numbers: By row and metric, in per cent.
    """

    type: Literal["history"] = "history"
    reason: str
    accepted: str
    harness: str
    sha256: str
    numbers: Mapping[str, Mapping[str, float]]


class Benchmark(Line):
    """Times to hold others against."""

    type: Literal["benchmark"] = "benchmark"
    timings: Timings
