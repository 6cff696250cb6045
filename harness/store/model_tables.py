"""The tables of the model registry.

    model_alias ──▶ model_version ──▶ model ◀── model_alias_move
    model_tag   ──▶       │
                          └──▶ fit

A version never changes, but for what a fit of before the registry could not tell, which is added
once, and for the mark that it was deleted. An alias moves; each of its moves is a row that stays.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, ForeignKeyConstraint, Text
from sqlalchemy.orm import Mapped, mapped_column

from harness.store.models import Base


def _of_a_version() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["name", "version"], ["model_version.name", "model_version.version"]
    )


class RegisteredModel(Base):
    """A name with its versions."""

    __tablename__ = "model"

    name: Mapped[str] = mapped_column(primary_key=True)
    created: Mapped[str]


class ModelVersion(Base):
    """One model by its content; context and trained_on are None where nobody knows them."""

    __tablename__ = "model_version"

    name: Mapped[str] = mapped_column(ForeignKey("model.name"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sha256: Mapped[str] = mapped_column(index=True)
    fit_id: Mapped[str | None] = mapped_column(ForeignKey("fit.id"), index=True)
    method: Mapped[str]
    method_version: Mapped[int]
    config: Mapped[dict[str, Any]]
    context: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    dataset: Mapped[str]
    split: Mapped[int]
    seed: Mapped[int] = mapped_column(BigInteger)
    source: Mapped[str] = mapped_column(Text)
    licence: Mapped[str] = mapped_column(Text)
    trained_on: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    trained_on_is_all: Mapped[bool]
    created: Mapped[str]
    deleted: Mapped[str | None]


class ModelAlias(Base):
    """A name for a version that can be moved to another."""

    __tablename__ = "model_alias"
    __table_args__ = (_of_a_version(),)

    name: Mapped[str] = mapped_column(primary_key=True)
    alias: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]


class ModelAliasMove(Base):
    """One move of an alias: from nowhere at first, to nowhere where it is removed."""

    __tablename__ = "model_alias_move"

    id: Mapped[int] = mapped_column(primary_key=True)  # the order of the moves
    name: Mapped[str] = mapped_column(ForeignKey("model.name"))
    alias: Mapped[str]
    from_version: Mapped[int | None]
    to_version: Mapped[int | None]
    reason: Mapped[str] = mapped_column(Text)
    created: Mapped[str]


class ModelTag(Base):
    """A word of the user's on a version."""

    __tablename__ = "model_tag"
    __table_args__ = (_of_a_version(),)

    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(Text)
