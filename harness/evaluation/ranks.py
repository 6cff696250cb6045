"""Rank the gallery for every query in one streamed pass: features in, evidence out.

The distance matrix is never held and the gallery never sorted: tiles of query x gallery nearness
stream by, and for each true match the negatives at a smaller and at the same distance are counted.

The rules:

- Junk, ignored for a query: as the rule says (`harness.definitions.rules`), and identity -1.
- Distractors, identity 0: negatives of every query. In single-shot each distractor image is an
  identity of its own, in every draw, since it shows nobody who is known to be anybody else; so a
  further distractor can only lower a score.
- Ties: equal reference distances (`harness.evaluation.distance`) are counted apart as `equal`;
  single-shot takes an identity at the same distance as ranked before the match.
- The top list orders equal distances by gallery index.

Tiles come from a float32 product; the comparisons that its error leaves in doubt go to the
reference distance, so ranks are those of the reference for any block size and number of threads.

Axes: Q queries, G gallery images, A x B one tile, m matches of a block, I gallery identities
without distractors.
"""

from __future__ import annotations

import numpy as np

from harness.definitions.rules import RULES, Rule
from harness.evaluation.engine import Ranked, Task, run
from harness.evaluation.given import Given
from harness.evaluation.inputs import (
    Labels,
    PreparedSide,
    Side,
    check_distances,
    check_features,
    check_queries,
    prepare,
)
from harness.evaluation.nearness import MEMORY
from harness.evaluation.product import Product
from harness.evaluation.rows import DistanceRows, ExactRows
from harness.types import Evidence
from harness.types.method import Distance

_MARKET = RULES["market1501"]


def evaluate(
    query: Side,
    gallery: Side,
    *,
    distance: Distance,
    rule: Rule = _MARKET,
    max_memory: int = MEMORY,
    single_shot: bool = True,
) -> Evidence:
    """Return the evidence of every query; `rank` without the price."""
    return rank(
        query,
        gallery,
        distance=distance,
        rule=rule,
        max_memory=max_memory,
        single_shot=single_shot,
    ).evidence


def rank(
    query: Side,
    gallery: Side,
    *,
    distance: Distance,
    rule: Rule = _MARKET,
    max_memory: int = MEMORY,
    single_shot: bool = True,
) -> Ranked:
    """Rank the gallery by the distance of features.

    Args:
        query: The images to search for, all of them with an identity above 0.
        gallery: The images to search in.
        distance: `euclidean` or `cosine`.
        rule: What is junk.
        max_memory: Bytes of working memory beside the features; changes time, never the result.
        single_shot: Whether to compute the single-shot expectations; NaN otherwise.

    Raises:
        DataError: If a side is empty or its arrays disagree, a query has no identity, or no query
            has a match.
        TrainingError: If features are not finite, or have no direction under `cosine`.
        UsageError: If there is no such distance, or one query needs more than `max_memory`.
    """
    check_features(query, gallery, distance)
    check_queries(query.labels)
    sides = prepare(query, "query", distance), prepare(gallery, "gallery", distance)
    exact = ExactRows(*sides, distance)
    task = Task(query.labels, gallery.labels, rule, max_memory, single_shot)
    return run(_multiply(gallery, sides, distance, max_memory), exact, task)


def _multiply(
    gallery: Side, sides: tuple[PreparedSide, PreparedSide], distance: Distance, max_memory: int
) -> Product:
    """Return the product where the gallery is: on the processor or on a GPU."""
    if isinstance(gallery.features, np.ndarray) or gallery.features.device.type == "cpu":
        return Product(*sides, distance, max_memory)
    from harness.evaluation.device_product import DeviceProduct  # torch, which arrays do not need

    return DeviceProduct(*sides, distance, max_memory, gallery.features)


def evaluate_distances(
    distances: DistanceRows,
    query: Labels,
    gallery: Labels,
    *,
    rule: Rule = _MARKET,
    max_memory: int = MEMORY,
    single_shot: bool = True,
) -> Evidence:
    """Rank the gallery by distances at hand; equal ones are ties.

    Args:
        distances: Of each query to each gallery image; smaller is nearer.
        query: Who is searched for, all with an identity above 0.
        gallery: Who is searched in.
        rule: What is junk.
        max_memory: Bytes of working memory; changes time, never the result.
        single_shot: Whether to compute the single-shot expectations; NaN otherwise.

    Raises:
        DataError: If shapes and labels disagree, a distance is NaN, a query has no identity, or no
            query has a match.
        UsageError: If one query needs more than `max_memory`.
    """
    check_distances(distances.shape, query, gallery)
    check_queries(query)
    task = Task(query, gallery, rule, max_memory, single_shot)
    return run(Given(distances), distances, task).evidence
