"""Small rankings and restored images, good, bad and mixed, for the checks of metrics.

Axes: Q queries, N images, k a rank.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from harness.evaluation.inputs import Side
from harness.evaluation.ranks import evaluate
from harness.loader import resolve
from harness.testing.check import NotRun
from harness.types import Evidence, MetricInput, MetricSpec, RestoredBatch

Quality = Literal["good", "bad", "mixed", "matchless"]
Sample = Evidence | RestoredBatch

PEOPLE = 24  # in the gallery: more than the largest rank
SHOTS = 2  # images of each of them
UNKNOWN = 3  # queries without a match, where the metric does not ask for more
COUNTED = ["nearer", "equal", "offsets", "valid", "identities", "single_cmc", "single_reciprocal"]
IMAGES = 6
SIZE = (64, 32)  # of an image [pixels]


def make_sample(spec: MetricSpec, quality: Quality, *, backwards: bool = False) -> Sample:
    """Return something to measure.

    Args:
        spec: The metric.
        quality: `good` and `bad` are as good and as bad as can be; `matchless` has no query with a
            match.
        backwards: Whether its queries are in reverse order.

    Raises:
        NotRun: If the metric is computed from something else.
    """
    if spec.input is MetricInput.COUNTS:
        return _ranking(quality, max(UNKNOWN, spec.needs), backwards=backwards)
    if spec.input is MetricInput.RESTORED and quality != "matchless":
        return _restored(quality, backwards=backwards)
    raise NotRun(f"it is computed from {spec.input}, of which there is no sample here")


def compute(spec: MetricSpec, sample: Sample, k: int | None, *, expected: bool = False) -> Any:
    """Return what the metric's formula returns, as an array.

    Args:
        spec: The metric.
        sample: What is measured.
        k: The rank, or None.
        expected: Whether by the formula of the expectation over ties.
    """
    address = spec.expected if expected and spec.expected else spec.compute
    formula: Callable[..., Any] = resolve(address, needed_by=f"metric {spec.name!r}")
    given = formula(sample, k) if isinstance(sample, Evidence) else formula(sample)
    return np.asarray(given, dtype=np.float64)


def arrays_of(sample: Sample) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a sample, by name; those of images share their memory."""
    names = ["lr", "restored", "hr"] if isinstance(sample, RestoredBatch) else COUNTED
    return {name: np.asarray(getattr(sample, name)) for name in names}


def _ranking(quality: Quality, unknown: int, *, backwards: bool) -> Evidence:
    """Rank people who stand at right angles to each other; unknown queries come last."""
    rng = np.random.default_rng(0)
    own = np.eye(PEOPLE)
    gallery = np.repeat(own, SHOTS, axis=0) + 0.01 * rng.normal(size=(PEOPLE * SHOTS, PEOPLE))
    query = {"good": own, "bad": 1 - own}.get(quality, rng.normal(size=own.shape))
    stranger = {"good": np.full(PEOPLE, -10.0), "bad": own[0]}.get(quality)
    strangers = rng.normal(size=(unknown, PEOPLE)) if stranger is None else [stranger] * unknown
    features = np.concatenate([query, np.asarray(strangers)]).astype(np.float32)
    pids = np.arange(1, len(features) + 1)
    if backwards:
        features, pids = features[::-1].copy(), pids[::-1].copy()
    ranked = evaluate(
        Side(features, pids, np.full(len(pids), 1)),
        Side(
            gallery.astype(np.float32),
            np.repeat(np.arange(1, PEOPLE + 1), SHOTS),
            np.full(PEOPLE * SHOTS, 2),
        ),
        distance="euclidean",
    )
    return _without_matches(ranked) if quality == "matchless" else ranked


def _without_matches(ranked: Evidence) -> Evidence:
    """Return evidence of the same queries in which none has a match."""
    none = np.empty(0, dtype=np.int64)
    return replace(
        ranked,
        offsets=np.zeros_like(ranked.offsets),
        nearer=none,
        equal=none,
        single_cmc=np.full_like(ranked.single_cmc, np.nan),
        single_reciprocal=np.full_like(ranked.single_reciprocal, np.nan),
    )


def _restored(quality: Quality, *, backwards: bool) -> RestoredBatch:
    generator = torch.Generator().manual_seed(0)
    hr, noise, other = (torch.rand((IMAGES, 3, *SIZE), generator=generator) for _ in range(3))
    share = {"good": torch.zeros(IMAGES), "bad": torch.ones(IMAGES)}.get(
        quality, torch.linspace(0.2, 0.8, IMAGES)
    )
    share = share[:, None, None, None]
    lr, restored = (1 - share) * hr + share * noise, (1 - share) * hr + share * other
    if backwards:
        lr, restored, hr = lr.flip(0), restored.flip(0), hr.flip(0)
    return RestoredBatch(lr=lr, restored=restored, hr=hr)
