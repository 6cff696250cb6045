"""The spec of a method: models that its config names are found, or refused where they are not."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import BaseModel, Field, ValidationError

from harness.errors import PluginError
from harness.run.registered import names_models
from harness.types import MethodConfig, MethodSpec, ModelAddress

TEACHER = "models:/teacher/1"


class Plain(MethodConfig):
    """Names no model."""

    note: str = TEACHER


class Required(MethodConfig):
    """Names a model that has to be given."""

    teacher: ModelAddress


class Optional(MethodConfig):
    """Names a model or none."""

    teacher: Annotated[ModelAddress | None, Field(description="Of whom it learns.")] = None


class Default(MethodConfig):
    """Names a model unless another is given."""

    teacher: ModelAddress = TEACHER  # type: ignore[assignment]  # as the author of a plugin would


class Several(MethodConfig):
    """Names models where nobody looks for them."""

    teachers: tuple[ModelAddress, ...] = ()


class ByName(MethodConfig):
    """The same, by name."""

    teachers: dict[str, ModelAddress] = Field(default_factory=dict)


class Either(MethodConfig):
    """A text that may be an address."""

    teacher: ModelAddress | str = ""


class Part(BaseModel):
    """A part of a config."""

    teacher: ModelAddress | None = None


class Deep(MethodConfig):
    """The same, in a part."""

    part: Part | None = None


def spec(config: type[MethodConfig]) -> MethodSpec:
    """Return a spec with a config."""
    return MethodSpec(
        key="pupil",
        title="Pupil",
        summary="Learns.",
        method_version=1,
        config=config,
        recipes={},
        method="pupil:Pupil",
    )


def test_models_are_found():
    """A model is found whether it was given or is the default."""
    assert names_models(Default())
    assert names_models(Required(teacher=ModelAddress(TEACHER)))
    assert names_models(Optional.model_validate({"teacher": TEACHER}))
    assert not names_models(Optional())
    assert not names_models(Plain())


@pytest.mark.parametrize("config", [MethodConfig, Plain, Required, Optional, Default])
def test_of_a_known_form(config):
    """A setting that is one address, or none, is what a spec may have."""
    assert spec(config).config is config


@pytest.mark.parametrize("config", [Several, ByName, Either, Deep])
def test_hidden_models(config):
    """A setting in which an address would not be found is refused when the spec is made."""
    with pytest.raises(PluginError, match=r"'pupil'.*setting '(teachers?|part)'.*ModelAddress"):
        spec(config)


def test_defaults_are_checked():
    """A default that is no value of its setting is refused as a value would be."""

    class Faulty(MethodConfig):
        teacher: ModelAddress = "best"  # type: ignore[assignment]  # the mistake that is tested

    with pytest.raises(ValidationError, match="'best' is not the address of a model"):
        Faulty()
