"""A trained model as one safetensors file: the networks of a method, by name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import nn

from harness.errors import WeightsError


def save_model(
    networks: Mapping[str, nn.Module], folder: Path, metadata: Mapping[str, str]
) -> tuple[str, Path]:
    """Write the networks under `folder` by SHA-256, and return the digest and the file.

    Args:
        networks: By name; a parameter's key is `<network>.<parameter>`.
        folder: The artifacts folder.
        metadata: Stored in the file (strings only).
    """
    tensors = {
        f"{name}.{key}": value.detach().cpu().contiguous()
        for name, network in networks.items()
        for key, value in network.state_dict().items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f"draft-{os.getpid()}.safetensors"
    save_file(tensors, draft, dict(metadata))
    with draft.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    final = model_path(folder, digest)
    final.parent.mkdir(exist_ok=True)
    draft.replace(final)
    return digest, final


def model_path(folder: Path, digest: str) -> Path:
    """Return where the model of that SHA-256 lies under the artifacts folder."""
    return folder / digest[:2] / f"{digest}.safetensors"


def load_model(networks: Mapping[str, nn.Module], folder: Path, digest: str) -> None:
    """Load a model that `save_model` wrote into networks of the same shape, strictly.

    Raises:
        WeightsError: If the file is gone or does not fit.
    """
    path = model_path(folder, digest)
    if not path.is_file():
        raise WeightsError(
            f"The model {digest[:12]} is not on this machine ({path} is missing).",
            "Run the same command with `--fresh` to train it again.",
        )
    tensors = load_file(path)
    for name, network in networks.items():
        own = {
            k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(f"{name}.")
        }
        try:
            network.load_state_dict(own, strict=True)
        except RuntimeError as error:
            raise WeightsError(
                f"The model {digest[:12]} does not fit the network {name!r}: {error}.",
                "Run with the configuration that it was trained with.",
            ) from error
