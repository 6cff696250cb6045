"""From rows of the database to views; and how a row is found, or its absence told."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from harness.errors import IntegrityError
from harness.store import models
from harness.store.drafts import ArtifactInfo, MetricValue, ProtocolInfo, WeightsUsed
from harness.store.locks import Locks
from harness.store.views import FitView, ScoreView, Status
from harness.types import Variant

Model = TypeVar("Model", bound=models.Base)


def get_or_raise(session: Session, model: type[Model], key: Any) -> Model:
    """Return the row of a primary key.

    Raises:
        IntegrityError: If there is none.
    """
    row = session.get(model, key)
    if row is None:
        raise IntegrityError(
            f"The store has no {model.__tablename__} {key}.", "Store it first, or check the id."
        )
    return row


def shared_values(
    row: models.Base, view: type[Any], *, but: Collection[str] = ()
) -> dict[str, Any]:
    """Return the values of the columns that a view has under the same name."""
    return {field.name: getattr(row, field.name) for field in fields(view) if field.name not in but}


def live_status(row: models.Fit | models.Run, locks: Locks) -> Status:
    """Return the status of a row, `interrupted` if it says running and nobody works on it."""
    if row.status == "running" and not locks.is_held(row.id):
        return "interrupted"
    return row.status


def protocol_info(row: models.Protocol) -> ProtocolInfo:
    """Return the view of a protocol."""
    return ProtocolInfo(**shared_values(row, ProtocolInfo))


def fit_view(row: models.Fit, locks: Locks) -> FitView:
    """Return the view of a fit."""
    values = shared_values(row, FitView, but=("status", "weights"))
    weights = WeightsUsed(**row.weights)
    return FitView(**values, status=live_status(row, locks), weights=weights)


def score_view(row: models.Score) -> ScoreView:
    """Return the view of a score, with its metrics and files."""
    metrics = tuple(
        MetricValue(metric.name, metric.k or None, metric.value, metric.note)
        for metric in row.metrics
    )
    files = tuple(ArtifactInfo(**shared_values(file, ArtifactInfo)) for file in row.artifacts)
    values = shared_values(row, ScoreView, but=("variant", "metrics", "artifacts"))
    return ScoreView(**values, variant=variant_of(row), metrics=metrics, artifacts=files)


def variant_of(row: models.Score) -> Variant:
    """Return the variant of a score."""
    return Variant(**shared_values(row, Variant))
