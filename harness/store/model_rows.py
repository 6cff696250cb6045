"""Rows of the model registry: found, made and turned into views, within a session."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from harness.errors import UnknownName, UsageError
from harness.store.drafts import now
from harness.store.model_tables import (
    ModelAlias,
    ModelAliasMove,
    ModelTag,
    ModelVersion,
    RegisteredModel,
)
from harness.store.reading import shared_values
from harness.store.versions import ModelVersionView, VersionDraft
from harness.types.address import ModelAddress

IN_ORDER = (ModelVersion.name, ModelVersion.version)
LISTING = "harness models list"


def address_of(row: ModelVersion) -> ModelAddress:
    """Return the address of a version."""
    return ModelAddress.of(row.name, row.version)


def new_version(session: Session, draft: VersionDraft, sha256: str) -> ModelVersion:
    """Add a version under the next number of its name."""
    if session.get(RegisteredModel, draft.name) is None:
        session.add(RegisteredModel(name=draft.name, created=now()))
        session.flush()
    newest = select(func.max(ModelVersion.version)).where(ModelVersion.name == draft.name)
    row = ModelVersion(
        **asdict(draft), version=(session.scalar(newest) or 0) + 1, sha256=sha256, created=now()
    )
    session.add(row)
    session.flush()
    return row


def complete(row: ModelVersion, draft: VersionDraft) -> None:
    """Add what nobody knew of a version when it was registered."""
    for name in ("context", "trained_on", "trained_on_is_all", "source", "licence"):
        setattr(row, name, getattr(draft, name))


def check_known(session: Session, name: str) -> None:
    """Raise UnknownName if there is no model of a name."""
    if session.get(RegisteredModel, name) is None:
        known = session.scalars(select(RegisteredModel.name)).all()
        raise UnknownName("model", name, known, LISTING if known else None)


def find_or_raise(session: Session, address: ModelAddress) -> ModelVersion:
    """Return the version that an address names.

    Raises:
        UnknownName: If there is no such model, alias or version.
        UsageError: If the address names no version, or one that was deleted.
    """
    name, version = address.name, address.version
    check_known(session, name)
    if address.alias is not None:
        version = find_or_raise_alias(session, name, address.alias).version
    if version is None:
        raise _no_version(session, name)
    row = session.get(ModelVersion, (name, version))
    if row is None:
        numbers = session.scalars(select(ModelVersion.version).filter_by(name=name))
        raise UnknownName(f"version of {name!r}", str(version), map(str, numbers))
    if row.deleted is not None:
        raise UsageError(
            f"{address_of(row)} was deleted on {row.deleted[:10]}.",
            f"Give another version; see `{LISTING} {name}`.",
        )
    return row


def find_or_raise_alias(session: Session, name: str, alias: str) -> ModelAlias:
    """Return an alias of a model.

    Raises:
        UnknownName: If there is no such model or alias.
    """
    check_known(session, name)
    pointer = session.get(ModelAlias, (name, alias))
    if pointer is None:
        raise UnknownName(f"alias of {name!r}", alias, aliases_of(session, name))
    return pointer


def check_points_at(session: Session, pointer: ModelAlias, address: ModelAddress) -> None:
    """Check that an alias points at what an address names; a name alone fits every version.

    Raises:
        UnknownName: If the address names nothing.
        UsageError: If it names another version.
    """
    if address.alias is None and address.version is None:
        return
    row = find_or_raise(session, address)
    if row.version != pointer.version:
        there = ModelAddress.of(pointer.name, pointer.version)
        raise UsageError(
            f"{pointer.alias!r} points at {there}, not at {address_of(row)}.",
            f"Give {there}, if that is what was meant.",
        )


def refuse_aliased(session: Session, row: ModelVersion) -> None:
    """Raise UsageError if an alias points at a version."""
    aliases = views(session, [row])[0].aliases
    if aliases:
        raise UsageError(
            f"{address_of(row)} is what {', '.join(map(repr, aliases))} points at.",
            f"Move the alias first: `harness models alias ADDRESS {aliases[0]} --reason ...`, or "
            "remove it with `--remove`.",
        )


def aliases_of(session: Session, name: str) -> dict[str, int]:
    """Return the aliases of a model, sorted, with the version that each points at."""
    rows = session.scalars(select(ModelAlias).filter_by(name=name).order_by(ModelAlias.alias))
    return {row.alias: row.version for row in rows}


def _no_version(session: Session, name: str) -> UsageError:
    aliases = [f"@{alias} ({version})" for alias, version in aliases_of(session, name).items()]
    live = select(ModelVersion.version).filter_by(name=name, deleted=None)
    newest = session.scalar(live.order_by(ModelVersion.version.desc()))
    return UsageError(
        f"models:/{name} names no version.",
        f"Give one of its aliases: {', '.join(aliases) or 'it has none'}; or a version"
        + (f", such as models:/{name}/{newest}." if newest else "; all are deleted."),
    )


def is_needed(session: Session, sha256: str) -> bool:
    """Say whether a version that is not deleted is this file, or its method is built with it."""
    for row in session.scalars(select(ModelVersion).where(ModelVersion.deleted.is_(None))):
        if sha256 == row.sha256 or sha256 in _built_with(row.context):
            return True
    return False


def _built_with(context: Any) -> Collection[str]:
    """Return the SHA-256 of each model that a method was built with, of whatever form it is."""
    models = context.get("models") if isinstance(context, dict) else None
    return models.values() if isinstance(models, dict) else ()


def move(
    name: str, alias: str, versions: tuple[int | None, int | None], reason: str
) -> ModelAliasMove:
    """Return the row of one move, from a version to a version."""
    return ModelAliasMove(
        name=name,
        alias=alias,
        from_version=versions[0],
        to_version=versions[1],
        reason=reason,
        created=now(),
    )


def views(session: Session, rows: Sequence[ModelVersion]) -> list[ModelVersionView]:
    """Return versions with their aliases and tags, in the order given."""
    names = {row.name for row in rows}
    aliases: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    tags: defaultdict[tuple[str, int], dict[str, str]] = defaultdict(dict)
    for pointer in session.scalars(select(ModelAlias).where(ModelAlias.name.in_(names))):
        aliases[pointer.name, pointer.version].append(pointer.alias)
    for tag in session.scalars(select(ModelTag).where(ModelTag.name.in_(names))):
        tags[tag.name, tag.version][tag.key] = tag.value
    computed = ("trained_on", "aliases", "tags")
    return [
        ModelVersionView(
            **shared_values(row, ModelVersionView, but=computed),
            trained_on=None if row.trained_on is None else tuple(row.trained_on),
            aliases=tuple(sorted(aliases[row.name, row.version])),
            tags=dict(sorted(tags[row.name, row.version].items())),
        )
        for row in rows
    ]
