"""The tables of the store, and nothing that reads or writes them.

    protocol ◀── records ◀── score ──▶ fit ◀── loss
        ▲                      ▲ ▲       ▲
        │                metric ┘ └─┐    │
       run ◀── run_score ───────────┘    │
        ▲                                │
        └───── run_fit ──────────────────┘          artifact ──▶ fit or score      external

The tables of the model registry are in `harness.store.model_tables`.

Ids are UUIDs and times UTC in ISO form, both as strings; values are in the unit of their metric. A
finished row never changes. A change to a table needs a file in `migrations/versions`; a test
compares the two.
"""

from __future__ import annotations

import json
import zlib
from typing import Any, ClassVar, Literal, get_args

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Dialect,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

StoredStatus = Literal["planned", "running", "done", "failed"]


class Packed(TypeDecorator[Any]):
    """A JSON value as zlib-compressed UTF-8: for long lists of ids."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes:
        """Compress."""
        return zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 9)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Decompress."""
        return json.loads(zlib.decompress(value))


class Base(DeclarativeBase):
    """The declarative base: names of constraints, and types of columns."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {
        dict[str, Any]: JSON(),
        list[str]: JSON(),
        list[dict[str, int]]: JSON(),
        list[dict[str, Any]]: JSON(),
        float: Double(),
    }


def _known_status() -> CheckConstraint:
    listed = ", ".join(f"'{status}'" for status in get_args(StoredStatus))
    return CheckConstraint(f"status IN ({listed})", name="status")


class Protocol(Base):
    """A protocol; its id is the hash of what decides a number, its labels are not in it."""

    __tablename__ = "protocol"

    id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str]
    dataset: Mapped[str]
    manifest: Mapped[str]
    title: Mapped[str]
    headline: Mapped[str]
    spec: Mapped[dict[str, Any]]


class Records(Base):
    """The query and gallery records of one split of a protocol, in the order of the evidence."""

    __tablename__ = "records"

    protocol_id: Mapped[str] = mapped_column(ForeignKey("protocol.id"), primary_key=True)
    split: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    query: Mapped[dict[str, list[Any]]] = mapped_column(Packed)
    gallery: Mapped[dict[str, list[Any]]] = mapped_column(Packed)


class Fit(Base):
    """One training of one method; rows of one key are repeats of the same work."""

    __tablename__ = "fit"
    __table_args__ = (UniqueConstraint("key", "repeat"), _known_status())

    id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str]
    repeat: Mapped[int]
    method: Mapped[str]
    method_version: Mapped[int]
    config: Mapped[dict[str, Any]]
    config_hash: Mapped[str]
    recipe: Mapped[str]
    narrowed: Mapped[str]
    dataset: Mapped[str]
    manifest: Mapped[str]
    split: Mapped[int]
    seed: Mapped[int] = mapped_column(BigInteger)
    precision: Mapped[str]
    weights: Mapped[dict[str, Any]]
    device: Mapped[dict[str, Any]]
    provenance: Mapped[dict[str, Any]]
    status: Mapped[StoredStatus] = mapped_column(String)
    created: Mapped[str]
    started: Mapped[str | None]
    finished: Mapped[str | None]
    seconds: Mapped[float]
    identity_images: Mapped[int]
    steps: Mapped[int]
    model_sha256: Mapped[str | None]
    error: Mapped[str | None] = mapped_column(Text)


class Loss(Base):
    """One value of one loss; None where it was not finite."""

    __tablename__ = "loss"
    __table_args__ = (UniqueConstraint("fit_id", "stage", "step", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)  # the order in which they were recorded
    fit_id: Mapped[str] = mapped_column(ForeignKey("fit.id"))
    stage: Mapped[str]
    step: Mapped[int]
    name: Mapped[str]
    value: Mapped[float | None]


class Score(Base):
    """One fit under one protocol and variant."""

    __tablename__ = "score"
    __table_args__ = (
        ForeignKeyConstraint(["protocol_id", "split"], ["records.protocol_id", "records.split"]),
        _known_status(),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    fit_id: Mapped[str] = mapped_column(ForeignKey("fit.id"), index=True)
    protocol_id: Mapped[str]
    split: Mapped[int]
    seed: Mapped[int] = mapped_column(BigInteger)
    feature: Mapped[str]
    distance: Mapped[str]
    precision: Mapped[str]
    rerank: Mapped[str | None]
    status: Mapped[StoredStatus] = mapped_column(String)
    created: Mapped[str]
    seconds: Mapped[float]
    images: Mapped[int]
    error: Mapped[str | None] = mapped_column(Text)
    evidence: Mapped[bytes | None] = mapped_column(deferred=True)

    fit: Mapped[Fit] = relationship()
    metrics: Mapped[list[Metric]] = relationship(order_by="(Metric.name, Metric.k)")
    artifacts: Mapped[list[Artifact]] = relationship(order_by="Artifact.name", lazy="selectin")


class Metric(Base):
    """One value of one score; k is 0 for a metric that has none."""

    __tablename__ = "metric"

    score_id: Mapped[str] = mapped_column(ForeignKey("score.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    k: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    value: Mapped[float | None]
    note: Mapped[str | None]


class Run(Base):
    """One command."""

    __tablename__ = "run"
    __table_args__ = (_known_status(),)

    id: Mapped[str] = mapped_column(primary_key=True)
    argv: Mapped[list[str]]
    status: Mapped[StoredStatus] = mapped_column(String)
    created: Mapped[str]
    finished: Mapped[str | None]
    method: Mapped[str]
    dataset: Mapped[str]
    recipe: Mapped[str]
    protocol_id: Mapped[str] = mapped_column(ForeignKey("protocol.id"))
    trials: Mapped[list[dict[str, int]]]
    settings: Mapped[dict[str, Any]]
    environment: Mapped[dict[str, Any]]
    error: Mapped[str | None] = mapped_column(Text)

    protocol: Mapped[Protocol] = relationship(lazy="joined")


class RunFit(Base):
    """A fit that a run made or reused."""

    __tablename__ = "run_fit"

    run_id: Mapped[str] = mapped_column(ForeignKey("run.id"), primary_key=True)
    fit_id: Mapped[str] = mapped_column(ForeignKey("fit.id"), primary_key=True)
    position: Mapped[int]


class RunScore(Base):
    """A score that a run made or reused."""

    __tablename__ = "run_score"

    run_id: Mapped[str] = mapped_column(ForeignKey("run.id"), primary_key=True)
    score_id: Mapped[str] = mapped_column(ForeignKey("score.id"), primary_key=True, index=True)
    position: Mapped[int]


class Artifact(Base):
    """A file by its content, and the fit or score that it belongs to."""

    __tablename__ = "artifact"
    __table_args__ = (CheckConstraint("(fit_id IS NULL) <> (score_id IS NULL)", name="one_owner"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str]
    name: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)
    fit_id: Mapped[str | None] = mapped_column(ForeignKey("fit.id"))
    score_id: Mapped[str | None] = mapped_column(ForeignKey("score.id"))


class External(Base):
    """Numbers of a file that another tool wrote; it refers to nothing, and nothing to it."""

    __tablename__ = "external"

    id: Mapped[str] = mapped_column(primary_key=True)
    created: Mapped[str]
    dataset: Mapped[str]
    name: Mapped[str]
    file: Mapped[str]
    sha256: Mapped[str]
    settings: Mapped[dict[str, Any]]
    headline: Mapped[str]
    queries: Mapped[int]
    queries_without_match: Mapped[int]
    gallery: Mapped[int]
    metrics: Mapped[list[dict[str, Any]]]
