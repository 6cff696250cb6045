"""INTACT: super-resolution and re-ID trained together under an association critic.

A re-implementation from notes: no code of the paper is public and its sizes, weights and rates are
not in the sources at hand; every choice is in `DEPARTURES`. Torch-free: the method is in
`method.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from pydantic import Field, model_validator

from harness import MethodConfig, MethodSpec, Recipe, hookimpl

SMALLEST = 16  # pixels; D halves each side four times


class IntactConfig(MethodConfig):
    """The settings of INTACT; none but the switches is published (see the departures)."""

    last_stride: int = Field(1, ge=1, le=2, description="Stride of the re-ID network's last stage.")
    sr_width: int = Field(64, ge=4, description="Channels of the super-resolution network.")
    sr_blocks: int = Field(16, ge=1, description="Its residual blocks.")
    d_width: int = Field(64, ge=4, description="Channels of the discriminator's first layer.")
    association_width: int = Field(512, ge=8, description="Length of f_d and of f_e.")
    use_mse: bool = Field(True, description="Pixel-wise content loss (Table 3, MSE).")
    use_id: bool = Field(True, description="Identity classification loss (Table 3, ID; Eq. 3).")
    use_gan: bool = Field(True, description="Adversarial loss (Table 3, GAN).")
    use_assoc: bool = Field(True, description="Association loss (Table 3; Eqs. 7, 8).")
    use_bridge: bool = Field(
        True, description="Bridge constraint (Table 5; Eq. 6); no effect without use_assoc."
    )
    lambda_mse: float = Field(1000.0, gt=0, description="Weight of L_mse, for pixels in [0, 1].")
    lambda_id: float = Field(1.0, gt=0, description="Weight of L_id in the loss of S.")
    lambda_gan: float = Field(1e-2, gt=0, description="Weight of the adversarial loss of S.")
    lambda_dis: float = Field(1.0, gt=0, description="Weight of L_dis.")
    warmup_share: float = Field(
        0.4, gt=0, lt=1, description="Share of the images that the warm-up has."
    )
    sr_images: int = Field(
        9600, ge=0, description="Images of the warm-up of S and D; none is through L_id."
    )
    association_images: int = Field(
        6400, ge=0, description="HR images of association learning; none is through L_id."
    )
    lr: float = Field(2e-4, gt=0, description="Learning rate of the re-ID network (Adam).")
    head_lr: float = Field(2e-4, gt=0, description="Of its neck and classifier (Adam).")
    sr_lr: float = Field(5e-4, gt=0, description="Of the super-resolution network (Adam).")
    d_lr: float = Field(4e-4, gt=0, description="Of the discriminator (Adam).")
    association_lr: float = Field(1e-3, gt=0, description="Of the networks phi and sigma (Adam).")
    weight_decay: float = Field(5e-4, ge=0, description="Of the re-ID network.")
    warmup: float = Field(0.1, ge=0, lt=1, description="Share of a stage with a rising rate.")
    smoothing: float = Field(0.1, ge=0, lt=1, description="Label smoothing in L_id.")
    flip: float = Field(0.5, ge=0, le=1, description="Probability of a horizontal flip.")
    crop: float = Field(0.05, ge=0, lt=0.5, description="Padding before a crop [of the height].")
    gain: float = Field(0.0, ge=0, lt=1, description="Range of a channel's random gain.")
    brightness: float = Field(0.0, ge=0, lt=1, description="Range of the random brightness.")

    @model_validator(mode="after")
    def _check_switches(self) -> Self:
        if self.use_assoc and not self.use_gan:
            raise ValueError(
                "the association needs the discriminator's feature f_d; set use_assoc=false too"
            )
        if not (self.use_mse or self.use_id or self.use_gan):
            raise ValueError("with use_mse, use_id and use_gan off nothing is trained")
        return self

    @model_validator(mode="after")
    def _check_size(self) -> Self:
        if self.height % 2 or self.width % 2 or min(self.height, self.width) < SMALLEST:
            raise ValueError(
                f"the input is {self.height} x {self.width}, but S needs even sides and D at "
                f"least {SMALLEST} pixels"
            )
        return self


DEPARTURES = (
    "Re-implementation from notes: only the losses, the order of Part I and Part II and the tables "
    "are known to us. The architecture, every size, weight, rate and the length of training are "
    "ours, in the recipe `paper` too.",
    "S keeps the size: its input is the LR image brought to network size by bilinear up-sampling, "
    "its output that image plus a residual, which is zero at the start. The residual comes from "
    "blocks without batch normalisation, as in EDSR, on a grid of half the size.",
    "R is a ResNet-50 with last stride 1; f_c is its pooled feature after batch normalisation, "
    "which is also the test feature.",
    "D has four strided convolutions, pooling and a linear layer, whose output is f_d: a vector, "
    "because L_intact is a distance to phi(f_c). Without batch normalisation, f_d is of the image "
    "alone.",
    "f_e, which the notes leave open, is the hidden layer of phi: L_e can steer phi only if f_e "
    "depends on phi. phi and sigma have two linear layers each and no batch normalisation, and "
    "R normalises by batch statistics in both Parts, so that phi, once fixed, meets what it knows.",
    "The squared norms are divided by the length of the feature, so that their weights do not "
    "depend on it.",
    "The adversarial loss is the non-saturating one with one-sided label smoothing 0.9; L_id has "
    "label smoothing 0.1.",
    "Two warm-ups come first: S and D learn L_mse and the adversarial loss on pairs, R learns L_id "
    "on images as they are and on LR copies that are not restored.",
    "L_id is the sum of two means: over restored images, and over images as they are, of both "
    "resolutions.",
    "In Part II R learns from L_id and D from its own loss; L_dis moves S alone, through both of "
    "its terms: f'_d is not detached. phi is not refreshed while R and D move.",
    "Images of native low resolution go through S as they are, and into L_id, L_dis and the "
    "adversarial loss; they are neither a target of L_mse nor real for D, and association learning "
    "leaves them out.",
    "The HR gallery is not super-resolved.",
)

_QUICK = {
    "height": 128,
    "width": 64,
    "images": 6000,
    "batch_identities": 4,
    "sr_width": 32,
    "sr_blocks": 4,
    "d_width": 32,
    "association_width": 256,
    "gain": 0.2,
    "brightness": 0.2,
}

RECIPES = (
    Recipe(
        name="tiny",
        summary="Slivers of the networks for seconds: for tests, not for numbers.",
        trials=1,
        narrowed="all networks narrowed to a sixteenth or less, one epoch at 48 x 24",
        values={
            "height": 48,
            "width": 24,
            "base_width": 4,
            "images": 64,
            "batch_identities": 4,
            "sr_width": 4,
            "sr_blocks": 1,
            "d_width": 4,
            "association_width": 32,
            "sr_images": 64,
            "association_images": 64,
            "lr": 3e-3,
            "head_lr": 3e-3,
            "d_lr": 2e-3,
        },
    ),
    Recipe(
        name="smoke",
        summary="Narrow networks for a minute: shows that everything works.",
        trials=1,
        narrowed="all networks narrowed to a quarter or less, 4,800 images at 96 x 48",
        values={
            "height": 96,
            "width": 48,
            "base_width": 16,
            "images": 4800,
            "batch_identities": 4,
            "sr_width": 8,
            "sr_blocks": 2,
            "d_width": 16,
            "association_width": 64,
            "sr_images": 1280,
            "association_images": 640,
            "lr": 3e-3,
            "head_lr": 3e-3,
            "d_lr": 2e-3,
            "gain": 0.2,
        },
    ),
    Recipe(
        name="quick",
        summary="The full re-ID network on 6,000 images at 128 x 64: minutes on two CPU cores.",
        trials=3,
        narrowed="S narrowed to 32 of 64 channels and 4 of 16 blocks, D, phi and sigma to half, "
        "6,000 images at 128 x 64",
        values=_QUICK,
    ),
    Recipe(
        name="standard",
        summary="The full networks on 60,000 images at 256 x 128, for a data-centre GPU.",
        trials=None,
        narrowed="60,000 images",
        values={
            "images": 60_000,
            "batch_identities": 8,
            "association_images": 32_000,
            "gain": 0.2,
            "brightness": 0.2,
        },
    ),
    Recipe(
        name="paper",
        summary="The full networks for 120 epochs of MLR-Market-1501.",
        trials=None,
        narrowed="length and sizes are ours: the paper's are not known",
        values={"images": 3_100_000, "sr_images": 776_000, "association_images": 390_000},
    ),
)


@hookimpl
def register_methods(register: Callable[[MethodSpec], None]) -> None:
    """Register INTACT."""
    register(
        MethodSpec(
            key="intact",
            title="INTACT",
            summary="Super-resolution and re-ID trained together; the association between their "
            "features, learnt on HR images, is the critic of the restored ones. Re-implementation "
            "from notes.",
            method_version=2,
            config=IntactConfig,
            recipes={recipe.name: recipe for recipe in RECIPES},
            method="harness_intact.method:Intact",
            paper="intact",
            row="INTACT (Ours)",
            needs=("lr-queries", "hr-pairs"),
            departures=DEPARTURES,
        )
    )
