"""The promises of `harness.specs.document`."""

from __future__ import annotations

import pytest
from pydantic import ValidationError, model_validator

from harness.errors import UsageError
from harness.specs.document import Spec, parse


class Part(Spec):
    number: int


class Whole(Spec):
    name: str
    parts: tuple[Part, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Whole:
        if self.name == "bad":
            raise ValueError("the name is bad")
        return self


def refusal(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        parse(text, "some/file.yaml", Whole)
    return caught.value.what


def test_a_good_document_becomes_a_frozen_value() -> None:
    """A document that fits is returned, and cannot be changed."""
    whole = parse("name: a\nparts:\n  - number: 1\n  - {number: 2}\n", "x", Whole)
    assert whole == Whole(name="a", parts=(Part(number=1), Part(number=2)))
    with pytest.raises(ValidationError):
        whole.name = "b"  # type: ignore[misc]  # that it is refused is the promise


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: a\nparts:\n  - number: 1\n  - nummer: 2\n", "line 4: the key 'number' is missing"),
        ("name: a\ncolour: red\n", "line 2: the key 'colour' is unknown"),
        ("name: a\nparts:\n  - number: 1\n  - number: x\n", "line 4: 'number' is 'x'"),
        ("parts: []\n", "line 1: the key 'name' is missing"),
        ("name: bad\n", "line 1: the name is bad"),
        ("name: 9.25\n", "line 1: 'name' is 9.25: input should be a valid string"),
        ("name: a\nparts: [\n", "line 3: this is not YAML"),
        ("name: a\nname: b\n", "line 2: the key 'name' is there twice"),
        ("name: a\nparts:\n- number: 1\n  number: 2\n", "line 4: the key 'number' is there twice"),
        ("", "line 1: 'document' is None"),
        ("- a\n", "line 1: 'document' is"),
        ("name: a\x07\n", "this is not YAML"),
    ],
)
def test_an_error_names_file_line_and_reason(text: str, expected: str) -> None:
    """Whatever is wrong, the message has the file, the line and the reason."""
    what = refusal(text)
    assert what.startswith("some/file.yaml, line ")
    assert expected in what
