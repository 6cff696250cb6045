"""A model file that describes itself: a safetensors file with all that its method is built from.

The file is eight bytes with the length of its header, the header as JSON, and the bytes of the
tensors (https://github.com/huggingface/safetensors#format). The library writes metadata in another
order each time; here they are sorted, so that equal models are equal files. The SHA-256 of the
tensors stands in the metadata, and tells a file that was changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from harness.errors import WeightsError
from harness.store.versions import ModelDescription

TENSORS_SHA256 = "tensors_sha256"
_LENGTH = 8  # bytes that hold the length of the header
_TEXTS = ("method", "dataset", "source", "licence")
_OTHERS = tuple(field.name for field in fields(ModelDescription) if field.name not in _TEXTS)


def describe_file(content: bytes, description: ModelDescription) -> bytes:
    """Return a safetensors file with a description as its metadata, in place of what it had."""
    start = _LENGTH + int.from_bytes(content[:_LENGTH], "little")
    header = json.loads(content[_LENGTH:start])
    tensors = memoryview(content)[start:]
    metadata = {name: getattr(description, name) for name in _TEXTS}
    metadata |= {name: _as_json(getattr(description, name)) for name in _OTHERS}
    metadata[TENSORS_SHA256] = hashlib.sha256(tensors).hexdigest()
    header["__metadata__"] = dict(sorted(metadata.items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _LENGTH)  # the format asks for an aligned header
    return len(text).to_bytes(_LENGTH, "little") + text + tensors


def has_description(path: Path) -> bool:
    """Say whether a safetensors file describes itself.

    Raises:
        WeightsError: If it cannot be read.
    """
    return TENSORS_SHA256 in _read_metadata(path)


def read_description(path: Path) -> ModelDescription:
    """Return what a model file says of itself, after its tensors were checked.

    Raises:
        WeightsError: If it cannot be read, is no model file of this harness, or was changed.
    """
    metadata = _read_metadata(path)
    if not has_description(path):
        raise WeightsError(
            f"{path.name} does not say what method and configuration it belongs to.",
            f"To start a fit from it, give `--weights {path}`; to register a model, give a file of "
            "`harness models export --format safetensors`.",
        )
    if _hash_tensors(path) != metadata[TENSORS_SHA256]:
        raise WeightsError(
            f"The tensors of {path.name} are not those that were exported.",
            "Get a whole copy of the file, or export it again.",
        )
    try:
        values: dict[str, Any] = {name: metadata[name] for name in _TEXTS}
        values |= {name: json.loads(metadata[name]) for name in _OTHERS}
    except (KeyError, ValueError) as error:
        raise WeightsError(
            f"The description in {path.name} cannot be read: {error!r}.",
            "Export the model again with this version.",
        ) from error
    if values["trained_on"] is not None:
        values["trained_on"] = tuple(values["trained_on"])
    return ModelDescription(**values)


def _as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


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


def _hash_tensors(path: Path) -> str:
    with path.open("rb") as stream:
        stream.seek(int.from_bytes(stream.read(_LENGTH), "little"), 1)
        return hashlib.file_digest(stream, "sha256").hexdigest()
