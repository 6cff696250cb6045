"""What k-reciprocal re-ranking means in each released code: the words, and where they differ.

Z. Zhong, L. Zheng, D. Cao, S. Li, "Re-ranking Person Re-identification with k-reciprocal Encoding",
CVPR 2017, arXiv:1701.08398v4. At one setting (k1, k2, lambda) the released codes give different
numbers, and the text of the paper decides none of what they differ in. Nothing is computed here.

Departures from all of them: equal distances are ordered by index, queries first, where the
libraries leave their order to the sort; neither half precision (one of the authors' scripts) nor
float32 sums are reproduced; where a list asks for more images than there are, it ends, where
faiss fills it up with the last image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.errors import UnknownName


@dataclass(frozen=True, slots=True)
class RerankVariant:
    """How a released code re-ranks.

    Attributes:
        key: Its name in options.
        title: Its name in tables.
        power: What |u - v|^2 is raised to before anything else: 1, or 2 for a fourth power of the
            Euclidean distance. Under `cosine`, u and v have unit length.
        scaled: Whether the distances of an image are divided by the largest of them, in the
            weights of its neighbours and in what lambda mixes in. Where they are not, |u - v|^2 is
            in the weights, and lambda mixes in |u - v|^2 or, under `cosine`, 1 - u.v.
        whole_lists: Whether neighbours are looked up in ranked lists of everybody, so that k1 + 1
            are used, the image itself among them; else lists of k1 are asked for.
        junk: Whether gallery images of identity -1 take part as neighbours.
        definition: The variant in a sentence.
        source: The file that it follows.
    """

    key: str
    title: str
    power: Literal[1, 2]
    scaled: bool
    whole_lists: bool
    junk: bool
    definition: str
    source: str

    def depth(self, k1: int, k2: int) -> int:
        """Return how long the lists of neighbours must be."""
        return max(k1 + 1, k2) if self.whole_lists else k1


_VARIANTS = (
    RerankVariant(
        key="paper",
        title="k-reciprocal, the authors' code",
        power=1,
        scaled=True,
        whole_lists=True,
        junk=True,
        definition="The squared Euclidean distance, divided by the largest of each image; k1 + 1 "
        "neighbours with the image itself; junk takes part.",
        source="zhunzhong07/person-re-ranking, evaluation/utils/re_ranking.m, of the paper's "
        "tables; for odd k1 the half lists are rounded as in its python-version.",
    ),
    RerankVariant(
        key="torchreid",
        title="k-reciprocal, Torchreid",
        power=2,
        scaled=True,
        whole_lists=True,
        junk=False,
        definition="As paper, but a distance that is already squared is squared again, and junk "
        "is not in the gallery.",
        source="KaiyangZhou/deep-person-reid, torchreid/utils/rerank.py, as engine.py calls it.",
    ),
    RerankVariant(
        key="layumi",
        title="k-reciprocal, layumi",
        power=2,
        scaled=True,
        whole_lists=True,
        junk=True,
        definition="As torchreid, but junk takes part.",
        source="layumi/Person_reID_baseline_pytorch, re_ranking.py, as evaluate_rerank.py calls "
        "it with cosine similarities.",
    ),
    RerankVariant(
        key="fastreid",
        title="k-reciprocal, FastReID",
        power=1,
        scaled=False,
        whole_lists=False,
        junk=False,
        definition="Lists of k1 neighbours with the image itself; the squared Euclidean distance "
        "as it is in the weights; lambda mixes in the distance as it is.",
        source="JDAI-CV/fast-reid, fastreid/utils/compute_dist.py, as "
        "fastreid/evaluation/reid_evaluation.py calls it.",
    ),
)

VARIANTS: dict[str, RerankVariant] = {variant.key: variant for variant in _VARIANTS}


def find_variant(key: str) -> RerankVariant:
    """Return a variant by its key.

    Raises:
        UnknownName: If there is none; the nearest name is offered.
    """
    if key not in VARIANTS:
        raise UnknownName("re-ranking", key, VARIANTS)
    return VARIANTS[key]
