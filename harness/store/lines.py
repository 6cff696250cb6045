"""One object of the store as one JSON object of a bundle, and back.

A line is a row of a table under its own column names, with `type` before them. Lists of ids and
evidence are base64 of their compressed form; settings, environments and errors are scrubbed of
what belongs to one machine. All losses of a fit are one line.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import JSON, ColumnElement, LargeBinary, Text

from harness.errors import DataError
from harness.store import models
from harness.store.drafts import Loss
from harness.store.models import Packed
from harness.store.scores import LABELS
from harness.store.scrub import scrub, scrub_command

TABLES: Mapping[str, type[models.Base]] = {
    "protocol": models.Protocol,
    "records": models.Records,
    "fit": models.Fit,
    "score": models.Score,
    "metric": models.Metric,
    "run": models.Run,
    "run_fit": models.RunFit,
    "run_score": models.RunScore,
    "external": models.External,
}
"""The types that are rows of tables, each after those that it refers to."""

IGNORED = {"protocol": LABELS, "fit": frozenset({"repeat"})}
"""In what two stores may differ about one object: labels, and how each counts its repeats."""

Line = dict[str, Any]


def line_of(row: models.Base) -> Line:
    """Return a row as a line."""
    columns = row.__table__.columns
    return {
        "type": row.__tablename__,
        **{column.name: _exported(column, getattr(row, column.name)) for column in columns},
    }


def row_of(line: Line) -> models.Base:
    """Return a line as a row that is not yet stored.

    Raises:
        DataError: If a value is missing, unknown, or of another type than its column.
    """
    model = TABLES[line["type"]]
    columns = {column.name: column for column in model.__table__.columns}
    if line.keys() - {"type"} != columns.keys():
        odd = ", ".join(sorted((line.keys() - {"type"}) ^ columns.keys()))
        raise DataError(f"A {line['type']} has too many or too few fields: {odd}.", _EXPORT_AGAIN)
    return model(**{name: _imported(columns[name], line[name]) for name in columns})


def losses_line(fit_id: str, losses: list[Loss]) -> Line:
    """Return all losses of a fit as a line."""
    values = [[loss.stage, loss.step, loss.name, loss.value] for loss in losses]
    return {"type": "losses", "fit_id": fit_id, "losses": _pack(values)}


def losses_of(line: Line) -> tuple[str, list[Loss]]:
    """Return the fit and the losses of a line.

    Raises:
        DataError: If the line holds something else.
    """
    try:
        return line["fit_id"], [Loss(*values) for values in _unpack(line["losses"])]
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise DataError(f"Losses cannot be read: {error!r}.", _EXPORT_AGAIN) from error


def difference(stored: Line, given: Line) -> str | None:
    """Return the name of the first value in which two lines of one object differ."""
    ignored = IGNORED.get(given["type"], frozenset())
    names = (name for name in stored if name not in ignored and stored[name] != given[name])
    return next(names, None)


_EXPORT_AGAIN = "Export the bundle again with this version, or get a whole copy of it."


def _exported(column: ColumnElement[Any], value: Any) -> Any:
    if isinstance(column.type, Packed):
        return _pack(value)
    if isinstance(column.type, LargeBinary):
        return None if value is None else base64.b64encode(value).decode()
    if column.name == "argv":
        return scrub_command(value)
    if isinstance(column.type, JSON | Text):
        return scrub(value)
    return value


def _imported(column: ColumnElement[Any], value: Any) -> Any:
    if value is None and column.nullable:
        return None
    try:
        if isinstance(column.type, Packed):
            return _unpack(value)
        if isinstance(column.type, LargeBinary):
            return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, zlib.error) as error:
        raise DataError(f"{column.name!r} cannot be unpacked: {error}.", _EXPORT_AGAIN) from error
    expected = _json_types(column)
    if not isinstance(value, expected) or isinstance(value, bool):
        raise DataError(f"{column.name!r} cannot be {value!r}.", _EXPORT_AGAIN)
    return value


def _json_types(column: ColumnElement[Any]) -> tuple[type, ...]:
    if isinstance(column.type, JSON):
        return (dict, list)
    return (int, float) if column.type.python_type is float else (column.type.python_type,)


def _pack(value: Any) -> str:
    packed = zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 9)
    return base64.b64encode(packed).decode()


def _unpack(text: str) -> Any:
    return json.loads(zlib.decompress(base64.b64decode(text, validate=True)))
