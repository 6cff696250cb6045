"""RAIN's two baselines and the row without training: what every method is compared with.

Torch-free: the methods themselves are in `method.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pydantic import Field

from harness import MethodConfig, MethodSpec, Recipe, hookimpl


class BaselineConfig(MethodConfig):
    """The settings of a baseline; RAIN gives none of them for its own (see the departures)."""

    last_stride: int = Field(1, ge=1, le=2, description="Stride of the last stage.")
    neck: Literal["bn", "none"] = Field(
        "bn", description="Batch normalisation of GAP(f5) before C, L_tri and the test feature."
    )
    optimiser: Literal["adam", "sgd"] = Field("adam", description="SGD has momentum 0.9.")
    lr: float = Field(2e-4, gt=0, description="Learning rate of the backbone.")
    head_lr: float = Field(2e-4, gt=0, description="Learning rate of the classifier.")
    weight_decay: float = Field(5e-4, ge=0, description="Of all parameters.")
    warmup: float = Field(0.1, ge=0, lt=1, description="Share of the steps with a rising rate.")
    lambda_cls: float = Field(1.0, ge=0, description="Weight of L_cls, Eq. (3).")
    lambda_tri: float = Field(1.0, ge=0, description="Weight of L_tri, Eq. (6).")
    margin: float = Field(0.3, gt=0, description="m of Eq. (6), in units of v.")
    normalised: bool = Field(True, description="Whether L_tri sees v at unit length.")
    smoothing: float = Field(0.1, ge=0, lt=1, description="Label smoothing in L_cls.")
    near_cameras: tuple[int, ...] | None = Field(
        None, description="Train on images of these cameras only (near-only); None is all."
    )
    flip: float = Field(0.5, ge=0, le=1, description="Probability of a horizontal flip.")
    crop: float = Field(0.05, ge=0, lt=0.5, description="Padding before a crop [of the height].")
    gain: float = Field(0.0, ge=0, lt=1, description="Range of a channel's random gain.")
    brightness: float = Field(0.0, ge=0, lt=1, description="Range of the random brightness.")
    erasing: float = Field(0.0, ge=0, le=1, description="Probability of random erasing.")


DEPARTURES = (
    "The paper gives no settings for its baselines. `paper` takes those of the authors' released "
    "RAIN code: SGD at 1e-3 with momentum 0.9, L_cls and L_tri weighted 10 and 10, margin 2 on "
    "v at unit length, 250,000 steps. The other recipes use Adam with a warm-up and a cosine, "
    "weights 1 and 1, and label smoothing 0.1.",
    "Outside `paper`, GAP(f5) is batch-normalised before C, L_tri and the test feature, and v is "
    "the result: the pooled features of weights that were trained with such a layer differ by a "
    "hundredth of their length, and a linear C learns nothing from them in a short recipe.",
    "Triplets are the hardest of each anchor in its batch; the paper does not say how they are "
    "chosen, the authors' code does this.",
    "The last stage has stride 1 outside `paper`; the authors' code has stride 2.",
    "The images of one step at low resolution are copies of those at high resolution; in the "
    "authors' code they are drawn independently.",
    "The model after the last step is scored; the authors' code keeps the best on the test set.",
)

_PAPER = {
    "last_stride": 2,
    "neck": "none",
    "optimiser": "sgd",
    "lr": 1e-3,
    "head_lr": 1e-3,
    "lambda_cls": 10.0,
    "lambda_tri": 10.0,
    "margin": 2.0,
    "smoothing": 0.0,
    "crop": 0.0,
    "batch_identities": 8,
    "batch_images": 4,
}


def _tiny(identities: int) -> Recipe:
    return Recipe(
        name="tiny",
        summary="A sliver of a network for seconds: for tests, not for numbers.",
        trials=1,
        narrowed="network narrowed to 4 of 64 channels, one epoch at 48 x 24",
        values={
            "height": 48,
            "width": 24,
            "base_width": 4,
            "images": 64,
            "batch_identities": identities,
            "lr": 3e-3,
            "head_lr": 3e-3,
        },
    )


def _recipes(domains: int) -> dict[str, Recipe]:
    """Return the five recipes for a method that shows each image in `domains` resolutions."""
    identities = 8 // domains  # so that a step has the same number of images
    recipes = (
        _tiny(identities),
        Recipe(
            name="smoke",
            summary="A narrow network for a minute: shows that everything works.",
            trials=1,
            narrowed="network narrowed to 16 of 64 channels, 4,800 images at 96 x 48",
            values={
                "height": 96,
                "width": 48,
                "base_width": 16,
                "images": 4800,
                "batch_identities": identities,
                "lr": 3e-3,
                "head_lr": 3e-3,
                "gain": 0.2,
            },
        ),
        Recipe(
            name="quick",
            summary="The full network on 6,000 images at 128 x 64: minutes on two CPU cores.",
            trials=3,
            narrowed="6,000 images at 128 x 64",
            values={
                "height": 128,
                "width": 64,
                "images": 6000,
                "batch_identities": identities,
                "gain": 0.2,
                "brightness": 0.2,
            },
        ),
        Recipe(
            name="standard",
            summary="The full network on 60,000 images at 256 x 128, for a data-centre GPU.",
            trials=None,
            narrowed="60,000 images",
            values={
                "images": 60000,
                "batch_identities": 2 * identities,
                "gain": 0.2,
                "brightness": 0.2,
            },
        ),
        Recipe(
            name="paper",
            summary="The settings of the authors' code: 250,000 steps.",
            trials=None,
            values=_PAPER | {"images": 250_000 * 32 * domains},
        ),
    )
    return {recipe.name: recipe for recipe in recipes}


@hookimpl
def register_methods(register: Callable[[MethodSpec], None]) -> None:
    """Register the two baselines of RAIN's Table 1 and the row without training."""
    register(
        MethodSpec(
            key="baseline-hr",
            title="Baseline (HR)",
            summary="ResNet-50 trained with identity and triplet loss on the images as they are.",
            method_version=1,
            config=BaselineConfig,
            recipes=_recipes(domains=1),
            method="harness_baselines.method:BaselineHR",
            paper="rain",
            row="Baseline (train on HR)",
            departures=DEPARTURES,
        )
    )
    register(
        MethodSpec(
            key="baseline-hr-lr",
            title="Baseline (HR & LR)",
            summary="The same, and on a copy of each image down-sampled by r = 2, 3 or 4.",
            method_version=1,
            config=BaselineConfig,
            recipes=_recipes(domains=2),
            method="harness_baselines.method:BaselineHRLR",
            paper="rain",
            row="Baseline (train on HR & LR)",
            departures=DEPARTURES,
        )
    )
    register(
        MethodSpec(
            key="initial-weights",
            title="Initial weights, no training",
            summary="The features of the initial weights: the floor of every table.",
            method_version=1,
            config=BaselineConfig,
            recipes={
                name: recipe.model_copy(
                    update={
                        "narrowed": recipe.narrowed and "input size as in the recipe",
                        "values": {**recipe.values, "neck": "none"},
                    }
                )
                for name, recipe in _recipes(domains=1).items()
            },
            method="harness_baselines.method:InitialWeights",
        )
    )
