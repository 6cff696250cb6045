"""Whether a graph that was exported from a method gives the method's features, and its ranks.

Two extractions of the same images are compared: the largest gap between the two features of one
image, and what becomes of mAP and rank-1 where the one takes the place of the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.definitions import find_or_raise
from harness.definitions.measure import measure
from harness.errors import IntegrityError
from harness.evaluation.inputs import Side
from harness.evaluation.ranks import evaluate
from harness.types import Evidence
from harness.types.method import Distance

Features = npt.NDArray[np.float32]
Sides = tuple[Side, Side]

MEAN_AP = "map_sum_precision@1"
TOLERANCE = 1e-4  # of the largest norm of a feature
MAP_TOLERANCE = 0.0005  # a fraction: 0.05 points


@dataclass(frozen=True, slots=True)
class Gap:
    """How far two extractions of the same images lie apart.

    Attributes:
        images: How many were compared.
        dimensions: Of a feature.
        largest: The largest Euclidean distance between the two features of one image; infinite
            where a feature is not finite.
        norm: The largest Euclidean norm of a feature of the method, which gives the scale.
        worst: The place of the image with the largest gap.
    """

    images: int
    dimensions: int
    largest: float
    norm: float
    worst: int

    @property
    def relative(self) -> float:
        """The largest gap as a share of the largest norm."""
        if self.largest == 0:
            return 0.0
        return self.largest / self.norm if self.norm else float("inf")


@dataclass(frozen=True, slots=True)
class Shift:
    """What becomes of a metric, a fraction, where the graph takes the method's place."""

    method: float
    graph: float

    @property
    def change(self) -> float:
        """The graph's value less the method's."""
        return self.graph - self.method


@dataclass(frozen=True, slots=True)
class Parity:
    """A comparison of a method with the graph exported from it.

    Attributes:
        gap: Over all images that the graph serves.
        batches: Over the first images in one batch, by the size of the batch.
        queries: How many queries there were.
        gallery: How many gallery images.
        mean_ap: mAP (`MEAN_AP`); None where no query has a match.
        rank1: The headline CMC at rank 1; None likewise.
    """

    gap: Gap
    batches: Mapping[int, Gap]
    queries: int
    gallery: int
    mean_ap: Shift | None = None
    rank1: Shift | None = None

    def refusal(self, tolerance: float, map_tolerance: float) -> str | None:
        """Return what is beyond tolerance, in a sentence, or None.

        Args:
            tolerance: Largest relative gap that is allowed.
            map_tolerance: Largest change of mAP, up or down, that is allowed; a fraction.
        """
        for gap in (self.gap, *self.batches.values()):
            if not gap.relative <= tolerance:
                return (
                    f"the features of the graph differ by {gap.relative:.2g} of the largest norm "
                    f"(over {gap.images} images; {tolerance:g} is allowed)"
                )
        if self.mean_ap is not None and not abs(self.mean_ap.change) <= map_tolerance:
            return (
                f"mAP changes by {100 * self.mean_ap.change:+.3f} points ({100 * map_tolerance:g} "
                "are allowed)"
            )
        return None

    def as_json(self) -> dict[str, Any]:
        """Return the comparison; metrics are in per cent, their change in points."""
        return {
            "images": self.gap.images,
            "largest_gap": self.gap.largest,
            "relative_gap": self.gap.relative,
            "largest_norm": self.gap.norm,
            "batches": {str(size): gap.relative for size, gap in self.batches.items()},
            "queries": self.queries,
            "gallery": self.gallery,
            "map_sum_precision": _in_per_cent(self.mean_ap),
            "rank1": _in_per_cent(self.rank1),
        }


def compare_features(method: Features, graph: Features) -> Gap:
    """Return how far the features of a graph are from the method's.

    Args:
        method: (N, d), the reference.
        graph: (N, d), of the same images in the same order.

    Raises:
        IntegrityError: If the graph returned another number of rows or dimensions.
    """
    if method.shape != graph.shape:
        raise IntegrityError(
            f"The graph returns features of shape {graph.shape}, the method of shape "
            f"{method.shape}.",
            "The export fixed a dimension: keep what `embed` does free of the size of the batch.",
        )
    gaps = np.linalg.norm(graph.astype(np.float64) - method.astype(np.float64), axis=1)
    gaps = np.where(np.isfinite(gaps), gaps, np.inf)
    worst = int(gaps.argmax())
    norm = float(np.linalg.norm(method.astype(np.float64), axis=1).max())
    return Gap(len(gaps), method.shape[1], float(gaps[worst]), norm, worst)


def compare_ranks(
    method: Sides, graph: Sides, *, distance: Distance, headline: str
) -> tuple[Shift, Shift]:
    """Return what becomes of mAP and of the headline's rank-1.

    Args:
        method: Query and gallery as the method embeds them; some query has a match.
        graph: The same images as the graph embeds them.
        distance: Between two features.
        headline: The full name of a CMC.
    """
    before, after = (evaluate(*sides, distance=distance) for sides in (method, graph))
    mean_ap, rank1 = (
        Shift(_value(name, k, before), _value(name, k, after))
        for name, k in ((MEAN_AP, None), (headline, 1))
    )
    return mean_ap, rank1


def _value(name: str, k: int | None, evidence: Evidence) -> float:
    value = measure(find_or_raise(name), evidence, k).value
    assert value is not None  # as some query has a match
    return value


def _in_per_cent(shift: Shift | None) -> dict[str, float] | None:
    if shift is None:
        return None
    return {
        "method": 100 * shift.method,
        "graph": 100 * shift.graph,
        "change": 100 * shift.change,
    }
