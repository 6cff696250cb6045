"""Protocols with their records, and scores with their metrics and evidence."""

from __future__ import annotations

import math
from dataclasses import asdict

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from harness.errors import IntegrityError
from harness.store import models
from harness.store.drafts import ProtocolInfo, RecordIds, ScoreDraft, new_id, now
from harness.store.reading import get_or_raise, score_view
from harness.store.views import ScoreView
from harness.types import Evidence, Variant

LABELS = frozenset({"key", "title", "headline"})
"""What a protocol's id does not depend on: the first that was stored stays."""


def put_protocol(session: Session, info: ProtocolInfo) -> None:
    """Store a protocol, unless it is there.

    Raises:
        IntegrityError: If another content is there under its id.
    """
    known = session.get(models.Protocol, info.id)
    if known is None:
        session.add(models.Protocol(**asdict(info)))
        return
    for name, value in asdict(info).items():
        if name not in LABELS and getattr(known, name) != value:
            raise IntegrityError(
                f"Protocol {info.id} is stored with another {name!r}.",
                "Two protocols have one id: recompute the ids, and report this as a bug.",
            )


def put_records(
    session: Session, protocol_id: str, split: int, query: RecordIds, gallery: RecordIds
) -> None:
    """Store the records of one split, unless they are there.

    Raises:
        IntegrityError: If other records are there.
    """
    known = session.get(models.Records, (protocol_id, split))
    sides = {"query": _lists(query), "gallery": _lists(gallery)}
    if known is None:
        session.add(models.Records(protocol_id=protocol_id, split=split, **sides))
    elif {"query": known.query, "gallery": known.gallery} != sides:
        raise IntegrityError(
            f"Split {split} of protocol {protocol_id} is stored with other records.",
            "Check the data set with `harness data check`: its images or their order changed.",
        )


def load_records(session: Session, protocol_id: str, split: int) -> tuple[RecordIds, RecordIds]:
    """Return query and gallery records of one split."""
    row = get_or_raise(session, models.Records, (protocol_id, split))
    query, gallery = (
        RecordIds(**{name: tuple(values) for name, values in side.items()})
        for side in (row.query, row.gallery)
    )
    return query, gallery


def _lists(records: RecordIds) -> dict[str, list[str] | list[int]]:
    return {
        "ids": list(records.ids),
        "pids": list(records.pids),
        "camids": list(records.camids),
    }


def add_score(session: Session, draft: ScoreDraft) -> str:
    """Store a score, done or failed, with its metrics and evidence; return its id."""
    from harness.store.evidence import encode  # numpy, which no list of runs waits for

    fit = get_or_raise(session, models.Fit, draft.fit_id)
    score = models.Score(
        id=new_id(),
        fit_id=fit.id,
        protocol_id=draft.protocol_id,
        split=fit.split,
        seed=fit.seed,
        **asdict(draft.variant),
        status="failed" if draft.error else "done",
        created=now(),
        seconds=draft.seconds,
        images=draft.images,
        error=draft.error,
        evidence=None if draft.evidence is None else encode(draft.evidence),
        metrics=[
            models.Metric(
                name=metric.name, k=metric.k or 0, value=_number(metric.value), note=metric.note
            )
            for metric in draft.metrics
        ],
    )
    session.add(score)
    session.flush()
    return score.id


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


def find_score(
    session: Session, fit_id: str, protocol_id: str, variant: Variant
) -> ScoreView | None:
    """Return the newest done score of a fit under a protocol and variant."""
    row = session.scalar(
        select(models.Score)
        .filter_by(fit_id=fit_id, protocol_id=protocol_id, status="done", **asdict(variant))
        .order_by(models.Score.created.desc())
    )
    return None if row is None else score_view(row)


def where_scores(session: Session, run_id: str) -> list[ScoreView]:
    """Return the scores of a run in its order."""
    query = (
        select(models.Score)
        .join(models.RunScore, models.RunScore.score_id == models.Score.id)
        .where(models.RunScore.run_id == run_id)
        .order_by(models.RunScore.position)
        .options(selectinload(models.Score.metrics))
    )
    return [score_view(row) for row in session.scalars(query)]


def load_evidence(session: Session, score_id: str) -> Evidence:
    """Return the evidence of a score.

    Raises:
        IntegrityError: If there is no such score, or it failed and left none.
    """
    from harness.store.evidence import decode  # numpy, as above

    blob = get_or_raise(session, models.Score, score_id).evidence
    if blob is None:
        raise IntegrityError(f"Score {score_id} has no evidence.", "Score the fit again.")
    return decode(blob)
