"""Numbers of files that other tools wrote: external and unverified, kept apart from the scores.

No fit, no protocol and no evidence stands behind them, so nothing ranks them with the runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select

from harness.store import models
from harness.store.database import Database
from harness.store.drafts import MetricValue, new_id, now
from harness.store.reading import shared_values


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalDraft:
    """What `harness evaluate --store` found in a file.

    Attributes:
        dataset: Key of the data set that the file is said to be of.
        name: What its numbers are shown as.
        file: The name of the file, without its folder.
        sha256: Of its bytes.
        settings: How it was evaluated: rule, distance and what else was asked for.
        headline: The full name of the metric that rank-k stands for.
        queries: Number of queries.
        queries_without_match: How many of them have no match.
        gallery: Number of gallery images.
        metrics: The values, in the unit of each metric.
    """

    dataset: str
    name: str
    file: str
    sha256: str
    settings: Mapping[str, Any]
    headline: str
    queries: int
    queries_without_match: int
    gallery: int
    metrics: tuple[MetricValue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalView(ExternalDraft):
    """The same as it is stored, with its id and when it was stored."""

    id: str
    created: str


class Externals:
    """The external numbers of a store.

    Args:
        database: Of the store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, draft: ExternalDraft) -> str:
        """Store numbers and return their id; the same numbers a second time change nothing."""
        values = asdict(draft) | {"metrics": [asdict(metric) for metric in draft.metrics]}
        with self._database.writing() as session:
            alike = select(models.External).filter_by(
                dataset=draft.dataset, name=draft.name, sha256=draft.sha256
            )
            for row in session.scalars(alike):
                if all(getattr(row, name) == value for name, value in values.items()):
                    return row.id
            row = models.External(id=new_id(), created=now(), **values)
            session.add(row)
            return row.id

    def where(self, dataset: str | None = None) -> list[ExternalView]:
        """Return the numbers of a data set, or of all, by name and then the oldest first."""
        table = models.External
        query = select(table).order_by(table.dataset, table.name, table.created, table.id)
        if dataset is not None:
            query = query.filter_by(dataset=dataset)
        with self._database.reading() as session:
            return [_view(row) for row in session.scalars(query)]


def _view(row: models.External) -> ExternalView:
    metrics = tuple(MetricValue(**values) for values in row.metrics)
    return ExternalView(**shared_values(row, ExternalView, but=("metrics",)), metrics=metrics)
