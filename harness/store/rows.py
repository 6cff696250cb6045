"""Leaderboard rows: the done scores equal in all but split, seed and repeat."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager, selectinload

from harness.store import models
from harness.store.drafts import WeightsUsed
from harness.store.locks import Locks
from harness.store.reading import fit_view, protocol_info, score_view, shared_values, variant_of
from harness.store.views import Row, RowScore


def where_rows(session: Session, locks: Locks, dataset: str | None) -> list[Row]:
    """Return the rows of one data set, or of all, in a fixed order.

    The data set is the protocol's: one that is made from the same images can share the fit.
    """
    groups: defaultdict[tuple[Hashable, ...], list[models.Score]] = defaultdict(list)
    for score in _done_scores(session, dataset):
        protocol = session.get_one(models.Protocol, score.protocol_id)
        groups[protocol.dataset, *_row_key(score)].append(score)
    ordered = sorted(groups, key=lambda key: [(part is not None, part) for part in key])
    return [_row(session, locks, groups[key]) for key in ordered]


def _done_scores(session: Session, dataset: str | None) -> Iterable[models.Score]:
    query = (
        select(models.Score)
        .join(models.Score.fit)
        .where(models.Score.status == "done", models.Fit.status == "done")
        .options(contains_eager(models.Score.fit), selectinload(models.Score.metrics))
        .order_by(models.Fit.created, models.Fit.repeat, models.Score.created, models.Score.id)
    )
    if dataset is not None:
        protocol = models.Protocol
        query = query.join(protocol, protocol.id == models.Score.protocol_id)
        query = query.where(protocol.dataset == dataset)
    return session.scalars(query)


def _row_key(score: models.Score) -> tuple[Hashable, ...]:
    fit = score.fit
    return (
        score.protocol_id,
        fit.method,
        fit.method_version,
        fit.recipe,
        fit.config_hash,
        fit.precision,
        fit.weights["sha256"] or fit.weights["name"],
        score.feature,
        score.distance,
        score.precision,
        score.rerank,
    )


def _row(session: Session, locks: Locks, scores: Sequence[models.Score]) -> Row:
    """Build the row of scores that are ordered from the oldest fit to the newest."""
    newest = {(score.split, score.seed): score for score in scores}
    kept = [newest[trial] for trial in sorted(newest)]
    last = scores[-1]
    protocol = session.get_one(models.Protocol, last.protocol_id)
    computed = ("dataset", "weights", "protocol", "variant", "trials", "runs")
    return Row(
        **shared_values(last.fit, Row, but=computed),
        dataset=protocol.dataset,
        weights=WeightsUsed(**last.fit.weights),
        protocol=protocol_info(protocol),
        variant=variant_of(last),
        trials=tuple(RowScore(score_view(score), fit_view(score.fit, locks)) for score in kept),
        runs=_runs(session, [score.id for score in kept]),
    )


def _runs(session: Session, score_ids: Sequence[str]) -> tuple[str, ...]:
    query = (
        select(models.Run.id)
        .join(models.RunScore, models.RunScore.run_id == models.Run.id)
        .where(models.RunScore.score_id.in_(score_ids))
        .distinct()
        .order_by(models.Run.created, models.Run.id)
    )
    return tuple(session.scalars(query))
