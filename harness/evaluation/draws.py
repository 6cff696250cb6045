"""Single-shot by draws, as other tools do it: one image of each gallery identity, again and again.

For comparison with them only: `cmc_single` is the expectation, exactly and without a seed. Each
query has a generator of its own, so its draws depend neither on the other queries nor on how many
are drawn for at a time. As in the exact one, a distractor image is in every draw, and a negative at
the distance of the match ranks before it.

Axes: Q queries, D draws, I identities other than the query's, K ranks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.definitions import find_or_raise
from harness.definitions.measure import Measured
from harness.definitions.rules import RULES, Rule
from harness.errors import UsageError
from harness.evaluation.inputs import Labels
from harness.evaluation.pairs import MEMORY, stream
from harness.evaluation.rows import DistanceRows

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]

RANKS = 20

_CUHK03 = RULES["cuhk03"]
_AT_A_TIME = 2**20  # images drawn at a time


@dataclass(frozen=True, slots=True)
class Drawn:
    """The outcome of draws.

    Attributes:
        cmc: (Q, K), the share of draws in which the match is within rank 1, ..., K; NaN without a
            match and where there are fewer identities than the rank.
        draws: How many draws were made for each query.
        seed: Of the draws.
    """

    cmc: Float
    draws: int
    seed: int


def draw_single_shot(
    distances: DistanceRows,
    query: Labels,
    gallery: Labels,
    *,
    rule: Rule = _CUHK03,
    draws: int = 10,
    seed: int = 0,
) -> Drawn:
    """Rank galleries that are drawn: one image of each identity, each as likely.

    Args:
        distances: Of each query to each gallery image; smaller is nearer.
        query: Who is searched for, all with an identity above 0.
        gallery: Who is searched in.
        rule: What is junk, which is never drawn.
        draws: How many galleries are drawn for each query: Torchreid 10, CUHK03 100.
        seed: Of the draws.

    Raises:
        UsageError: If there are no draws.
        DataError: If shapes and labels disagree, a query has no identity, or a distance is NaN.
    """
    if draws < 1:
        raise UsageError(f"{draws} draws are none.", "Ask for at least one draw.")
    cmc = np.full((len(query.pids), RANKS), np.nan)
    for block in stream(distances, query, gallery, rule=rule, max_memory=MEMORY):
        for a, q in enumerate(range(block.queries.start, block.queries.stop)):
            if not block.match[a].any():
                continue
            negative = block.negative[a]
            generator = np.random.default_rng([seed, q])
            matches, others = block.distances[a][block.match[a]], block.distances[a][negative]
            ranks = _draw_ranks(matches, others, gallery.pids[negative], generator, draws)
            identities = 1 + _count_identities(gallery.pids[negative])
            within = ranks[:, None] <= np.arange(1, RANKS + 1)  # (D, K)
            cmc[q, :identities] = within.mean(axis=0)[:identities]
    return Drawn(cmc, draws, seed)


def cmc_draws(drawn: Drawn, k: int) -> Float:
    """Return the share of draws with rank <= k, (Q,); NaN as in `Drawn`."""
    return drawn.cmc[:, k - 1]


def measure_draws(drawn: Drawn) -> list[Measured]:
    """Return `cmc_draws` at its ranks, with the number of draws and the seed in the note."""
    spec = find_or_raise("cmc_draws@1")
    has_match = ~np.isnan(drawn.cmc[:, 0])
    measured = []
    for k in spec.ranks:
        values = cmc_draws(drawn, k)
        missing = np.count_nonzero(has_match & np.isnan(values))
        if missing or not has_match.any():
            why = f"{missing} queries with a match have fewer than {k} candidates."
            note = why if missing else "No query has a match."
            measured.append(Measured(spec.name, k, np.full_like(values, np.nan), None, note))
        else:
            note = f"Mean over {drawn.draws} draws with seed {drawn.seed}."
            measured.append(Measured(spec.name, k, values, float(np.nanmean(values)), note))
    return measured


def _draw_ranks(
    matches: npt.NDArray[np.floating],
    others: npt.NDArray[np.floating],
    pids: Int,
    generator: np.random.Generator,
    draws: int,
) -> Int:
    """Return the rank of the match in each draw, (D,).

    Args:
        matches: Distances of the true matches of the query.
        others: Distances of its negatives.
        pids: Identities of its negatives, 0 for a distractor.
        generator: Draws.
        draws: D.
    """
    drawn_match = matches[generator.integers(len(matches), size=draws)]
    distractors = np.sort(others[pids == 0])
    ranks = 1 + np.searchsorted(distractors, drawn_match, side="right")
    by_identity = np.argsort(pids, kind="stable")[np.count_nonzero(pids == 0) :]
    _, start, images = np.unique(pids[by_identity], return_index=True, return_counts=True)
    if not len(start):
        return ranks
    size = max(1, _AT_A_TIME // len(start))
    for at in range(0, draws, size):
        part = slice(at, min(at + size, draws))
        image = generator.integers(images, size=(part.stop - at, len(images)))  # (D, I)
        drawn = others[by_identity[start + image]]
        ranks[part] += (drawn <= drawn_match[part, None]).sum(axis=1)
    return ranks


def _count_identities(pids: Int) -> int:
    """Return how many identities there are, each distractor one of its own."""
    return len(np.unique(pids[pids > 0])) + int(np.count_nonzero(pids == 0))
