"""The versions of registered models: what goes into the registry and what comes out of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import UsageError
from harness.types.address import ALIAS, NAME, ModelAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDescription:
    """What a model is and what it has seen: enough to build its method again without the data.

    Attributes:
        method: Key of the method.
        method_version: Its version.
        config: The full config.
        context: What the method was built with: `identities`, `images`, `cameras`, and `models`,
            the SHA-256 of each registered model that it used, by the field of the config; None
            where nobody knows.
        dataset: Key of the data set whose images it was trained on.
        split: Number of the split.
        seed: The seed.
        source: Where it comes from, in a sentence.
        licence: Under which terms the images and the initial weights were.
        trained_on: `dataset:pid` of the identities that it has seen, as far as they are known,
            those of its initial weights included; None where nobody knows.
        trained_on_is_all: Whether it has seen no other.
    """

    method: str
    method_version: int
    config: Mapping[str, Any]
    context: Mapping[str, Any] | None
    dataset: str
    split: int
    seed: int
    source: str
    licence: str
    trained_on: tuple[str, ...] | None
    trained_on_is_all: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionDraft(ModelDescription):
    """What a version will be.

    Attributes:
        name: Of the model.
        fit_id: The fit that left it; None where the file came from elsewhere.
    """

    name: str
    fit_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersionView(VersionDraft):
    """A version as it stands.

    Attributes:
        version: Its number, from 1.
        sha256: Of its file.
        created: When it was registered.
        deleted: When it was deleted, or None.
        aliases: That point at it, sorted.
        tags: The user's words on it, by key.
    """

    version: int
    sha256: str
    created: str
    deleted: str | None
    aliases: tuple[str, ...]
    tags: Mapping[str, str]

    @property
    def address(self) -> ModelAddress:
        """Its address, which means the same for ever."""
        return ModelAddress.of(self.name, self.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasMove:
    """One move of an alias.

    Attributes:
        alias: The alias.
        from_version: Where it pointed; None where it is new.
        to_version: Where it points since; None where it was removed.
        reason: Why, in the user's words.
        created: When.
    """

    alias: str
    from_version: int | None
    to_version: int | None
    reason: str
    created: str


def model_name(method: str, dataset: str) -> str:
    """Return the name under which the fits of a method on a data set are registered."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", f"{method}-{dataset}")


def check_name(name: str, *, alias: bool = False) -> str:
    """Return the name of a model, or of an alias, if it can stand in an address.

    Raises:
        UsageError: If it cannot.
    """
    if not re.fullmatch(ALIAS if alias else NAME, name):
        raise UsageError(
            f"{name!r} cannot be the name of {'an alias' if alias else 'a model'}.",
            "Use letters, digits, dots, - and _"
            + (", and begin with a letter." if alias else ", and begin with a letter or digit."),
        )
    return name


def check_key(key: str) -> str:
    """Return the key of a tag, if it can stand in a line of a table.

    Raises:
        UsageError: If it cannot.
    """
    if not re.fullmatch(NAME, key):
        raise UsageError(
            f"{key!r} cannot be the key of a tag.",
            "Use letters, digits, dots, - and _, and begin with a letter or digit.",
        )
    return key
