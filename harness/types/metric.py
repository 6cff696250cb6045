"""What a metric is to the harness."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

Unit = Literal["fraction", "dB", "index"]
"""Of a metric's values: a fraction is shown in per cent, the others as they are."""


class MetricInput(StrEnum):
    """What a metric is computed from.

    COUNTS: the evidence of a score (how many negatives are nearer than each true match); can be
        recomputed at any time without a model.
    BLOCKS: a streamed accumulator over query x gallery blocks of distances.
    RESTORED: triples of a low-resolution query, its restored image and its high-resolution
        original.
    GENERATED: sets of generated images.
    MODEL: the networks themselves (cost).
    """

    COUNTS = "counts"
    BLOCKS = "blocks"
    RESTORED = "restored"
    GENERATED = "generated"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class RestoredBatch:
    """What a metric of input RESTORED is computed from; each (N, 3, H, W), in [0, 1].

    Attributes:
        lr: The queries as the method sees them: brought to network size, bilinear.
        restored: What the method made of them.
        hr: Their high-resolution originals at network size.
    """

    lr: Tensor
    restored: Tensor
    hr: Tensor


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """A metric: a name with a version, and what one value of it means.

    Attributes:
        key: The name without the version ("cmc_single").
        version: Raised when the definition changes.
        title: The name in tables.
        definition: The definition in a sentence or two.
        source: Where the definition comes from.
        input: What it is computed from.
        compute: `module:attribute`; for COUNTS a function `(evidence: Evidence, k: int | None) ->`
            array of one value for each query in [0, 1], NaN where the query has no value; for
            RESTORED a function `(images: RestoredBatch) -> Tensor` of one finite value for each
            image, (N,), which raises a HarnessError where this machine cannot compute it; for
            BLOCKS a function of what the stream of its module leaves.
        ranks: The k at which it is reported; empty where it has no k.
        higher_is_better: The direction.
        unit: Of its values.
        expected: For COUNTS, the `module:attribute` of a function like `compute` that returns the
            exact expectation over uniform orders of images at the same distance; None where there
            is none, so that the metric has a value under another rule of ties only where no match
            ties with a negative.
        needs: For COUNTS, the least number of queries without a match, the unknown probes of an
            open set; for BLOCKS, the least number of impostor pairs; 0 where it needs none.
    """

    key: str
    version: int
    title: str
    definition: str
    source: str
    input: MetricInput
    compute: str
    ranks: tuple[int, ...] = ()
    higher_is_better: bool = True
    unit: Unit = "fraction"
    expected: str | None = None
    needs: int = 0

    @property
    def name(self) -> str:
        """The full name, "cmc_single@1"."""
        return f"{self.key}@{self.version}"
