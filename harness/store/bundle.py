"""Bundles: finished runs and external numbers as JSON lines, from one store into another.

    {"type": "header", "format": "reid-harness-bundle", "version": 1, "created": ...}
    one line for each object, each after those that it refers to (see `harness.store.lines`)
    {"type": "end", "objects": N}

`created` is when the newest of its runs ended or of its external numbers was stored, so that equal
stores give equal bundles. Importing adds what is not there and changes nothing that is; it does all
of a bundle or nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import exc, inspect, select, tuple_
from sqlalchemy.orm import Session

from harness.errors import DataError, HarnessError, IntegrityError, UsageError
from harness.store import lines, models
from harness.store.fits import losses, record_losses
from harness.store.lines import Line
from harness.store.views import ImportSummary

FORMAT = "reid-harness-bundle"
VERSION = 1

_ENDED = ("done", "failed")
_WHOLE_COPY = "Get a whole copy of the bundle, or export it again; nothing was imported."


def export(session: Session, run_ids: Sequence[str], *, externals: bool = False) -> Iterator[str]:
    """Yield the lines of a bundle, without line ends.

    Args:
        session: Of the store.
        run_ids: Of the runs.
        externals: Whether all external numbers come with them.

    Raises:
        UsageError: If one of the runs has not ended.
    """
    runs = session.scalars(
        select(models.Run).where(models.Run.id.in_(run_ids)).order_by(*_age(models.Run))
    ).all()
    for run in runs:
        if run.status not in _ENDED:
            raise UsageError(
                f"Run {run.id} has not ended, and cannot be exported.",
                "Leave it out: a bundle holds runs that have ended.",
            )
    external = _externals(session) if externals else []
    times = [*(run.finished or "" for run in runs), *(row.created for row in external)]
    created = max(times, default="")
    yield _dump({"type": "header", "format": FORMAT, "version": VERSION, "created": created})
    count = 0
    for line in chain(_objects(session, runs), map(lines.line_of, external)):
        yield _dump(line)
        count += 1
    yield _dump({"type": "end", "objects": count})


def _dump(line: Line) -> str:
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


def _externals(session: Session) -> Sequence[models.External]:
    return session.scalars(select(models.External).order_by(*_age(models.External))).all()


def ended_runs(session: Session) -> list[str]:
    """Return the ids of all runs that have ended."""
    return list(session.scalars(select(models.Run.id).where(models.Run.status.in_(_ENDED))))


def _age(model: type[models.Run | models.Fit | models.Score | models.External]) -> tuple[Any, Any]:
    return model.created, model.id


def _objects(session: Session, runs: Sequence[models.Run]) -> Iterator[Line]:
    run_ids = [run.id for run in runs]
    scores = _linked_scores(session, run_ids)
    fits = _linked_fits(session, run_ids, [score.fit_id for score in scores])
    protocol_ids = {run.protocol_id for run in runs} | {score.protocol_id for score in scores}
    yield from _rows(session, models.Protocol, models.Protocol.id.in_(protocol_ids), "id")
    splits = {(score.protocol_id, score.split) for score in scores}
    place = tuple_(models.Records.protocol_id, models.Records.split)
    yield from _rows(session, models.Records, place.in_(splits), "protocol_id", "split")
    for fit in fits:
        yield lines.line_of(fit)
        if recorded := losses(session, fit.id):
            yield lines.losses_line(fit.id, recorded)
    for score in scores:
        yield lines.line_of(score)
        yield from map(lines.line_of, score.metrics)
    yield from map(lines.line_of, runs)
    fit_ids, score_ids = [fit.id for fit in fits], [score.id for score in scores]
    of_fits = models.RunFit.run_id.in_(run_ids) & models.RunFit.fit_id.in_(fit_ids)
    yield from _rows(session, models.RunFit, of_fits, "run_id", "position")
    of_scores = models.RunScore.run_id.in_(run_ids) & models.RunScore.score_id.in_(score_ids)
    yield from _rows(session, models.RunScore, of_scores, "run_id", "position")


def _rows(
    session: Session, model: type[models.Base], condition: Any, *order: str
) -> Iterator[Line]:
    query = select(model).where(condition).order_by(*(getattr(model, name) for name in order))
    yield from map(lines.line_of, session.scalars(query))


def _linked_scores(session: Session, run_ids: Sequence[str]) -> Sequence[models.Score]:
    linked = select(models.RunScore.score_id).where(models.RunScore.run_id.in_(run_ids))
    query = select(models.Score).where(models.Score.id.in_(linked)).order_by(*_age(models.Score))
    return session.scalars(query).all()


def _linked_fits(
    session: Session, run_ids: Sequence[str], scored: Sequence[str]
) -> Sequence[models.Fit]:
    linked = select(models.RunFit.fit_id).where(models.RunFit.run_id.in_(run_ids))
    query = (
        select(models.Fit)
        .where(models.Fit.id.in_(linked) | models.Fit.id.in_(scored))
        .where(models.Fit.status.in_(_ENDED))
        .order_by(*_age(models.Fit))
    )
    return session.scalars(query).all()


def import_(session: Session, given: Iterable[str], name: str) -> ImportSummary:
    """Store the objects of a bundle that are not there.

    Args:
        session: A writing session; it must be rolled back where this raises.
        given: The lines.
        name: Of the bundle, for errors.

    Raises:
        DataError: If it is no bundle, a newer one, truncated or damaged; with the line.
        IntegrityError: If an object differs from the stored one of the same id.
    """
    added: Counter[str] = Counter()
    known: Counter[str] = Counter()
    ended = False
    for number, text in enumerate(given, 1):
        where = f"Line {number} of {name}"
        line = _parsed(text, where)
        if number == 1:
            _check_header(line, where)
        elif ended:
            raise DataError(f"{where} comes after the end of the bundle.", _WHOLE_COPY)
        elif line["type"] == "end":
            ended = _check_end(line, added.total() + known.total(), where)
        else:
            new = _merge(session, line, where)
            (added if new else known)[line["type"]] += 1
    if not ended:
        lines_read = 1 + added.total() + known.total()
        raise DataError(f"{name} is cut off after line {lines_read}.", _WHOLE_COPY)
    return ImportSummary(dict(added), dict(known))


def _parsed(text: str, where: str) -> Line:
    try:
        line = json.loads(text)
    except ValueError as error:
        raise DataError(f"{where} is not JSON: {error}.", _WHOLE_COPY) from error
    if not isinstance(line, dict) or not isinstance(line.get("type"), str):
        raise DataError(f"{where} is not an object with a type.", _WHOLE_COPY)
    return line


def _check_header(line: Line, where: str) -> None:
    if line["type"] != "header" or line.get("format") != FORMAT:
        raise DataError(
            f"{where} is not the header of a bundle.", "Give a file of `harness runs export`."
        )
    if line.get("version") != VERSION:
        raise DataError(
            f"{where} names version {line.get('version')}; this one reads {VERSION}.",
            "Run `pip install --upgrade reid-harness`.",
        )


def _check_end(line: Line, objects: int, where: str) -> bool:
    if line.get("objects") != objects:
        raise DataError(
            f"{where} names {line.get('objects')} objects, but there are {objects}.", _WHOLE_COPY
        )
    return True


def _merge(session: Session, line: Line, where: str) -> bool:
    """Store an object unless it is there; return whether it was new."""
    try:
        if line["type"] == "losses":
            return _merge_losses(session, line)
        if line["type"] in lines.TABLES:
            return _merge_row(session, line)
        raise DataError(f"There is no type {line['type']!r}.", _WHOLE_COPY)
    except exc.IntegrityError as error:
        raise DataError(
            f"{where}: the database refused the object: {error.orig}.", _WHOLE_COPY
        ) from error
    except HarnessError as error:
        raise type(error)(f"{where}: {error.what}", error.next_step) from error


def _merge_row(session: Session, line: Line) -> bool:
    row = lines.row_of(line)
    identity = tuple(getattr(row, column.name) for column in inspect(type(row)).primary_key)
    stored = session.get(type(row), identity)
    if stored is not None:
        _raise_if_differs(lines.line_of(stored), lines.line_of(row), identity)
        return False
    if isinstance(row, models.Fit):
        row.repeat = _free_repeat(session, row)
    if isinstance(row, models.Score):
        _check_evidence(row)
    session.add(row)
    session.flush()
    return True


def _check_evidence(score: models.Score) -> None:
    from harness.store.evidence import decode  # numpy, which no list of runs waits for

    if score.evidence is not None:
        decode(score.evidence)


def _free_repeat(session: Session, fit: models.Fit) -> int:
    """Return the repeat of a fit, or the next free one where another fit of its key has that."""
    taken = set(session.scalars(select(models.Fit.repeat).where(models.Fit.key == fit.key)))
    return max(taken) + 1 if fit.repeat in taken else fit.repeat


def _merge_losses(session: Session, line: Line) -> bool:
    fit_id, recorded = lines.losses_of(line)
    stored = losses(session, fit_id)
    if stored:
        _raise_if_differs(
            lines.losses_line(fit_id, stored), lines.losses_line(fit_id, recorded), (fit_id,)
        )
        return False
    record_losses(session, fit_id, recorded)
    return True


def _raise_if_differs(stored: Line, given: Line, identity: tuple[Any, ...]) -> None:
    name = lines.difference(stored, given)
    if name is not None:
        shown = ", ".join(str(part) for part in identity)
        raise IntegrityError(
            f"The {given['type']} {shown} is stored with another {name!r}.",
            "One of the two was changed by hand; nothing was imported.",
        )
