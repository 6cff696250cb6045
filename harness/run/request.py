"""What a user asks of `harness run`, and the method's config that it amounts to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import ValidationError

from harness.errors import UnknownName, UsageError
from harness.types import MethodConfig, MethodSpec, Recipe

DEFAULT_RECIPE = "quick"


@dataclass(frozen=True, slots=True)
class RunRequest:
    """The options of `harness run`.

    Attributes:
        plugin: Key of the method.
        dataset: Key of the data set.
        recipe: Name of a recipe of the method.
        settings: `key=value` pairs that override the recipe.
        trials: How many trials, splits first, then seeds; None is the recipe's.
        seed: Of the first trial.
        weights: `auto`, `imagenet`, `none`, a file or the address of a model; None is the
            environment's default.
        device: `auto`, `cpu` or `cuda`.
        precision: `auto`, `float32` or `bf16`.
        fresh: Train anew, even where a fit of the same key is done or interrupted.
        protocol: Key of a protocol of the data set; None is its default.
    """

    plugin: str
    dataset: str
    recipe: str = DEFAULT_RECIPE
    settings: Sequence[str] = ()
    trials: int | None = None
    seed: int = 0
    weights: str | None = None
    device: str = "auto"
    precision: str = "auto"
    fresh: bool = False
    protocol: str | None = None


def choose_recipe(spec: MethodSpec, name: str) -> Recipe:
    """Return the recipe of that name, or raise UnknownName with the nearest."""
    if name not in spec.recipes:
        raise UnknownName(f"recipe of {spec.key!r}", name, spec.recipes)
    return spec.recipes[name]


def build_config(spec: MethodSpec, recipe: Recipe, settings: Sequence[str]) -> MethodConfig:
    """Return the method's config: defaults, then the recipe, then `key=value` settings.

    Raises:
        UnknownName: If a key is none of the config's.
        UsageError: If a setting is no `key=value`, a value does not fit its key, or the settings
            do not fit each other.
    """
    values = {**recipe.values, **_parse_settings(spec, settings)}
    try:
        return spec.config(**values)
    except ValidationError as error:
        raise _refusal(spec, recipe, settings, error) from error


def describe_narrowing(spec: MethodSpec, recipe: Recipe, config: MethodConfig) -> str:
    """Return what a row must say of its training: the recipe's narrowing and each override."""
    plain = spec.config(**recipe.values)
    changed = [
        f"{name}={getattr(config, name)}"
        for name in type(config).model_fields
        if getattr(config, name) != getattr(plain, name)
    ]
    return "; ".join(part for part in (recipe.narrowed, ", ".join(changed)) if part)


def _refusal(
    spec: MethodSpec, recipe: Recipe, settings: Sequence[str], error: ValidationError
) -> UsageError:
    """Return what to say of the first error: of one key, or of settings that exclude each other."""
    first = error.errors()[0]
    reason = first["msg"].removeprefix("Value error, ")
    if first["loc"]:
        key = ".".join(str(part) for part in first["loc"])
        return UsageError(
            f"{key}={first['input']!r} does not fit {spec.key!r}: {reason}.",
            f"See the settings with `harness plugins list --json`, or drop `--set {key}=...`.",
        )
    given = " ".join(f"--set {setting}" for setting in settings)
    return UsageError(
        f"These settings do not fit {spec.key!r}: {reason}.",
        f"Change or drop some of `{given}`."
        if given
        else f"None was given: correct the recipe {recipe.name!r}, or choose another.",
    )


def _parse_settings(spec: MethodSpec, settings: Sequence[str]) -> Mapping[str, Any]:
    values: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise UsageError(f"{setting!r} is no setting.", "Write `--set key=value`.")
        if key not in spec.config.model_fields:
            raise UnknownName(f"setting of {spec.key!r}", key, spec.config.model_fields)
        try:
            values[key] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise UsageError(
                f"The value of {key} is not YAML: {text!r}.", "Write a number, a word or a list."
            ) from error
    return values
