"""Registered models in a run: found by their address, opened as methods, given to other methods."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from pydantic import ValidationError
from torch import Tensor

from harness.errors import UsageError, WeightsError
from harness.loader import Registry, resolve
from harness.models import load_model, load_state, refuse_unknown
from harness.store import ModelVersionView, Store
from harness.store.model_file import describe_file, has_description
from harness.types import FitContext, Method, MethodConfig, MethodSpec, ModelAddress


def find_version(address: str, store: Store) -> ModelVersionView:
    """Return the version that an address names now.

    Args:
        address: `models:/NAME@ALIAS` or `models:/NAME/VERSION`.
        store: With the registry.

    Raises:
        UsageError: If it is no address, names no version, or one that was deleted.
        UnknownName: If there is no such model, alias or version.
    """
    return store.models.find_or_raise(ModelAddress(address))


def open_model(
    address: str, registry: Registry, store: Store, device: torch.device
) -> tuple[ModelVersionView, Method]:
    """Return a version and its method, built anew with the trained networks, in eval mode.

    Args:
        address: Of the version.
        registry: Knows its method.
        store: With the registry of models.
        device: Where its networks go.

    Raises:
        UsageError: If there is no such version.
        WeightsError: If its file is absent or does not fit, if another version of its method is
            installed, or if nobody knows what the method was built with.
        IntegrityError: If its file, or that of a model that it was built with, was changed.
    """
    version = find_version(address, store)
    spec = registry.method(version.method)
    _refuse_other_version(version, spec)
    refuse_unknown(version)
    file = store.models.find_file_or_raise(version)
    factory = resolve(spec.method, needed_by=f"method {spec.key!r}")
    method: Method = factory(_config_of(version, spec), _context_of(version, store))
    load_model(method.networks, file)
    for network in method.networks.values():
        network.to(device).to(memory_format=torch.channels_last).eval()
    return version, method


def copy_model(store: Store, version: ModelVersionView, target: Path) -> None:
    """Copy the file of a version to a place, whole or not at all.

    A file that is older than the registry gets the description that it lacks.

    Raises:
        WeightsError: If the file is not on this machine, or nobody knows what it was trained on.
        IntegrityError: If it was changed.
        UsageError: If the place cannot be written.
    """
    file = store.models.find_file_or_raise(version)
    content = file.read_bytes()
    if not has_description(file):
        refuse_unknown(version)
        content = describe_file(content, version)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(content)
        draft.replace(target)
    except OSError as error:
        raise UsageError(
            f"{target} cannot be written: {error.strerror}.", "Give a file that you may write."
        ) from error


def names_models(config: MethodConfig) -> bool:
    """Say whether a config names registered models."""
    return bool(_addresses(config))


def pin_models(
    config: MethodConfig, store: Store
) -> tuple[MethodConfig, dict[str, ModelVersionView]]:
    """Return a config whose models are named by version, and these versions by field.

    Raises:
        UsageError: If there is no such version.
        WeightsError: If nobody knows what it was trained on.
    """
    versions = {
        name: store.models.find_or_raise(address) for name, address in _addresses(config).items()
    }
    for version in versions.values():
        refuse_unknown(version)
    pinned = {name: version.address for name, version in versions.items()}
    return config.model_copy(update=pinned), versions


def _addresses(config: MethodConfig) -> dict[str, ModelAddress]:
    values = {name: getattr(config, name) for name in type(config).model_fields}
    return {name: value for name, value in values.items() if isinstance(value, ModelAddress)}


def load_tensors(models: Mapping[str, str], store: Store) -> Mapping[str, Mapping[str, Tensor]]:
    """Return the tensors of the models that a method is built with.

    Args:
        models: The SHA-256 of each, by the field of the config that names it.
        store: With the registry.

    Raises:
        WeightsError: If a file is not on this machine.
        IntegrityError: If a file was changed.
    """
    tensors = {}
    for field, sha256 in models.items():
        file = store.models.find_sound_file(sha256)
        if file is None:
            raise WeightsError(
                f"The model {sha256[:12]} that the setting {field!r} names is not on this machine.",
                "Import it with `harness models import FILE`.",
            )
        tensors[field] = load_state(file)
    return tensors


def _refuse_other_version(version: ModelVersionView, spec: MethodSpec) -> None:
    if version.method_version != spec.method_version:
        raise WeightsError(
            f"{version.address} was trained by version {version.method_version} of {spec.key!r}; "
            f"version {spec.method_version} is installed, and gives other features.",
            "Install the version of the plugin that trained it, or train it again.",
        )


def _config_of(version: ModelVersionView, spec: MethodSpec) -> MethodConfig:
    try:
        return spec.config(**version.config)
    except ValidationError as error:
        raise WeightsError(
            f"The installed {spec.key!r} does not know the configuration of {version.address}: "
            f"{error.errors()[0]['msg']}.",
            "Install the version of the plugin that trained it, or train it again.",
        ) from error


def _context_of(version: ModelVersionView, store: Store) -> FitContext:
    context = dict(version.context or {})
    models = load_tensors(context.pop("models", {}), store)
    return FitContext(**context, models=models)
