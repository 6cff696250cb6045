"""The numbers of stored scores: every metric with its interval, from the evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.definitions import short_name
from harness.definitions.measure import is_measurable
from harness.stats.intervals import interval
from harness.stats.trials import per_query
from harness.store import ScoreView, Store
from harness.types import MetricSpec


def intervals(
    store: Store, scores: Sequence[ScoreView], headline: str, metrics: Mapping[str, MetricSpec]
) -> dict[str, dict[str, Any]]:
    """Return each metric over scores of one protocol and variant in its JSON form, by short name.

    Args:
        store: Has their evidence.
        scores: That are done.
        headline: The full name of the protocol's headline metric.
        metrics: By full name; one that the evidence does not tell is left out.
    """
    evidence = [store.load_evidence(score.id) for score in scores]
    pids = [store.load_records(s.protocol_id, s.split)[0].pids for s in scores]
    found: dict[str, dict[str, Any]] = {}
    for spec in metrics.values():
        known = all(is_measurable(spec, each) for each in evidence)
        for k in spec.ranks or (None,) if known else ():
            trials = [
                per_query(spec, k, e, p, s) for s, e, p in zip(scores, evidence, pids, strict=True)
            ]
            name = short_name(spec.name, k, headline)
            found[name] = interval(trials).as_json(spec.unit) | {"metric": spec.name}
    return found
