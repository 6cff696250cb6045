"""What is timed: our ranking of a scene, and the plain float32 product of the same size."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from benchmarks.scenes import Scene
from harness.definitions import find_or_raise
from harness.definitions.measure import measure_all
from harness.evaluation.engine import Ranked
from harness.evaluation.ranks import rank

MULTI_SHOT = [
    find_or_raise(f"{key}@1") for key in ("cmc_multi", "map_sum_precision", "map_trapezoid", "minp")
]
ASKED = [*MULTI_SHOT, find_or_raise("cmc_single@1"), find_or_raise("map_single@1")]
LARGEST_PRODUCT = 2**30  # bytes; a larger one is made in pieces of the gallery


def score(scene: Scene, *, single_shot: bool) -> Ranked:
    """Rank a scene by cosine distance, and measure CMC, both APs and mINP.

    Args:
        scene: Queries and gallery.
        single_shot: Whether to compute the exact single-shot numbers too.
    """
    ranked = rank(scene.query, scene.gallery, distance="cosine", single_shot=single_shot)
    measure_all(ranked.evidence, ASKED if single_shot else MULTI_SHOT)
    return ranked


def product(query: Tensor, gallery: Tensor) -> None:
    """Multiply queries (Q, d) with the gallery (G, d) in float32: the floor of any ranking."""
    pieces = 1 if query.is_cuda else math.ceil(4 * len(query) * len(gallery) / LARGEST_PRODUCT)
    if pieces == 1:
        torch.mm(query, gallery.T)
    else:
        parts = gallery.tensor_split(pieces)
        room = torch.empty(len(query) * len(parts[0]))
        for part in parts:
            out = room[: len(query) * len(part)].view(len(query), len(part))
            torch.mm(query, part.T, out=out)
    if query.is_cuda:
        torch.cuda.synchronize()


def seconds(run: Callable[[], object]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


@dataclass
class Rivals:
    """What runs before each round of ours, so that both see the same machine.

    Attributes:
        runs: By name, what to time.
        times: By name, the seconds of each round, warm-up included.
    """

    runs: dict[str, Callable[[], object]]
    times: dict[str, list[float]] = field(default_factory=dict)

    def __call__(self) -> None:
        """Time each once."""
        for name, run in self.runs.items():
            self.times.setdefault(name, []).append(seconds(run))

    def ratio(self, name: str, ours: list[float]) -> float:
        """Return the median over rounds of our seconds over those of a rival."""
        theirs = self.times[name][-len(ours) :]
        return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
