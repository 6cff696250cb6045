"""A model file that describes itself: a safetensors file with all that its method is built from.

The file is eight bytes with the length of its header, the header as JSON, and the bytes of the
tensors (https://github.com/huggingface/safetensors#format). The library writes metadata in another
order each time; here they are sorted, so that equal models are equal files.

A checksum stands in the metadata: the SHA-256 of the header without it, as sorted JSON, and then of
the tensors. It tells a file in which a tensor, its name or a word of the description was changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, Json, StringConstraints, ValidationError
from safetensors import SafetensorError, safe_open

from harness.errors import WeightsError
from harness.store.versions import ModelDescription
from harness.types.address import NAME

CONTENT_SHA256 = "content_sha256"
METADATA = "__metadata__"
_LENGTH = 8  # bytes that hold the length of the header
_CHUNK = 1 << 20  # bytes that are hashed at once
_TEXTS = ("method", "dataset", "source", "licence")
_OTHERS = tuple(field.name for field in fields(ModelDescription) if field.name not in _TEXTS)

_Key = Annotated[str, StringConstraints(pattern=rf"^{NAME}$")]
_Count = Annotated[int, Field(ge=0, lt=2**31, strict=True)]
_Seed = Annotated[int, Field(ge=-(2**63), lt=2**63, strict=True)]
_Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_Identity = Annotated[str, StringConstraints(pattern=rf"^{NAME}:[0-9]+$")]


class _Context(BaseModel):
    """What a method was built with."""

    model_config = ConfigDict(extra="forbid")

    identities: _Count
    images: _Count
    cameras: _Count
    models: dict[str, _Sha256] = {}


class _Metadata(BaseModel):
    """The description as the metadata have it: texts as they are, all else as JSON."""

    method: _Key
    method_version: Json[_Count]
    config: Json[dict[str, Any]]
    context: Json[_Context | None]
    dataset: _Key
    split: Json[_Count]
    seed: Json[_Seed]
    source: str
    licence: str
    trained_on: Json[tuple[_Identity, ...] | None]
    trained_on_is_all: Json[Annotated[bool, Field(strict=True)]]


def describe_file(content: bytes, description: ModelDescription) -> bytes:
    """Return a safetensors file with a description as its metadata, in place of what it had."""
    start = _LENGTH + int.from_bytes(content[:_LENGTH], "little")
    header = json.loads(content[_LENGTH:start])
    tensors = memoryview(content)[start:]
    metadata = {name: getattr(description, name) for name in _TEXTS}
    metadata |= {name: _as_json(getattr(description, name)) for name in _OTHERS}
    digest = hashlib.sha256(_unsealed(header | {METADATA: metadata}))
    digest.update(tensors)
    header[METADATA] = dict(sorted((metadata | {CONTENT_SHA256: digest.hexdigest()}).items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _LENGTH)  # the format asks for an aligned header
    return len(text).to_bytes(_LENGTH, "little") + text + tensors


def has_description(path: Path) -> bool:
    """Say whether a safetensors file describes itself.

    Raises:
        WeightsError: If it cannot be read.
    """
    return CONTENT_SHA256 in _read_metadata(path)


def read_description(path: Path) -> ModelDescription:
    """Return what a model file says of itself, after its checksum was compared.

    Raises:
        WeightsError: If it cannot be read, is no model file of this harness, was changed, or says
            something that is of no known form.
    """
    metadata = _read_metadata(path)
    if CONTENT_SHA256 not in metadata:
        raise WeightsError(
            f"{path.name} does not say what method and configuration it belongs to.",
            f"To start a fit from it, give `--weights {path}`; to register a model, give a file of "
            "`harness models export --format safetensors`.",
        )
    if _hash_content(path) != metadata[CONTENT_SHA256]:
        raise WeightsError(
            f"{path.name} is not as it was exported: its tensors or its description were changed.",
            "Get a whole copy of the file, or export it again.",
        )
    try:
        said = _Metadata.model_validate(dict(metadata))
    except ValidationError as error:
        problem = error.errors()[0]
        raise WeightsError(
            f"The description in {path.name} cannot be read: "
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}.",
            "Export the model again with this version.",
        ) from error
    return ModelDescription(**said.model_dump(exclude_unset=True))


def _as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _unsealed(header: Mapping[str, Any]) -> bytes:
    """Return a header as it is hashed: as sorted JSON, without the checksum."""
    metadata = {k: v for k, v in header[METADATA].items() if k != CONTENT_SHA256}
    return json.dumps({**header, METADATA: metadata}, sort_keys=True).encode()


def _read_metadata(path: Path) -> Mapping[str, str]:
    try:
        with safe_open(path, "np") as file:
            return file.metadata() or {}
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise WeightsError(
            f"{path} cannot be read as a safetensors file: {reason}.",
            "Give a file of `harness models export --format safetensors`.",
        ) from error


def _hash_content(path: Path) -> str:
    """Return what the checksum of a file that describes itself should be."""
    with path.open("rb") as stream:
        header = stream.read(int.from_bytes(stream.read(_LENGTH), "little"))
        digest = hashlib.sha256(_unsealed(json.loads(header)))
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
