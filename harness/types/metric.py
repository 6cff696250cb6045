"""What a metric is to the harness."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MetricInput(StrEnum):
    """What a metric is computed from.

    COUNTS: the evidence of a score (how many negatives are nearer than each true match); can be
        recomputed at any time without a model.
    BLOCKS: a streamed accumulator over query x gallery blocks of distances.
    RESTORED: pairs of a restored image and its high-resolution original.
    GENERATED: sets of generated images.
    MODEL: the networks themselves (cost).
    """

    COUNTS = "counts"
    BLOCKS = "blocks"
    RESTORED = "restored"
    GENERATED = "generated"
    MODEL = "model"


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
            array of one value for each query in [0, 1], NaN where the query has no value.
        ranks: The k at which it is reported; empty where it has no k.
        higher_is_better: The direction.
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

    @property
    def name(self) -> str:
        """The full name, "cmc_single@1"."""
        return f"{self.key}@{self.version}"
