"""Runs: begun, linked to their fits and scores, finished, listed, found by the start of an id."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.orm import Session

from harness.errors import IntegrityError, UnknownName, UsageError
from harness.store import models
from harness.store.drafts import RunDraft, now
from harness.store.locks import Locks
from harness.store.reading import get_or_raise, live_status, shared_values
from harness.store.views import Finished, RunView
from harness.types import Trial


def begin_run(session: Session, draft: RunDraft) -> None:
    """Store a run as running."""
    values = asdict(draft) | {"argv": list(draft.argv)}
    session.add(models.Run(**values, status="running", created=now()))


def finish_run(session: Session, run_id: str, status: Finished, error: str | None) -> None:
    """Store the end of a run.

    Raises:
        IntegrityError: If there is no such run, or it has ended.
    """
    run = get_or_raise(session, models.Run, run_id)
    if run.status != "running":
        raise IntegrityError(f"Run {run_id} is {run.status}, and stays so.", "Start a new run.")
    run.status, run.finished, run.error = status, now(), error


def link_fit(session: Session, run_id: str, fit_id: str) -> None:
    """Note that a run made or reused a fit; a second time changes nothing."""
    if session.get(models.RunFit, (run_id, fit_id)) is None:
        position = _next_position(session, models.RunFit, run_id)
        session.add(models.RunFit(run_id=run_id, fit_id=fit_id, position=position))


def link_score(session: Session, run_id: str, score_id: str) -> None:
    """Note that a run made or reused a score; a second time changes nothing."""
    if session.get(models.RunScore, (run_id, score_id)) is None:
        position = _next_position(session, models.RunScore, run_id)
        session.add(models.RunScore(run_id=run_id, score_id=score_id, position=position))


def _next_position(
    session: Session, link: type[models.RunFit | models.RunScore], run_id: str
) -> int:
    count = select(func.count()).select_from(link).where(link.run_id == run_id)
    return session.scalar(count) or 0


def where_runs(
    session: Session, locks: Locks, condition: ColumnElement[bool] | None = None
) -> list[RunView]:
    """Return runs as they stand, the newest first; all where there is no condition."""
    condition = true() if condition is None else condition
    query = select(models.Run).where(condition).order_by(models.Run.created.desc(), models.Run.id)
    outcomes = _outcomes(session, condition)
    return [_view(row, locks, outcomes[row.id]) for row in session.scalars(query)]


def find_or_raise_run(session: Session, locks: Locks, prefix: str) -> RunView:
    """Return the one run whose id starts so.

    Raises:
        UnknownName: If there is none.
        UsageError: If there are several.
    """
    start = func.substr(models.Run.id, 1, len(prefix)) == prefix
    found = where_runs(session, locks, start)
    if not found:
        known = session.scalars(select(models.Run.id))
        raise UnknownName("run", prefix, known, "harness runs list")
    if len(found) > 1:
        ids = ", ".join(run.id for run in found[:3])
        raise UsageError(
            f"{len(found)} runs have an id that starts with {prefix!r}.",
            f"Give more of the id: {ids}{', ...' if len(found) > 3 else ''}.",
        )
    return found[0]


# One done score of a run under the run's protocol: trial, variant, headline metric at rank 1.
_Outcome = tuple[tuple[int, int], tuple[str | None, ...], float | None]


def _outcomes(session: Session, condition: ColumnElement[bool]) -> dict[str, list[_Outcome]]:
    run, score, metric = models.Run, models.Score, models.Metric
    headline = (
        (metric.score_id == score.id) & (metric.name == models.Protocol.headline) & (metric.k == 1)
    )
    trial = (score.split, score.seed)
    variant = (score.feature, score.distance, score.precision, score.rerank)
    query = (
        select(run.id, metric.value, *trial, *variant)
        .join(models.RunScore, models.RunScore.run_id == run.id)
        .join(score, score.id == models.RunScore.score_id)
        .join(models.Protocol, models.Protocol.id == run.protocol_id)
        .outerjoin(metric, headline)
        .where(score.status == "done", score.protocol_id == run.protocol_id, condition)
    )
    outcomes: dict[str, list[_Outcome]] = defaultdict(list)
    for run_id, value, split, seed, *others in session.execute(query):
        outcomes[run_id].append(((split, seed), tuple(others), value))
    return outcomes


def _view(row: models.Run, locks: Locks, outcomes: Sequence[_Outcome]) -> RunView:
    computed = ("argv", "trials", "status", "headline", "trials_done", "rank1")
    return RunView(
        **shared_values(row, RunView, but=computed),
        argv=tuple(row.argv),
        trials=tuple(Trial(**trial) for trial in row.trials),
        status=live_status(row, locks),
        headline=row.protocol.headline,
        trials_done=len({trial for trial, _, _ in outcomes}),
        rank1=_mean_of_one_variant(outcomes),
    )


def _mean_of_one_variant(outcomes: Sequence[_Outcome]) -> float | None:
    values = [value for _, _, value in outcomes]
    if len({variant for _, variant, _ in outcomes}) != 1 or None in values:
        return None
    return sum(value for value in values if value is not None) / len(values)
