"""A trained model as one safetensors file: the networks of a method, by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import nn

from harness.errors import WeightsError


def save_model(networks: Mapping[str, nn.Module], path: Path, metadata: Mapping[str, str]) -> None:
    """Write the networks to a file.

    Args:
        networks: By name; a parameter's key is `<network>.<parameter>`.
        path: The file.
        metadata: Stored in the file (strings only).
    """
    tensors = {
        f"{name}.{key}": value.detach().cpu().contiguous()
        for name, network in networks.items()
        for key, value in network.state_dict().items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, dict(metadata))


def load_model(networks: Mapping[str, nn.Module], path: Path) -> None:
    """Load a model that `save_model` wrote into networks of the same shape, strictly.

    Raises:
        WeightsError: If it does not fit.
    """
    tensors = load_file(path)
    for name, network in networks.items():
        prefix = f"{name}."
        own = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        try:
            network.load_state_dict(own, strict=True)
        except RuntimeError as error:
            raise WeightsError(
                f"The model {path.stem[:12]} does not fit the network {name!r}: {error}.",
                "Run with the configuration that it was trained with.",
            ) from error
