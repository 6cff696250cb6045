"""Fits and their losses: planned, running, done or failed, and never back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from harness.errors import IntegrityError
from harness.store import models
from harness.store.drafts import FitDraft, FitOutcome, Loss, new_id, now
from harness.store.locks import Locks
from harness.store.reading import fit_view, get_or_raise
from harness.store.views import FitView


def find_fit(session: Session, locks: Locks, key: str, repeat: int | None) -> FitView | None:
    """Return the newest fit of a key, or a certain repeat of it."""
    query = select(models.Fit).where(models.Fit.key == key)
    if repeat is not None:
        query = query.where(models.Fit.repeat == repeat)
    row = session.scalar(query.order_by(models.Fit.created.desc(), models.Fit.repeat.desc()))
    return None if row is None else fit_view(row, locks)


def find_done_fit(session: Session, locks: Locks, key: str) -> FitView | None:
    """Return the newest done fit of a key."""
    query = select(models.Fit).where(models.Fit.key == key, models.Fit.status == "done")
    row = session.scalar(query.order_by(models.Fit.created.desc(), models.Fit.repeat.desc()))
    return None if row is None else fit_view(row, locks)


def begin_fit(session: Session, locks: Locks, draft: FitDraft) -> FitView:
    """Store a fit as planned, or return the one that has its key and repeat."""
    known = find_fit(session, locks, draft.key, draft.repeat)
    if known is not None:
        return known
    row = models.Fit(
        **asdict(draft),
        id=new_id(),
        status="planned",
        created=now(),
        seconds=0.0,
        identity_images=0,
        steps=0,
    )
    session.add(row)
    session.flush()
    return fit_view(row, locks)


def start_fit(session: Session, fit_id: str) -> None:
    """Store that training begins or is resumed.

    Raises:
        IntegrityError: If there is no such fit, or it has ended.
    """
    fit = _unfinished(session, fit_id)
    fit.status, fit.started = "running", fit.started or now()


def finish_fit(session: Session, fit_id: str, outcome: FitOutcome) -> None:
    """Store that a fit is done.

    Raises:
        IntegrityError: If there is no such fit, or it has ended.
    """
    fit = _unfinished(session, fit_id)
    for name, value in asdict(outcome).items():
        setattr(fit, name, value)
    fit.status, fit.finished = "done", now()


def fail_fit(session: Session, fit_id: str, error: str) -> None:
    """Store that a fit failed, and why.

    Raises:
        IntegrityError: If there is no such fit, or it has ended.
    """
    fit = _unfinished(session, fit_id)
    fit.status, fit.finished, fit.error = "failed", now(), error


def _unfinished(session: Session, fit_id: str) -> models.Fit:
    fit = get_or_raise(session, models.Fit, fit_id)
    if fit.status in ("done", "failed"):
        raise IntegrityError(
            f"Fit {fit_id} is {fit.status}, and stays so.", "Begin a new repeat of it."
        )
    return fit


def record_losses(session: Session, fit_id: str, rows: Sequence[Loss]) -> None:
    """Store losses; what the fit had of the same stages from their first steps on is replaced."""
    first = {row.stage: row.step for row in sorted(rows, key=lambda row: -row.step)}
    for stage, step in first.items():
        session.execute(
            delete(models.Loss).where(
                models.Loss.fit_id == fit_id, models.Loss.stage == stage, models.Loss.step >= step
            )
        )
    if rows:
        session.execute(insert(models.Loss), [_loss_values(fit_id, row) for row in rows])


def _loss_values(fit_id: str, row: Loss) -> dict[str, object]:
    finite = row.value is not None and math.isfinite(row.value)
    return asdict(row) | {"fit_id": fit_id, "value": row.value if finite else None}


def losses(session: Session, fit_id: str) -> list[Loss]:
    """Return the losses of a fit in the order in which they were recorded."""
    query = select(models.Loss).where(models.Loss.fit_id == fit_id).order_by(models.Loss.id)
    return [Loss(row.stage, row.step, row.name, row.value) for row in session.scalars(query)]


def of_run(session: Session, run_id: str) -> Sequence[models.Fit]:
    """Return the fits of a run, in its order."""
    query = (
        select(models.Fit)
        .join(models.RunFit, models.RunFit.fit_id == models.Fit.id)
        .where(models.RunFit.run_id == run_id)
        .order_by(models.RunFit.position)
    )
    return session.scalars(query).all()
