"""What a method is to the harness: its spec, its stages of training, its embedding.

A method's package registers a `MethodSpec`, which is free of torch. The method itself is a class
that the harness builds with its config and a `FitContext`, and that then offers networks, stages
and `embed`.

Axes, here and in every method file: N images of a batch, C channels, H x W pixels, d dimensions,
P identities with K images each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

from harness.types.address import refuse_hidden_addresses

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer

Role = Literal["query", "gallery"]
Distance = Literal["euclidean", "cosine"]
Need = Literal["lr-queries", "hr-pairs"]


class MethodConfig(BaseModel):
    """What every method can be told; a method's own config adds its own fields.

    Unknown keys are refused. A recipe is a set of values for these fields.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    height: int = Field(256, ge=16, description="Input height [pixels].")
    width: int = Field(128, ge=8, description="Input width [pixels].")
    batch_identities: int = Field(16, ge=2, description="P, identities in a batch.")
    batch_images: int = Field(4, ge=2, description="K, images of each identity in a batch.")
    images: int = Field(
        6000,
        ge=0,
        description="Images through the identity loss in one fit, copies at low resolution "
        "counted; one epoch where that is more.",
    )
    base_width: int = Field(
        64, ge=4, description="Channels of the backbone's stem; 64 is the full ResNet-50."
    )


class Recipe(BaseModel):
    """A named training configuration that ships with a plugin.

    Attributes:
        name: `tiny`, `smoke`, `quick`, `standard` or `paper`.
        summary: One sentence, shown in help and in tables.
        trials: How many trials run where the command does not say; None is all splits.
        narrowed: What is less than the paper's, shown beside each number; empty for `paper`.
        values: Values of the method's config.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    summary: str
    trials: int | None
    narrowed: str = ""
    values: Mapping[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class MethodSpec:
    """A method as its plugin registers it.

    Attributes:
        key: Its name on the command line.
        title: Its name in tables.
        summary: One sentence.
        method_version: Raised by hand when results change.
        config: Its pydantic config.
        recipes: By name, at least `tiny`, `smoke` and `quick`.
        method: `module:attribute` of the class.
        paper: The key of its paper in `specs/papers`, if it has one.
        row: The name of its row in the paper's tables, if it has one.
        departures: Where the code leaves the paper, one sentence each.
        needs: Images without which it makes no sense: `lr-queries`, some query of low resolution;
            `hr-pairs`, training images of high resolution, to make pairs from.

    Raises:
        PluginError: If the config hides the address of a model in a field of another type.
    """

    key: str
    title: str
    summary: str
    method_version: int
    config: type[MethodConfig]
    recipes: Mapping[str, Recipe]
    method: str
    paper: str | None = None
    row: str | None = None
    departures: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a config in which a model would not be found."""
        refuse_hidden_addresses(self.config, self.key)


@dataclass(frozen=True, slots=True)
class FitContext:
    """What a method knows of the data that it will be trained on.

    Attributes:
        identities: Number of training identities; labels run from 0 to identities - 1.
        images: Number of training images.
        cameras: Number of training cameras.
        models: The tensors of each registered model that the config names in a field of type
            `ModelAddress`, by the name of the field; keys are `<network>.<parameter>`.
    """

    identities: int
    images: int
    cameras: int
    models: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Augment:
    """Augmentation of a training batch, on the device, drawn afresh for each image.

    An image and its copy at low resolution get the same draw.

    Attributes:
        flip: Probability of a horizontal flip.
        crop: Padding before a random crop back to size [share of the height].
        gain: Each colour channel is multiplied by a factor from [1 - gain, 1 + gain].
        brightness: All channels are multiplied by one factor from [1 - b, 1 + b].
        erasing: Probability of erasing a random rectangle.
    """

    flip: float = 0.5
    crop: float = 0.0
    gain: float = 0.0
    brightness: float = 0.0
    erasing: float = 0.0


@dataclass(frozen=True, slots=True)
class Stream:
    """Where one named input of a stage's training step comes from: P x K batches of records.

    Attributes:
        identities: P. An identity with fewer than K images is drawn from with replacement.
        images: K.
        rates: Down-sampling rates from which each image's copy at low resolution draws its own,
            afresh at each access; empty for no copies.
        cameras: Only images of these cameras, or of all where None.
        augment: The augmentation.
        hr_only: Only images of high resolution (r = 1).
    """

    identities: int
    images: int
    rates: tuple[int, ...] = ()
    cameras: tuple[int, ...] | None = None
    augment: Augment = Augment()
    hr_only: bool = False


@dataclass(frozen=True, slots=True)
class TrainBatch:
    """One P x K batch on the device.

    Attributes:
        pixels: The images as captured, (N, 3, H, W), in [0, 1].
        labels: (N,), int64, from 0 to identities - 1.
        native_lr: (N,), bool: low resolution as captured; never a reconstruction target.
        lr: The same images degraded by `rates` and brought back to size, or None.
        rates: (N,), int64, the down-sampling rate of each image of `lr`, or None.
    """

    pixels: Tensor
    labels: Tensor
    native_lr: Tensor
    lr: Tensor | None = None
    rates: Tensor | None = None


@dataclass(frozen=True, slots=True)
class EmbedBatch:
    """One batch to embed. It has neither identity nor camera: a method cannot peek.

    Attributes:
        pixels: (N, 3, H, W), in [0, 1].
        native_size: (N, 2), int64, height and width before resizing [pixels].
        r: The down-sampling rate of each image; None is native low resolution.
        role: `query` or `gallery`.
    """

    pixels: Tensor
    native_size: Tensor
    r: Sequence[int | None]
    role: Role


class Update(Protocol):
    """Take one optimiser step down a loss."""

    def __call__(self, optimiser: str, loss: Tensor) -> None:
        """Clear the named optimiser's gradients, back-propagate the loss, step.

        Args:
            optimiser: A key of `Stage.optimisers`.
            loss: A scalar.
        """
        ...


@dataclass(frozen=True, slots=True)
class Adversary:
    """Where the trainer reads whether a stage's discriminator still plays its part.

    Two of the values that `train_step` returns among its losses, each a probability in [0, 1].

    Attributes:
        real: Name of D's mean probability that real images are real.
        fake: Name of D's mean probability that generated images are real.
        target: What D is taught to say of a real image; below 1 with one-sided label smoothing.
    """

    real: str
    fake: str
    target: float = 1.0


@dataclass(frozen=True)
class Stage:
    """One stage of training.

    Attributes:
        name: Shown in progress bars and stored with the losses.
        steps: Number of training steps.
        streams: The named inputs of a step.
        trains: Names of the method's networks in train mode; the others are in eval mode.
        optimisers: By the names that `train_step` gives to `update`.
        train_step: `(batches, update) -> losses`; every loss is a scalar.
        schedule: Factor of every learning rate, as a function of progress in [0, 1).
        identity_images: Images through the identity loss in one step.
        adversary: What to watch of a GAN, so that a collapse ends the fit; None for no GAN.
    """

    name: str
    steps: int
    streams: Mapping[str, Stream]
    trains: Sequence[str]
    optimisers: Mapping[str, Optimizer]
    train_step: Callable[[Mapping[str, TrainBatch], Update], Mapping[str, Tensor]]
    schedule: Callable[[float], float] = field(default=lambda _progress: 1.0)
    identity_images: int = 0
    adversary: Adversary | None = None


class Method(Protocol):
    """A method, ready to be trained and scored. It is built as `Method(config, context)`."""

    feature: ClassVar[str]
    """The default feature, a key of what `embed` returns."""

    distance: ClassVar[Distance]
    """The distance between two features."""

    backbones: ClassVar[Sequence[str]]
    """The networks that start from the initial weights."""

    networks: Mapping[str, nn.Module]
    """All that is trained, saved and loaded, by name."""

    def stages(self) -> Sequence[Stage]:
        """Return the stages of training in order; empty for none."""
        ...

    def embed(self, batch: EmbedBatch) -> Mapping[str, Tensor]:
        """Return the named features of a batch, each (N, d)."""
        ...


@runtime_checkable
class Restores(Protocol):
    """A method that super-resolves; the quality of its images is measured beside its ranks."""

    def restore(self, batch: EmbedBatch) -> Tensor:
        """Return the super-resolved images of a batch, (N, 3, H, W), in [0, 1], at network size.

        It is called without gradient, with all networks in eval mode.
        """
        ...
