"""A model that embeds images outside a run: a registered one, or a graph in an ONNX file."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import BaseModel, Json, ValidationError

from harness.errors import DataError, UsageError
from harness.loader import Registry
from harness.pixels import Size
from harness.run.graph import OUTPUT, GraphMethod, check_onnx_is_here, open_onnx
from harness.run.registered import open_model
from harness.settings import Settings
from harness.store import Store
from harness.training.device import Device, Precision
from harness.types import Distance, Method


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What a model is and has seen, which says on whom it may be scored.

    Attributes:
        method: Key of the method.
        dataset: Key of the data set that it was trained on.
        split: Number of the split.
        trained_on: `dataset:pid` of the identities that it has seen; None where nobody knows.
        trained_on_is_all: Whether it has seen no other.
    """

    method: str
    dataset: str
    split: int
    trained_on: Sequence[str] | None
    trained_on_is_all: bool

    @property
    def is_declared(self) -> bool:
        """Whether all that it has seen is known."""
        return self.trained_on is not None and self.trained_on_is_all


@dataclass(frozen=True, slots=True)
class Embedder:
    """A model that is ready to embed.

    Attributes:
        method: On its device.
        device: The device.
        size: Height and width of its input.
        key: The key of what `embed` returns.
        name: The address of the version, or the name of the file.
        sha256: Of the model.
        feature: The name of the feature.
        distance: Between two features.
        training: Of the model, whether it is registered or a graph.
        precision: In which it embeds, `float32` or `bf16`.
        not_for: The kinds of images that a graph is known not to be right for, in words.
    """

    method: Method
    device: torch.device
    size: Size
    key: str
    name: str
    sha256: str
    feature: str
    distance: Distance
    training: Training
    precision: Precision = "float32"
    not_for: Collection[str] = ()


def open_registered(
    address: str, feature: str | None, registry: Registry, settings: Settings, device: Device
) -> Embedder:
    """Return a registered model; raises as `open_model`."""
    with Store.open(settings.db, home=settings.home) as store:
        version, method = open_model(address, registry, store, device.torch)
    chosen = feature or method.feature
    return Embedder(
        method=method,
        device=device.torch,
        size=(version.config["height"], version.config["width"]),
        key=chosen,
        name=str(version.address),
        sha256=version.sha256,
        feature=chosen,
        distance=method.distance,
        training=Training(
            method=version.method,
            dataset=version.dataset,
            split=version.split,
            trained_on=version.trained_on,
            trained_on_is_all=version.trained_on_is_all,
        ),
        precision=device.precision,
    )


def open_file(path: Path, feature: str | None) -> Embedder:
    """Return an exported graph; it runs on the CPU.

    Raises:
        UsageError: If the packages of the extra `export` are absent, or another feature is wanted.
        DataError: If the file is not there, cannot be run, or does not say what it is.
    """
    check_onnx_is_here()
    if not path.is_file():
        raise DataError(f"There is no file {path}.", "Check the path.")
    run, metadata = open_onnx(path)
    try:
        told = _Told.model_validate(metadata)
    except ValidationError as error:
        raise DataError(
            f"{path.name} does not say what it is: {error.errors()[0]['loc'][0]} is not told.",
            "Give a file of `harness models export`.",
        ) from error
    if feature not in (None, told.feature):
        raise UsageError(
            f"{path.name} gives the feature {told.feature!r}, not {feature!r}.",
            f"Export it with `harness models export ADDRESS FILE --feature {feature}`.",
        )
    return Embedder(
        method=GraphMethod(run),
        device=torch.device("cpu"),
        size=told.size,
        key=OUTPUT,
        name=path.name,
        sha256=told.sha256,
        feature=told.feature,
        distance=told.distance,
        training=Training(
            method=told.method,
            dataset=told.dataset,
            split=told.split,
            trained_on=told.trained_on,
            trained_on_is_all=told.trained_on_is_all,
        ),
        not_for=told.not_for,
    )


class _Told(BaseModel):
    """What the metadata of an exported graph says, as far as it is needed here."""

    feature: str
    distance: Distance
    sha256: str
    size: Json[tuple[int, int]]
    not_for: Json[list[str]]
    method: str
    dataset: str
    split: Json[int]
    trained_on: Json[tuple[str, ...] | None]
    trained_on_is_all: Json[bool]
