"""The model registry: names, their versions, and aliases that move.

The contract:

- A version never changes. Its number is given once, even where it was deleted.
- Its file lies among the artifacts, by its SHA-256, for as long as a version needs it.
- An alias points at one version. Each move is kept with its reason.
- Each call is one transaction, so that of two processes that move one alias, one comes first and
  the history has both.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from harness.errors import IntegrityError, UnknownName, UsageError, WeightsError
from harness.store import artifacts, model_rows, models
from harness.store.database import Database
from harness.store.drafts import ProtocolInfo, now
from harness.store.locks import Locks
from harness.store.model_file import read_description
from harness.store.model_rows import address_of, find_or_raise, views
from harness.store.model_tables import ModelAlias, ModelAliasMove, ModelTag, ModelVersion
from harness.store.reading import fit_view, protocol_info, score_view, shared_values
from harness.store.versions import (
    AliasMove,
    ModelVersionView,
    VersionDraft,
    check_key,
    check_name,
    model_name,
)
from harness.store.views import FitView, ScoreView
from harness.types.address import ModelAddress

FILE = "model.safetensors"


class ModelRegistry:
    """The models of a store; see the module's docstring for its contract.

    Args:
        database: Of the store.
        folder: Where the artifacts lie.
        locks: Of the fits.
    """

    def __init__(self, database: Database, folder: Path, locks: Locks) -> None:
        self._database = database
        self._folder = folder
        self._locks = locks

    def add(self, draft: VersionDraft, file: Path) -> ModelVersionView:
        """Register the model of a fit, or return the version that the fit has.

        Of a fit that is older than the registry, what nobody knew is added to its version.

        Args:
            draft: What it is.
            file: Its file; the registry keeps a copy.
        """
        with self._database.writing() as session:
            query = (
                select(ModelVersion)
                .order_by(*model_rows.IN_ORDER)
                .filter_by(fit_id=draft.fit_id, name=draft.name)
            )
            row = session.scalar(query)
            if row is None:
                row = self._register(session, draft, file)
            elif row.context is None:
                model_rows.complete(row, draft)
            return views(session, [row])[0]

    def import_(self, file: Path, *, name: str | None = None) -> ModelVersionView:
        """Register a model file that describes itself; a second time changes nothing.

        A fit of the store that left the same file, one of an imported bundle for instance, becomes
        its lineage.

        Args:
            file: Written by `harness models export --format safetensors`.
            name: Of the model; `<method>-<dataset>` where None.

        Raises:
            WeightsError: If it cannot be read, does not describe itself, or was changed.
            UsageError: If the name is none.
        """
        description = read_description(file)
        name = check_name(name or model_name(description.method, description.dataset))
        sha256 = artifacts.hash_file(file)
        with self._database.writing() as session:
            row = session.scalar(
                select(ModelVersion)
                .order_by(*model_rows.IN_ORDER)
                .filter_by(name=name, sha256=sha256, deleted=None)
            )
            if row is None:
                fits = select(models.Fit.id).filter_by(model_sha256=sha256)
                fit_id = session.scalar(fits.order_by(models.Fit.created))
                draft = VersionDraft(**asdict(description), name=name, fit_id=fit_id)
                row = self._register(session, draft, file)
            return views(session, [row])[0]

    def _register(self, session: Session, draft: VersionDraft, file: Path) -> ModelVersion:
        """Keep a file and make a version of it, in one transaction with whoever deletes."""
        kept = artifacts.keep_file(self._folder, "model", file, name=FILE)
        if draft.fit_id is not None:
            artifacts.add_artifact(session, replace(kept, fit_id=draft.fit_id))
        return model_rows.new_version(session, draft, kept.sha256)

    def where(self, name: str | None = None) -> list[ModelVersionView]:
        """Return the versions of a model, or of all, by name and number, deleted ones too.

        Raises:
            UnknownName: If there is no model of that name.
        """
        query = select(ModelVersion).order_by(*model_rows.IN_ORDER)
        with self._database.reading() as session:
            if name is not None:
                model_rows.check_known(session, name)
                query = query.where(ModelVersion.name == name)
            return views(session, session.scalars(query).all())

    def find_of_fit(self, fit_id: str) -> ModelVersionView | None:
        """Return the version that a fit left, deleted or not, or None."""
        with self._database.reading() as session:
            row = session.scalar(
                select(ModelVersion)
                .order_by(*model_rows.IN_ORDER)
                .where(ModelVersion.fit_id == fit_id)
            )
            return None if row is None else views(session, [row])[0]

    def find_or_raise(self, address: ModelAddress) -> ModelVersionView:
        """Return the version that an address names.

        Raises:
            UnknownName: If there is no such model, alias or version.
            UsageError: If the address names no version, or one that was deleted.
        """
        with self._database.reading() as session:
            return views(session, [find_or_raise(session, address)])[0]

    def find_file(self, sha256: str) -> Path | None:
        """Return where the file of a model lies, or None where it is not on this machine.

        To read it, ask for `find_sound_file`.
        """
        place = artifacts.place_of(self._folder, sha256, FILE)
        return place if place.is_file() else None

    def find_sound_file(self, sha256: str) -> Path | None:
        """Return where the file of a model lies, compared with its SHA-256, or None.

        Raises:
            IntegrityError: If it was changed.
        """
        file = self.find_file(sha256)
        if file is not None and artifacts.hash_file(file) != sha256:
            raise IntegrityError(
                f"The model file {file} was changed: it is not {sha256[:12]} any more.",
                "Remove it, and import the model again with `harness models import FILE`, or "
                "train it again with `--fresh`.",
            )
        return file

    def find_file_or_raise(self, version: ModelVersionView) -> Path:
        """Return where the file of a version lies, compared with its SHA-256.

        Raises:
            WeightsError: If it is not on this machine.
            IntegrityError: If it was changed.
        """
        file = self.find_sound_file(version.sha256)
        if file is None:
            raise WeightsError(
                f"The file of {version.address} is not on this machine "
                f"({version.sha256[:12]} under {self._folder}).",
                "Import it with `harness models import FILE`, or train it again with `--fresh`.",
            )
        return file

    def move_alias(self, address: ModelAddress, alias: str, reason: str) -> ModelVersionView:
        """Let an alias point at a version, and note why.

        Raises:
            UnknownName: If there is no such version.
            UsageError: If it points there already, or the alias is none.
        """
        check_name(alias, alias=True)
        with self._database.writing() as session:
            row = find_or_raise(session, address)
            pointer = session.get(ModelAlias, (row.name, alias))
            if pointer is not None and pointer.version == row.version:
                raise UsageError(
                    f"{alias!r} points at {address_of(row)} already.", "Give another version."
                )
            before = None if pointer is None else pointer.version
            session.merge(ModelAlias(name=row.name, alias=alias, version=row.version))
            session.add(model_rows.move(row.name, alias, (before, row.version), reason))
            session.flush()
            return views(session, [row])[0]

    def remove_alias(self, address: ModelAddress, alias: str, reason: str) -> None:
        """Remove an alias, and note why.

        Args:
            address: Of the model, or of the version that the alias points at.
            alias: The alias.
            reason: Why.

        Raises:
            UnknownName: If there is no such model, version or alias.
            UsageError: If the address is of another version.
        """
        with self._database.writing() as session:
            pointer = model_rows.find_or_raise_alias(session, address.name, alias)
            model_rows.check_points_at(session, pointer, address)
            moved = (pointer.version, None)
            session.add(model_rows.move(pointer.name, alias, moved, reason))
            session.delete(pointer)

    def where_moves(self, name: str) -> list[AliasMove]:
        """Return the moves of a model's aliases, the oldest first."""
        table = ModelAliasMove
        with self._database.reading() as session:
            rows = session.scalars(select(table).filter_by(name=name).order_by(table.id))
            return [AliasMove(**shared_values(row, AliasMove)) for row in rows]

    def set_tag(self, address: ModelAddress, key: str, value: str) -> ModelVersionView:
        """Write a word on a version, over what it said before.

        Raises:
            UsageError: If the key is none.
        """
        check_key(key)
        with self._database.writing() as session:
            row = find_or_raise(session, address)
            session.merge(ModelTag(name=row.name, version=row.version, key=key, value=value))
            session.flush()
            return views(session, [row])[0]

    def remove_tag(self, address: ModelAddress, key: str) -> ModelVersionView:
        """Take a word off a version.

        Raises:
            UnknownName: If it has no such tag.
        """
        with self._database.writing() as session:
            row = find_or_raise(session, address)
            tag = session.get(ModelTag, (row.name, row.version, key))
            if tag is None:
                tags = views(session, [row])[0].tags
                raise UnknownName(f"tag of {address_of(row)}", key, tags)
            session.delete(tag)
            session.flush()
            return views(session, [row])[0]

    def delete(self, address: ModelAddress) -> bool:
        """Mark a version as deleted, and remove its file where no other version needs it.

        Returns:
            Whether the file went.

        Raises:
            UsageError: If an alias points at it.
        """
        with self._database.writing() as session:
            row = find_or_raise(session, address)
            model_rows.refuse_aliased(session, row)
            row.deleted = now()
            session.flush()
            file = artifacts.place_of(self._folder, row.sha256, FILE)
            needed = model_rows.is_needed(session, row.sha256)
            if not needed:  # within the transaction, so that nobody registers it meanwhile
                file.unlink(missing_ok=True)
            return not needed

    def find_fit(self, version: ModelVersionView) -> FitView | None:
        """Return the fit that left a version, or None where it is not in this store."""
        with self._database.reading() as session:
            row = session.get(models.Fit, version.fit_id) if version.fit_id else None
            return None if row is None else fit_view(row, self._locks)

    def where_scores(self, version: ModelVersionView) -> list[tuple[ScoreView, ProtocolInfo]]:
        """Return the done scores of the fit of a version, each with its protocol, oldest first."""
        table = models.Score
        query = select(table).where(table.fit_id == version.fit_id, table.status == "done")
        with self._database.reading() as session:
            rows = session.scalars(query.order_by(table.created, table.id)).all()
            protocols = [session.get_one(models.Protocol, row.protocol_id) for row in rows]
            return [
                (score_view(row), protocol_info(protocol))
                for row, protocol in zip(rows, protocols, strict=True)
            ]
