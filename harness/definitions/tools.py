"""What other tools print for the same features: their choices, in the words of this harness.

Each ranks by its own distance, in float32 and with an unstable sort, so that ties and near-ties can
fall otherwise there from one machine to the next; here they fall by the rule of ties.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.definitions.conventions import WithoutMatch
from harness.errors import UnknownName
from harness.types.method import Distance


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool and the number that it prints.

    Attributes:
        key: Its name in options.
        title: Its name in texts.
        rules: The rules that it has, the default first; keys of `RULES`.
        distances: The distances that it has, the default first.
        rerank: Its variant of re-ranking, a key of `VARIANTS`.
        without_match: What a query without a match counts there.
        multi_query: Whether it pools the images of a query; none re-ranks them.
        unit_length: Whether its number is known for features of unit length only.
        prints: What it prints, in its order: its label, the key of the metric, `rank` for the CMC
            of the rule, and the rank.
        words: What makes its number differ from that of others.
        source: The file that decides.
    """

    key: str
    title: str
    rules: tuple[str, ...]
    distances: tuple[Distance, ...]
    rerank: str
    without_match: WithoutMatch
    multi_query: bool
    unit_length: bool
    prints: tuple[tuple[str, str, int | None], ...]
    words: str
    source: str


_TOOLS = (
    Tool(
        key="torchreid",
        title="Torchreid",
        rules=("market1501", "cuhk03"),
        distances=("euclidean", "cosine"),
        rerank="torchreid",
        without_match="matched",
        multi_query=False,
        unit_length=False,
        prints=(
            ("mAP", "map_sum_precision", None),
            *((f"Rank-{k}", "rank", k) for k in (1, 5, 10, 20)),
        ),
        words="Squared Euclidean distance of the features as they are, or cosine; AP is the sum of "
        "precisions; queries without a match are left out. Under cuhk03 it draws 10 times, where "
        "this is the expectation of the draws.",
        source="KaiyangZhou/deep-person-reid, torchreid/metrics/rank.py and engine/engine.py.",
    ),
    Tool(
        key="layumi",
        title="layumi/Person_reID_baseline_pytorch",
        rules=("market1501",),
        distances=("cosine",),
        rerank="layumi",
        without_match="all",
        multi_query=True,
        unit_length=True,
        prints=(
            *((f"Rank@{k}", "rank", k) for k in (1, 5, 10)),
            ("mAP", "map_trapezoid", None),
        ),
        words="Dot product of features, the cosine where they have unit length, as its test.py "
        "writes them; AP is by trapezoid; a query without a match counts 0 and is divided by, too.",
        source="layumi/Person_reID_baseline_pytorch, evaluate_gpu.py.",
    ),
    Tool(
        key="fastreid",
        title="FastReID",
        rules=("market1501",),
        distances=("cosine", "euclidean"),
        rerank="fastreid",
        without_match="matched",
        multi_query=False,
        unit_length=False,
        prints=(
            *((f"Rank-{k}", "rank", k) for k in (1, 5, 10)),
            ("mAP", "map_sum_precision", None),
            ("mINP", "minp", None),
        ),
        words="Cosine distance, or squared Euclidean; AP is the sum of precisions; queries without "
        "a match are left out.",
        source="JDAI-CV/fast-reid, fastreid/evaluation/rank.py and reid_evaluation.py.",
    ),
)

TOOLS: dict[str, Tool] = {tool.key: tool for tool in _TOOLS}


def find_tool(key: str) -> Tool:
    """Return a tool by its key.

    Raises:
        UnknownName: If there is none; the nearest name is offered.
    """
    if key not in TOOLS:
        raise UnknownName("tool", key, TOOLS)
    return TOOLS[key]
