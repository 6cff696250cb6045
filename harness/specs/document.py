"""Reads a YAML document into a frozen pydantic model; every error names the file and the line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from harness.errors import UsageError

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C parser is some ten times faster


class Spec(BaseModel):
    """Base of everything that is read from a data file: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


S = TypeVar("S", bound=Spec)


def parse(text: str, origin: str, model: type[S]) -> S:
    """Return the document as a model.

    Args:
        text: One YAML document.
        origin: Where the text is from, for messages: a file's path or a plugin's name.
        model: What it must be.

    Raises:
        UsageError: If the text is not YAML, repeats a key, or is not what the model asks for.
    """
    try:
        loader = Loader(text)
        node = loader.get_single_node()
        value = loader.construct_document(node) if node else None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _refusal(origin, line, f"this is not YAML ({error.problem})") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _refusal(origin, line, f"this is not YAML ({error.reason})") from error
    _refuse_repeated_keys(node, origin)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _refusal(origin, _line(node, first["loc"]), _sentence(first)) from error


def _refuse_repeated_keys(node: yaml.Node | None, origin: str) -> None:
    """YAML lets the last of two equal keys win in silence; in a table that hides a number."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_repeated_keys(item, origin)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                line = key.start_mark.line + 1
                raise _refusal(origin, line, f"the key {key.value!r} is there twice")
            seen.add(key.value)
            _refuse_repeated_keys(value, origin)


def _line(node: yaml.Node | None, location: Sequence[int | str]) -> int:
    """Return the line of the deepest part of the location that is in the document."""
    line = node.start_mark.line if node else 0
    for part in location:
        child: yaml.Node | None = None
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            child = node.value[part]
            line = child.start_mark.line
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(part):
                    child, line = value, key.start_mark.line
        if child is None:
            break
        node = child
    return line + 1


def _sentence(error: ErrorDetails) -> str:
    key = error["loc"][-1] if error["loc"] else "document"
    if error["type"] == "extra_forbidden":
        return f"the key {key!r} is unknown"
    if error["type"] == "missing":
        return f"the key {key!r} is missing"
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "value_error":
        return message
    return f"{key!r} is {error['input']!r}: {message[:1].lower()}{message[1:]}"


def _refusal(origin: str, line: int, what: str) -> UsageError:
    return UsageError(f"{origin}, line {line}: {what}.", "Correct the file there.")
