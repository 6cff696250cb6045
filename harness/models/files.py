"""A trained model as one safetensors file: the networks of a method, by name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from harness.errors import WeightsError
from harness.models.strict import fitted
from harness.store.model_file import describe_file
from harness.store.versions import ModelDescription


def save_model(
    networks: Mapping[str, nn.Module], path: Path, description: ModelDescription
) -> None:
    """Write the networks to a file, whole or not at all; equal models are equal files.

    Args:
        networks: By name; a parameter's key is `<network>.<parameter>`.
        path: The file.
        description: What it is, for its metadata.
    """
    tensors = {key: value.detach().cpu().contiguous() for key, value in _state(networks).items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(describe_file(save(tensors), description))
    draft.replace(path)


def load_state(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a model file by `<network>.<parameter>`.

    Raises:
        WeightsError: If it cannot be read.
    """
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"The model file {path} cannot be read: {error}.",
            "Import it again with `harness models import FILE`, or train it with `--fresh`.",
        ) from error
    return tensors


def load_model(networks: Mapping[str, nn.Module], path: Path) -> None:
    """Load a model that `save_model` wrote into networks of the same shape, strictly.

    Raises:
        WeightsError: If it cannot be read or does not fit; nothing is loaded in part.
    """
    state = fitted(
        load_state(path),
        _state(networks),
        title=f"The model {path.stem[:12]} does not fit its method",
        advice="Build the method with the configuration that the model was trained with.",
    )
    for name, network in networks.items():
        network.load_state_dict(part_of(state, name), strict=True)


def part_of(state: Mapping[str, Tensor], network: str) -> dict[str, Tensor]:
    """Return the tensors of one network of a model, by parameter."""
    prefix = f"{network}."
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def _state(networks: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    return {
        f"{name}.{key}": value
        for name, network in networks.items()
        for key, value in network.state_dict().items()
    }
