"""The address of a registered model: `models:/NAME@ALIAS` or `models:/NAME/VERSION`.

An alias can be moved, a version cannot change; so what is stored of a run names the version.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Self, get_args

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from harness.errors import PluginError, UsageError

SCHEME = "models:/"
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
"""The form of the name of a model."""

ALIAS = r"[A-Za-z][A-Za-z0-9._-]*"
"""The form of an alias; it cannot be taken for the number of a version."""

_ADDRESS = re.compile(rf"{SCHEME}({NAME})(?:@({ALIAS})|/([1-9][0-9]{{0,8}}))?")


class ModelAddress(str):
    """The address of a registered model; as the type of a config's field, a model that a fit uses.

    The tensors of such a model are in `FitContext.models` under the name of the field.

    >>> address = ModelAddress("models:/baseline-hr-caviar@best")
    >>> address.name, address.alias, address.version
    ('baseline-hr-caviar', 'best', None)

    Raises:
        UsageError: If the text is no address.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Check the form; only a store knows whether there is such a model."""
        if not _ADDRESS.fullmatch(text):
            raise UsageError(
                f"{text!r} is not the address of a model.",
                "Write models:/NAME@ALIAS or models:/NAME/VERSION; see `harness models list`.",
            )
        return super().__new__(cls, text)

    @classmethod
    def of(cls, name: str, version: int) -> Self:
        """Return the address of a version."""
        return cls(f"{SCHEME}{name}/{version}")

    @property
    def name(self) -> str:
        """The name of the model."""
        return self._part(1)

    @property
    def alias(self) -> str | None:
        """The alias, or None where there is none."""
        return self._part(2) or None

    @property
    def version(self) -> int | None:
        """The number of the version, or None where there is none."""
        return int(self._part(3)) if self._part(3) else None

    def _part(self, group: int) -> str:
        return _ADDRESS.sub(rf"\g<{group}>", self)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: Any, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(_validated, core_schema.str_schema())


def _validated(text: str) -> ModelAddress:
    """Return an address, or raise what pydantic takes for a value that does not fit."""
    try:
        return ModelAddress(text)
    except UsageError as error:
        raise ValueError(error.what.rstrip(".")) from error


def is_address(text: str) -> bool:
    """Say whether a text means a registered model, be it well written or not."""
    return text.startswith("models:")


def refuse_hidden_addresses(config: type[BaseModel], method: str) -> None:
    """Refuse a method whose config holds addresses where nobody looks for them.

    A model is found in a field of the type `ModelAddress` or `ModelAddress | None`: not in one
    that is a list of them, for instance, or a part with fields of its own.

    Raises:
        PluginError: If a field of another type may hold an address.
    """
    for name, field in config.model_fields.items():
        type_ = field.annotation
        if type_ not in (ModelAddress, ModelAddress | None) and _mentions(type_, ()):
            raise PluginError(
                f"The config of {method!r} has addresses of models within the setting {name!r}, "
                "where they are not looked for.",
                "Give each model a field of its own, of type ModelAddress or ModelAddress | None.",
            )


def _mentions(type_: Any, within: Collection[Any]) -> bool:
    """Say whether a value of a type may hold an address; `within` are the parts it is in."""
    parts = get_args(type_)
    if isinstance(type_, type) and issubclass(type_, ModelAddress):
        return True
    if isinstance(type_, type) and issubclass(type_, BaseModel) and type_ not in within:
        parts = tuple(field.annotation for field in type_.model_fields.values())
    return any(_mentions(part, (*within, type_)) for part in parts)
