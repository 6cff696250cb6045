"""The address of a registered model, as text and as the type of a setting."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from harness.errors import UsageError
from harness.types import ModelAddress, is_address


@pytest.mark.parametrize(
    ("text", "name", "alias", "version"),
    [
        ("models:/intact-caviar@best", "intact-caviar", "best", None),
        ("models:/a.b_c-1@v2.0", "a.b_c-1", "v2.0", None),
        ("models:/intact-caviar/12", "intact-caviar", None, 12),
        ("models:/a/999999999", "a", None, 999_999_999),
        ("models:/intact-caviar", "intact-caviar", None, None),
    ],
)
def test_parts(text, name, alias, version):
    """An address tells its name, and its alias or version; as text it is what was typed."""
    address = ModelAddress(text)

    assert (address.name, address.alias, address.version) == (name, alias, version)
    assert address == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "models:", "models:/", "models:/a@", "models:/a/0", "models:/a/x", "models:/a@3"),
        *("models:/a/1000000000", "models:/a/" + "9" * 5000),
        *("models:/a/1@best", "models:/a b@c", "models://a/1", "a@best", "models:/a@b\n"),
    ],
)
def test_no_address(text):
    """Anything else is refused, with the forms that there are."""
    with pytest.raises(UsageError, match=r"is not the address of a model.*NAME@ALIAS"):
        ModelAddress(text)


def test_of_a_version():
    """The address of a version names it by its number."""
    assert ModelAddress.of("a", 3) == "models:/a/3"


def test_setting():
    """A setting of this type takes an address, keeps it as text, and refuses anything else."""

    class Config(BaseModel):
        teacher: ModelAddress | None = None

    config = Config.model_validate({"teacher": "models:/a@best"})

    assert isinstance(config.teacher, ModelAddress)
    assert config.model_dump(mode="json") == {"teacher": "models:/a@best"}
    with pytest.raises(ValidationError, match=r"'best' is not the address of a model"):
        Config.model_validate({"teacher": "best"})


def test_what_is_meant_as_an_address():
    """A misspelt address is taken for one, so that it is refused as one and not as a file."""
    assert is_address("models:a")
    assert not is_address("models/a.pth")
