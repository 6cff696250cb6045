"""The choices that a number of ranks is made under: ties, and queries without a match.

Words only; `harness.definitions.measure` applies them. The first of each is that of stored numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Ties = Literal["pessimistic", "optimistic", "expected"]
"""How a true match and negatives at the same distance are ordered."""

WithoutMatch = Literal["matched", "all", "oml"]
"""What a query counts whose identity has no valid image in the gallery."""

TIES: Mapping[Ties, str] = {
    "pessimistic": "Negatives at the distance of a true match rank before it.",
    "optimistic": "Negatives at the distance of a true match rank after it.",
    "expected": "The exact mean over all orders of the images at one distance, each as likely "
    "(McSherry and Najork, ECIR 2008).",
}

WITHOUT_MATCH: Mapping[WithoutMatch, str] = {
    "matched": "A query without a match is left out of the mean (Torchreid, FastReID).",
    "all": "A query without a match counts 0; the mean is over all queries (layumi's baseline).",
    "oml": "A query without a match counts 0, and 1 where the gallery holds no valid image at all; "
    "the mean is over all queries (open-metric-learning).",
}
