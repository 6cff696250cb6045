"""Checks of what a method says of itself: its settings, its recipes, its row in the paper."""

from __future__ import annotations

import json

from pydantic import ValidationError

from harness.specs import all_papers
from harness.testing.check import Broken, NotRun
from harness.testing.subjects import Subject
from harness.types import MethodConfig

RECIPES = ("tiny", "smoke", "quick")
"""What every method brings."""


def settings_are_strict(subject: Subject) -> str:
    """Look at the config: defaults, words for each key, frozen, unknown keys refused."""
    config = subject.method.config
    if not issubclass(config, MethodConfig):
        raise Broken(f"{config.__name__} is no MethodConfig")
    plain = config()
    silent = [name for name, field in config.model_fields.items() if not field.description]
    if silent:
        raise Broken(f"no word is said of what {', '.join(silent)} means")
    if _takes_unknown(config):
        raise Broken(f"{config.__name__} takes the unknown key nonsense_of_the_check")
    if not config.model_config.get("frozen"):
        raise Broken(f"a {config.__name__} can be changed after it was made")
    written = json.dumps(plain.model_dump(mode="json"))
    if config.model_validate_json(written) != plain:
        raise Broken(f"{config.__name__} is another one when it is read back from its JSON")
    return f"{len(config.model_fields)} settings"


def recipes_are_there(subject: Subject) -> str:
    """Look for the recipes that every method brings, and whether the config takes all of them."""
    spec = subject.method
    missing = [name for name in RECIPES if name not in spec.recipes]
    if missing:
        raise Broken(f"it has {', '.join(spec.recipes) or 'none'}, but no {', '.join(missing)}")
    for key, recipe in spec.recipes.items():
        if recipe.name != key:
            raise Broken(f"the recipe under {key!r} calls itself {recipe.name!r}")
        try:
            spec.config.model_validate(recipe.values)
        except ValidationError as error:
            first = error.errors()[0]
            at = ".".join(str(part) for part in first["loc"])
            raise Broken(f"recipe {key!r} sets {at or 'values'}: {first['msg']}") from error
    return ", ".join(spec.recipes)


def row_is_published(subject: Subject) -> str:
    """Look for the method's paper, and for its row in the paper's tables."""
    spec = subject.method
    if spec.paper is None:
        if spec.row is not None:
            raise Broken(f"it names the row {spec.row!r}, but no paper")
        raise NotRun("it names no paper, so no published number stands beside its own")
    papers = all_papers(subject.registry.papers)
    if spec.paper not in papers:
        raise Broken(f"there is no paper {spec.paper!r} among {', '.join(sorted(papers))}")
    if spec.row is None:
        return f"{spec.paper}, without a row of its own"
    tables = [t.key for t in papers[spec.paper].tables if spec.row in {row.name for row in t.rows}]
    if not tables:
        raise Broken(f"no table of {spec.paper!r} has the row {spec.row!r}")
    return f"{spec.paper}, {', '.join(tables)}, row {spec.row!r}"


def _takes_unknown(config: type[MethodConfig]) -> bool:
    try:
        config.model_validate({"nonsense_of_the_check": 1})
    except ValidationError:
        return False
    return True
