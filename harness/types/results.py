"""What a score leaves behind: evidence, the variant it was made under, intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from harness.types.metric import Unit

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Int = npt.NDArray[np.int64]
    Float = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Variant:
    """How a fit was scored, beyond its protocol.

    Attributes:
        feature: The name of the feature, a key of what `embed` returns.
        distance: `euclidean` or `cosine`.
        precision: Of the extraction, `float32` unless said otherwise.
        rerank: The name of a re-ranking, or None.
    """

    feature: str
    distance: Literal["euclidean", "cosine"]
    precision: str = "float32"
    rerank: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one score keeps of each query: enough to recompute every metric without a model.

    A *valid* gallery image of a query is one that the junk rule leaves; a *true match* is a valid
    image of the query's identity; a *negative* is a valid image of another identity.

    Attributes:
        offsets: (Q + 1,), the matches of query q are nearer[offsets[q]:offsets[q + 1]], nearest
            first.
        nearer: (M,), negatives strictly nearer to the query than this true match.
        equal: (M,), negatives at exactly the distance of this true match.
        valid: (Q,), valid gallery images of each query.
        identities: (Q,), identities among the valid gallery images of each query.
        top_index: (Q, 10), the nearest valid gallery images by index, -1 where there are fewer.
        top_distance: (Q, 10), their distances, NaN where there are fewer; float32 unless distances
            of more digits were given.
        single_cmc: (Q, 20), for ranks 1 to 20 the probability, over uniform draws of one image of
            each gallery identity, that the true match is within the rank; NaN without a match.
        single_reciprocal: (Q,), the expected reciprocal rank over the same draws.
        measured: By the full name of a metric of input RESTORED, its value of each query, (Q,);
            NaN where the query has none. Empty where the method restores nothing.
    """

    offsets: Int
    nearer: Int
    equal: Int
    valid: Int
    identities: Int
    top_index: Int
    top_distance: npt.NDArray[np.floating]
    single_cmc: Float
    single_reciprocal: Float
    measured: Mapping[str, Float] = field(default_factory=dict)

    @property
    def queries(self) -> int:
        """Number of queries, those without a match included."""
        return len(self.offsets) - 1


@dataclass(frozen=True, slots=True)
class Interval:
    """A number with its uncertainty, in the unit of its metric.

    Attributes:
        value: The point estimate, or None where it is not defined.
        low: Lower end, or None where not computed.
        high: Upper end, or None where not computed.
        level: Coverage, 0.95.
        method: How it was computed, with "these splits only" where fewer than 5 splits enter.
        n_identities: Identities that were resampled.
        n_trials: Trials that enter.
        n_seeds: Different seeds among them.
    """

    value: float | None
    low: float | None
    high: float | None
    level: float
    method: str
    n_identities: int
    n_trials: int
    n_seeds: int

    def as_json(self, unit: Unit) -> dict[str, Any]:
        """Return the JSON form: fractions in per cent, other units as they are.

        Args:
            unit: Of the metric.
        """
        return {
            "value": outer_value(self.value, unit),
            "low": outer_value(self.low, unit),
            "high": outer_value(self.high, unit),
            "unit": "%" if unit == "fraction" else unit,
            "level": self.level,
            "method": self.method,
            "n_identities": self.n_identities,
            "n_trials": self.n_trials,
            "n_seeds": self.n_seeds,
        }


def outer_value(value: float | None, unit: Unit) -> float | None:
    """Return a value as JSON has it, rounded to four decimals: a fraction in per cent."""
    return None if value is None else round(100 * value if unit == "fraction" else value, 4)
