"""Initial weights: `--weights auto | imagenet | none | FILE | models:/...`, loaded strictly.

A safetensors file says in its metadata what it is: `source`, `licence`, and `trained_on`, a JSON
list of `dataset:pid`. A fit whose test identities are in that list is refused elsewhere, before
training; a file that declares nothing is used and shown as undeclared. A model that a fit left
has several networks in it; each backbone starts from the one of its name.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import socket
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.error import URLError

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torchvision.models import ResNet50_Weights

from harness.errors import WeightsError
from harness.models.files import load_state, part_of
from harness.models.strict import COUNTER, fitted
from harness.settings import Settings
from harness.store import ModelVersionView, Store
from harness.store.model_file import CONTENT_SHA256, read_description
from harness.types import ModelAddress, is_address

DOWNLOAD_TIMEOUT = 5.0  # [s]; then `auto` goes on without ImageNet weights
FULL_WIDTH = 64
IMAGENET = ResNet50_Weights.IMAGENET1K_V1
UNREADABLE = (SafetensorError, pickle.UnpicklingError, RuntimeError, OSError, ValueError, EOFError)
ADVICE = (
    "Give a ResNet-50 file with torchvision's key names, a registered model, or `--weights none`."
)


@dataclass(frozen=True, slots=True)
class InitialWeights:
    """What a fit starts from.

    Attributes:
        name: For tables: "none", "ImageNet", the file's name, or the address of a version.
        state: The tensors by parameter name, or None for random initialisation.
        sha256: Of the file, or None.
        source: Where they come from, in a sentence, if declared.
        licence: Of the weights, if declared.
        trained_on: `dataset:pid` of the identities they have seen, or None if undeclared.
        trained_on_is_all: Whether they have seen no other.
        notice: What a user should know of the choice, or None.
        by_network: Whether they are a model: a key begins with the name of its network.
    """

    name: str
    state: Mapping[str, Tensor] | None = field(default=None, repr=False)
    sha256: str | None = None
    source: str | None = None
    licence: str | None = None
    trained_on: tuple[str, ...] | None = ()
    trained_on_is_all: bool = True
    notice: str | None = None
    by_network: bool = False

    @property
    def declared(self) -> bool:
        """Whether it is known of all identities that they have seen."""
        return self.trained_on is not None and self.trained_on_is_all

    def with_notice(self) -> InitialWeights:
        """Return the same, with a notice where it is not known of all identities."""
        if self.declared:
            return self
        text = (
            f"{self.name} does not declare all identities that it was trained on; the row says so."
        )
        return replace(self, notice=text)


def resolve_weights(
    choice: str, *, base_width: int, explicit: bool, settings: Settings | None = None
) -> InitialWeights:
    """Return the initial weights that a choice names.

    Args:
        choice: `auto`, `imagenet`, `none`, a file, or the address of a registered model.
        base_width: Of the backbone; published weights fit the full width only.
        explicit: Whether the user asked for this choice in the command; a default gives way to
            random initialisation where the network is narrower than the weights.
        settings: Where the registry is; the environment's where None.

    Raises:
        WeightsError: If an explicit choice cannot be had.
        UsageError: If there is no such registered model.
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
    if is_address(choice):
        return _registered(ModelAddress(choice), settings or Settings.from_environment())
    return _from_file(Path(choice).expanduser())


def load_backbone(network: nn.Module, weights: InitialWeights, name: str = "") -> None:
    """Load initial weights into a backbone, strictly; the classifier (`fc`) is left out.

    Args:
        network: The backbone.
        weights: Of one network, or of a registered model with several: then those of its network of
            the same name, or of the only one that has the backbone's parameters.
        name: Of the backbone.

    Raises:
        WeightsError: If keys are missing, unexpected or of another shape; all are reported.
    """
    if weights.state is None:
        return
    own = network.state_dict()
    given = _network_of(weights, name, own) if weights.by_network else weights.state
    given = {key: value for key, value in given.items() if not key.startswith("fc.")}
    title = f"The weights {weights.name} do not fit {_shown(name)}"
    network.load_state_dict(fitted(given, own, title=title, advice=ADVICE), strict=True)


def _network_of(
    weights: InitialWeights, name: str, own: Mapping[str, Tensor]
) -> Mapping[str, Tensor]:
    """Return the tensors of the network of a model that a backbone starts from."""
    state = weights.state or {}
    names = sorted({key.partition(".")[0] for key in state})
    if name in names:
        return part_of(state, name)
    needed = {key for key in own if not key.endswith(COUNTER)}
    shaped = [other for other in names if needed <= part_of(state, other).keys()]
    if len(shaped) != 1:
        reason = f"{', '.join(shaped)} all have" if shaped else "none has"
        raise WeightsError(
            f"The model {weights.name} has the networks {', '.join(names)}; none is called "
            f"{name!r}, and {reason} its parameters.",
            "Start from a model with the same backbone, or `--weights none`.",
        )
    return part_of(state, shaped[0])


def _shown(name: str) -> str:
    return f"the network {name!r}" if name else "this network"


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
        is_model = CONTENT_SHA256 in metadata
        trained_on = read_description(path).trained_on if is_model else _declared(metadata)
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
        trained_on_is_all=metadata.get("trained_on_is_all", "true") == "true",
        by_network=is_model,
    ).with_notice()


def _registered(address: ModelAddress, settings: Settings) -> InitialWeights:
    """Return a version of a registered model; its name tells the version, whatever the alias."""
    with Store.open(settings.db, home=settings.home) as store:
        version = store.models.find_or_raise(address)
        file = store.models.find_file_or_raise(version)
    refuse_unknown(version)
    return InitialWeights(
        version.address,
        load_state(file),
        sha256=version.sha256,
        source=version.source,
        licence=version.licence,
        trained_on=version.trained_on,
        trained_on_is_all=version.trained_on_is_all,
        by_network=True,
    ).with_notice()


def refuse_unknown(version: ModelVersionView) -> None:
    """Raise WeightsError if nobody knows what a version was trained on, so that it could leak."""
    if version.context is None:
        raise WeightsError(
            f"{version.address} is older than the registry: what it was trained on is not known.",
            "Give the `harness run` that made it once more (`harness runs list` has it): nothing "
            "is trained again, and the registry learns it.",
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
