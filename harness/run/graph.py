"""A method as a graph, from pixels to one feature: traced, written, read back and run.

Two forms: ONNX, which runs in onnxruntime, and a program of `torch.export`, which runs in torch.
Both take pixels (N, 3, H, W), float32 in [0, 1], for any N, and return the feature (N, d) in
float32. A graph is traced under fixed conditions: see `harness.run.conditions`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from harness.errors import DataError, IntegrityError, PluginError, UsageError
from harness.pixels import Size
from harness.run.conditions import Conditions
from harness.types import Distance, EmbedBatch, Method, Stage

if TYPE_CHECKING:
    from onnx import ModelProto

Run = Callable[[Tensor], Tensor]

INPUT, OUTPUT = "pixels", "feature"
EXTRA = ("onnx", "onnxruntime", "onnxscript")
TRACED_IMAGES = 2  # torch takes one image for a constant
UNTRACEABLE = (RuntimeError, ValueError, TypeError, AttributeError, LookupError, AssertionError)


class PixelsToFeature(nn.Module):
    """`embed` of a method under fixed conditions, as a module.

    Args:
        method: Its networks become those of the module.
        feature: A key of what `embed` returns.
        conditions: What every image is taken for.
    """

    def __init__(self, method: Method, feature: str, conditions: Conditions) -> None:
        super().__init__()
        self.networks = nn.ModuleDict(method.networks)
        self._embed = method.embed
        self._feature = feature
        self._conditions = conditions

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the feature, (N, d), of pixels, (N, 3, H, W), in [0, 1]."""
        return self._embed(self._conditions.batch(pixels))[self._feature].float()


class Graph(Protocol):
    """A graph that can be written."""

    def save(self, path: Path, metadata: Mapping[str, str]) -> None:
        """Write the graph with its metadata to a file."""
        ...


@dataclass(frozen=True, slots=True)
class OnnxGraph:
    """A graph in ONNX."""

    proto: ModelProto

    def save(self, path: Path, metadata: Mapping[str, str]) -> None:
        """Write the file; the metadata stands in its `metadata_props`."""
        import onnx

        onnx.helper.set_model_props(self.proto, dict(metadata))
        onnx.save(self.proto, path)


@dataclass(frozen=True, slots=True)
class ProgramGraph:
    """A program of `torch.export`."""

    program: ExportedProgram

    def save(self, path: Path, metadata: Mapping[str, str]) -> None:
        """Write the file; the metadata stands in its extra file `metadata.json`."""
        extra = {"metadata.json": json.dumps(metadata, indent=1)}
        torch.export.save(self.program, path, extra_files=extra)


def trace(module: PixelsToFeature, size: Size, key: str) -> ExportedProgram:
    """Return the program of a module, for any number of images.

    Args:
        module: In eval mode, on the CPU.
        size: Height and width of the input.
        key: Of the method, for messages.

    Raises:
        PluginError: If torch cannot trace it.
    """
    example = torch.zeros(TRACED_IMAGES, 3, *size)
    shapes = {INPUT: {0: Dim("images", min=1)}}
    try:
        with torch.no_grad():
            return torch.export.export(module, (example,), dynamic_shapes=shapes)
    except UNTRACEABLE as error:
        raise _untraceable(key, error) from error


def to_onnx(program: ExportedProgram, key: str) -> OnnxGraph:
    """Return a program in ONNX; its input is `pixels`, its output `feature`.

    Raises:
        PluginError: If an operation has no form in ONNX.
    """
    try:
        written = torch.onnx.export(
            program, dynamo=True, verbose=False, input_names=[INPUT], output_names=[OUTPUT]
        )
    except UNTRACEABLE as error:
        raise _untraceable(key, error) from error
    assert written is not None  # as no file was named
    return OnnxGraph(written.model_proto)


def check_onnx_is_here() -> None:
    """Refuse to go on without the packages of the extra `export`.

    Raises:
        UsageError: If one of them is not installed.
    """
    missing = [name for name in EXTRA if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"ONNX needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not "
            "installed.",
            'Run `pip install "reid-harness[export]"`, or export to .pt2, which needs torch alone.',
        )


def open_onnx(path: Path) -> tuple[Run, dict[str, str]]:
    """Return what runs an ONNX file on the CPU, and its metadata.

    Raises:
        DataError: If onnxruntime cannot read it.
    """
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:
        raise DataError(
            f"{path.name} is no ONNX file that onnxruntime can run: {_first_line(error)}.",
            "Give a file of `harness models export`.",
        ) from error

    def run(pixels: Tensor) -> Tensor:
        return torch.from_numpy(session.run([OUTPUT], {INPUT: pixels.contiguous().numpy()})[0])

    return _telling_batches(run), dict(session.get_modelmeta().custom_metadata_map)


def open_program(path: Path) -> Run:
    """Return what runs a file of `torch.export`. Such a file may run code: open your own alone."""
    module = torch.export.load(path).module()

    def run(pixels: Tensor) -> Tensor:
        feature: Tensor = module(pixels)
        return feature

    return _telling_batches(run)


class GraphMethod:
    """A graph in the place of the method that it was exported from; it cannot be trained.

    Args:
        run: Returns the feature, (N, d), of pixels, (N, 3, H, W).
    """

    feature: ClassVar[str] = OUTPUT
    distance: ClassVar[Distance] = "euclidean"
    backbones: ClassVar[Sequence[str]] = ()
    networks: Mapping[str, nn.Module] = {}

    def __init__(self, run: Run) -> None:
        self._run = run

    def stages(self) -> Sequence[Stage]:
        """Return no stage."""
        return ()

    def embed(self, batch: EmbedBatch) -> Mapping[str, Tensor]:
        """Return the feature; neither role nor rate reaches a graph."""
        return {OUTPUT: self._run(batch.pixels)}


def _telling_batches(run: Run) -> Run:
    """Return a graph that says in a sentence which batch it cannot run."""

    def guarded(pixels: Tensor) -> Tensor:
        try:
            return run(pixels)
        except Exception as error:
            raise IntegrityError(
                f"The graph cannot run a batch of shape {tuple(pixels.shape)}: "
                f"{_first_line(error)}.",
                "Give images of its size; a graph that is bound to one number of images cannot be "
                "used here.",
            ) from error

    return guarded


def _untraceable(key: str, error: Exception) -> PluginError:
    bound = "specialized it to be a constant" in str(error)
    why = "it is bound to one number of images" if bound else _first_line(error)
    return PluginError(
        f"The method {key!r} cannot be made a graph: {why}.",
        "Keep what `embed` does to operations on tensors, the same for any number of images "
        "(`x.shape[0]`, which is traced, in place of `len(x)`); or export to .safetensors, which "
        "needs the plugin to run.",
    )


def _first_line(error: Any) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(". ") if lines else type(error).__name__
