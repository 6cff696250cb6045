"""The rules of ranking: which gallery images are junk for a query, and which CMC is meant.

Words only. Junk is neither a match nor a negative: it is passed over. A gallery image of identity
-1 is junk under every rule; one of identity 0 is a distractor, a negative of every query. The
engine (`harness.evaluation.ranks`) applies the rule of junk, the metrics are in
`harness.definitions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.errors import UnknownName

Junk = Literal["same-camera-match", "same-camera", "none"]
"""What is junk for a query: images of its identity by its camera; every image by its camera;
nothing."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of ranking.

    Attributes:
        key: Its name in options.
        title: Its name in tables.
        junk: What is passed over for a query.
        headline: The full name of the CMC that is meant by rank-k.
        definition: The rule in a sentence.
        source: Where it comes from.
    """

    key: str
    title: str
    junk: Junk
    headline: str
    definition: str
    source: str


_RULES = (
    Rule(
        key="market1501",
        title="Market-1501",
        junk="same-camera-match",
        headline="cmc_multi@1",
        definition="Images of the query's identity by its camera are junk; rank-k asks whether the "
        "nearest match is among the k nearest images.",
        source="Zheng et al., Scalable Person Re-identification, ICCV 2015.",
    ),
    Rule(
        key="single-shot",
        title="Single-shot",
        junk="same-camera-match",
        headline="cmc_single@1",
        definition="As market1501, but one image of each gallery identity is drawn: the exact "
        "expectation over all draws.",
        source="Gray et al., Evaluating Appearance Models, PETS 2007 (VIPeR).",
    ),
    Rule(
        key="cuhk03",
        title="CUHK03, single-gallery-shot",
        junk="same-camera-match",
        headline="cmc_single@1",
        definition="Images of the query's identity by its camera are junk; rank-k is over draws of "
        "one image of each gallery identity, here their exact expectation.",
        source="Li et al., DeepReID, CVPR 2014, who draw 100 times; Torchreid draws 10 times.",
    ),
    Rule(
        key="all-shots",
        title="All shots",
        junk="same-camera-match",
        headline="cmc_all_shots@1",
        definition="As market1501, but every match counts: the share of a query's matches that "
        "have fewer than k negatives before them.",
        source="open-reid, `cmc` with neither single_gallery_shot nor first_match_break.",
    ),
    Rule(
        key="cross-camera",
        title="Cross-camera",
        junk="same-camera",
        headline="cmc_multi@1",
        definition="Every image by the query's camera is junk, whoever it shows.",
        source="open-reid, `cmc` with separate_camera_set.",
    ),
    Rule(
        key="no-camera",
        title="Cameras ignored",
        junk="none",
        headline="cmc_multi@1",
        definition="No image is junk for its camera: every image of the query's identity is a "
        "match.",
        source="Image retrieval; for galleries that do not hold the query.",
    ),
)

RULES: dict[str, Rule] = {rule.key: rule for rule in _RULES}


def find_rule(key: str) -> Rule:
    """Return a rule by its key.

    Raises:
        UnknownName: If there is none; the nearest name is offered.
    """
    if key not in RULES:
        raise UnknownName("rule", key, RULES)
    return RULES[key]
