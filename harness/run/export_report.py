"""What `harness models export` is asked for, and what it reports; without torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from harness.errors import UnknownName, UsageError
from harness.evaluation.parity import MAP_TOLERANCE, TOLERANCE, Parity
from harness.pixels import Size
from harness.store import ModelVersionView
from harness.types.method import Role

Format = Literal["onnx", "torch", "safetensors"]

SUFFIXES: dict[str, Format] = {".onnx": "onnx", ".pt2": "torch", ".safetensors": "safetensors"}

TRAINING = ("method", "dataset", "split", "trained_on", "trained_on_is_all")
"""What a file says of the training of its model, by the names of a `ModelDescription`."""

INPUT = "RGB in [0, 1], resized with PIL's bilinear filter, (N, 3, height, width)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """The options of the command.

    Attributes:
        address: Of the model.
        file: Where to write.
        format: `onnx`, `torch` or `safetensors`; None goes by the file's suffix.
        feature: A key of what `embed` returns; None is the method's default.
        role: Which images the graph is for, where the method tells query from gallery.
        images: How many test images are compared at most.
        tolerance: Largest gap of a feature that is allowed [share of the largest norm].
        map_tolerance: Largest change of mAP that is allowed, a fraction.
        overwrite: Whether a file that is there may be replaced.
    """

    address: str
    file: Path
    format: str | None = None
    feature: str | None = None
    role: Role = "gallery"
    images: int = 512
    tolerance: float = TOLERANCE
    map_tolerance: float = MAP_TOLERANCE
    overwrite: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphReport:
    """What a graph is, and how it agrees with its method.

    Attributes:
        feature: Its output.
        dimensions: d, of the output.
        size: Height and width of its input.
        distance: Between two features.
        role: What it takes every image for, `query` or `gallery`.
        r: The down-sampling rate that it takes every image for; None is native low resolution.
        served: The kinds of test images that it is right for.
        others: The kinds that it is not right for.
        compared_on: The test images, in words.
        parity: The comparison.
    """

    feature: str
    dimensions: int
    size: Size
    distance: str
    role: Role
    r: int | None
    served: Sequence[str]
    others: Sequence[str]
    compared_on: str
    parity: Parity

    def as_json(self) -> dict[str, Any]:
        """Return the report by the names that it has in JSON."""
        return {
            "feature": self.feature,
            "dimensions": self.dimensions,
            "input": INPUT,
            "size": list(self.size),
            "distance": self.distance,
            "role": self.role,
            "r": self.r,
            "right_for": list(self.served),
            "not_for": list(self.others),
            "compared_on": self.compared_on,
            "parity": self.parity.as_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """What was written.

    Attributes:
        file: The file.
        format: Its format.
        version: The model's version.
        graph: What the graph is; None for a copy of the model.
    """

    file: Path
    format: Format
    version: ModelVersionView
    graph: GraphReport | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the report by the names that it has in JSON."""
        return {
            "file": str(self.file),
            "format": self.format,
            "address": str(self.version.address),
            "sha256": self.version.sha256,
            **({} if self.graph is None else self.graph.as_json()),
        }

    def metadata(self) -> dict[str, str]:
        """Return what the file says of itself, and of what its model has seen."""
        told = self.as_json()
        del told["file"], told["format"]
        told |= {name: getattr(self.version, name) for name in TRAINING}
        parity = told.pop("parity", {})
        told["relative_gap"] = parity.get("relative_gap")
        return {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in told.items()
        }


def choose_format(request: ExportRequest) -> Format:
    """Return the format that was asked for, or that the suffix of the file means.

    Raises:
        UsageError: If neither says one.
    """
    if request.format is not None:
        for known in SUFFIXES.values():
            if request.format == known:
                return known
        raise UnknownName("format", request.format, get_args(Format))
    suffix = request.file.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(
            f"{request.file.name} does not end in {', '.join(SUFFIXES)}, which would say its "
            "format.",
            "Give `--format onnx`, torch or safetensors.",
        )
    return SUFFIXES[suffix]


def parity_file(file: Path) -> Path:
    """Return where the report of a graph is kept: beside it."""
    return file.with_name(f"{file.name}.parity.json")
