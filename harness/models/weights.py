"""Initial weights: `--weights auto | imagenet | none | FILE`, loaded strictly and by name.

A safetensors file says in its metadata what it is: `source`, `licence`, and `trained_on`, a JSON
list of `dataset:pid`. A fit whose test identities are in that list is refused elsewhere, before
training; a file that declares nothing is used and shown as undeclared.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import socket
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torchvision.models import ResNet50_Weights

from harness.errors import WeightsError

DOWNLOAD_TIMEOUT = 5.0  # [s]; then `auto` goes on without ImageNet weights
FULL_WIDTH = 64
IMAGENET = ResNet50_Weights.IMAGENET1K_V1
UNREADABLE = (SafetensorError, pickle.UnpicklingError, RuntimeError, OSError, ValueError, EOFError)
SHOWN = 5  # keys of each kind in a report


@dataclass(frozen=True, slots=True)
class InitialWeights:
    """What a fit starts from.

    Attributes:
        name: For tables: "none", "ImageNet", or the file's name.
        state: The tensors by parameter name, or None for random initialisation.
        sha256: Of the file, or None.
        source: Where they come from, in a sentence, if declared.
        licence: Of the weights, if declared.
        trained_on: `dataset:pid` of every identity they have seen, or None if undeclared.
        notice: What a user should know of the choice, or None.
    """

    name: str
    state: Mapping[str, Tensor] | None = field(default=None, repr=False)
    sha256: str | None = None
    source: str | None = None
    licence: str | None = None
    trained_on: tuple[str, ...] | None = ()
    notice: str | None = None


def resolve_weights(choice: str, *, base_width: int, explicit: bool) -> InitialWeights:
    """Return the initial weights that a choice names.

    Args:
        choice: `auto`, `imagenet`, `none` or a file.
        base_width: Of the backbone; published weights fit the full width only.
        explicit: Whether the user asked for this choice in the command; a default gives way to
            random initialisation where the network is narrower than the weights.

    Raises:
        WeightsError: If an explicit choice cannot be had.
    """
    if choice == "none":
        return InitialWeights("none")
    if base_width != FULL_WIDTH and not explicit:
        return InitialWeights(
            "none",
            notice=f"The recipe's network is narrower ({base_width} of {FULL_WIDTH} channels) "
            "than published weights: it starts from random weights.",
        )
    if choice == "imagenet":
        return _imagenet()
    if choice == "auto":
        try:
            return _imagenet()
        except WeightsError as error:
            return InitialWeights(
                "none",
                notice=f"{error.what} Starting from RANDOM weights; results will be far below "
                "the published ones, and every row says so.",
            )
    return _from_file(Path(choice).expanduser())


def load_backbone(network: nn.Module, weights: InitialWeights) -> None:
    """Load initial weights into a backbone, strictly; the classifier (`fc`) is left out.

    Raises:
        WeightsError: If keys are missing, unexpected or of another shape; all are reported.
    """
    if weights.state is None:
        return
    own = network.state_dict()
    given = {k: v for k, v in weights.state.items() if not k.startswith("fc.")}
    missing = sorted(k for k in own.keys() - given.keys() if "num_batches_tracked" not in k)
    unexpected = sorted(given.keys() - own.keys())
    shapes = sorted(
        f"{k} {tuple(given[k].shape)} for {tuple(own[k].shape)}"
        for k in own.keys() & given.keys()
        if own[k].shape != given[k].shape
    )
    if missing or unexpected or shapes:
        raise WeightsError(
            f"The weights {weights.name} do not fit this network: "
            + "; ".join(
                _shown(kind, keys)
                for kind, keys in (
                    ("missing", missing),
                    ("unexpected", unexpected),
                    ("of another shape", shapes),
                )
                if keys
            )
            + ".",
            "Give a ResNet-50 file with torchvision's key names, or `--weights none`.",
        )
    network.load_state_dict({k: v.to(own[k].dtype) for k, v in given.items()}, strict=False)


def _shown(kind: str, keys: list[str]) -> str:
    more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    return f"{len(keys)} {kind} ({', '.join(keys[:SHOWN])}{more})"


def imagenet_file() -> Path:
    """Return where torchvision keeps its ImageNet weights, there or not."""
    name = str(IMAGENET.url).rsplit("/", 1)[-1]
    return Path(torch.hub.get_dir()) / "checkpoints" / name


def _imagenet() -> InitialWeights:
    """Return torchvision's ImageNet weights from its cache, or download them."""
    cached = imagenet_file()
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)
    try:
        with redirect_stdout(sys.stderr):  # torch.hub announces downloads on standard output
            state = IMAGENET.get_state_dict(progress=False, check_hash=True)
    except (URLError, OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise WeightsError(
            f"ImageNet weights are neither cached nor downloadable ({error}).",
            f"Put them at {cached}, or give `--weights FILE` or `--weights none`.",
        ) from error
    finally:
        socket.setdefaulttimeout(before)
    return InitialWeights(
        "ImageNet",
        state,
        sha256=_sha256(cached),
        source="torchvision ResNet50_Weights.IMAGENET1K_V1",
        licence="BSD-3-Clause (torchvision); ImageNet terms apply",
        trained_on=(),
    )


def _from_file(path: Path) -> InitialWeights:
    if not path.is_file():
        raise WeightsError(
            f"There is no weight file {path}.",
            "Give `--weights auto | imagenet | none`, or a .safetensors or .pth file.",
        )
    try:
        state, metadata = _read(path)
        trained_on = _declared(metadata)
    except UNREADABLE as error:
        raise WeightsError(
            f"{path} is not a weight file that can be read safely ({error}).",
            "Give a .safetensors file, or a .pth file that holds only tensors.",
        ) from error
    return InitialWeights(
        path.name,
        state,
        sha256=_sha256(path),
        source=metadata.get("source"),
        licence=metadata.get("licence"),
        trained_on=trained_on,
        notice=None
        if trained_on is not None
        else f"{path.name} does not declare what identities it was trained on; the row says so.",
    )


def _read(path: Path) -> tuple[Mapping[str, Tensor], Mapping[str, str]]:
    if path.suffix == ".safetensors":
        with safe_open(path, "pt") as file:
            return {k: file.get_tensor(k) for k in file.keys()}, file.metadata() or {}  # noqa: SIM118
    state = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(state, dict):
        raise ValueError(f"it holds a {type(state).__name__}, not tensors by name")
    state = state.get("state_dict", state)
    return {k: v for k, v in state.items() if isinstance(v, Tensor)}, {}


def _declared(metadata: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return the identities that the file says it has seen, or None where it says nothing."""
    if "trained_on" not in metadata:
        return None
    listed = json.loads(metadata["trained_on"])
    if not isinstance(listed, list) or not all(isinstance(entry, str) for entry in listed):
        raise ValueError("`trained_on` is no list of dataset:pid")
    return tuple(listed)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
