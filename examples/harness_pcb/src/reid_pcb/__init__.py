"""PCB: one classifier for each of six horizontal stripes of the feature map.

Importing this package does not import torch: the method itself is in `method.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Self

from pydantic import Field, model_validator

from harness import MethodConfig, MethodSpec, Recipe, hookimpl

STEP = 16  # pixels of height to a row of T: ResNet-50 without its last down-sampling


class PcbConfig(MethodConfig):
    """The settings beside those that every method has (size, batch, images, width).

    The defaults are the paper's or, where it is said, those of the authors' PyTorch code.
    """

    height: int = Field(384, ge=16, description="Input height [pixels]: 16 x p x rows of a stripe.")
    p: int = Field(6, ge=1, description="Stripes, each with a classifier.")
    d: int = Field(256, ge=1, description="Channels of h_i.")
    dropout: float = Field(0.5, ge=0, lt=1, description="Of g_i in training (their code).")
    lr: float = Field(0.1, gt=0, description="Learning rate of what is new.")
    backbone_lr: float = Field(0.1, gt=0, description="Of the backbone [share of lr].")
    decay: float = Field(40 / 60, gt=0, lt=1, description="Share of the steps before lr / 10.")
    momentum: float = Field(0.9, gt=0, lt=1, description="Of SGD, after Nesterov (their code).")
    weight_decay: float = Field(5e-4, ge=0, description="Of all parameters (their code).")
    gain: float = Field(0.0, ge=0, lt=1, description="Range of a channel's random gain.")

    @model_validator(mode="after")
    def _stripes_are_equal(self) -> Self:
        if self.height % (STEP * self.p):
            raise ValueError(
                f"a height of {self.height} does not make {self.p} equal stripes: "
                f"take a multiple of {STEP * self.p}"
            )
        return self


DEPARTURES = (
    "No refined part pooling: this is PCB alone, the first half of the paper.",
    "A batch is 16 identities with 4 images each; theirs is 64 images of any identities (their "
    "code).",
    "The number of steps is that of the epochs in images; theirs drops the incomplete batch at the "
    "end of each epoch (their code).",
    "Each g_i has unit length in the descriptor, as in their code; the paper says that the g_i are "
    "concatenated.",
    "Dropout of 0.5 on g_i, Nesterov's momentum of 0.9 and a weight decay of 5e-4 are of the "
    "authors' PyTorch code, whose README promises about 93.0 rank-1 on Market-1501, another number "
    "than the paper's.",
    "One 1 x 1 convolution makes the h_i of all stripes, as in their PyTorch code; the paper's "
    "figure draws one after each pooled part. It matters: the code of huanghoujing "
    "(github.com/huanghoujing/beyond-part-models, its README) reaches 90.9 rank-1 and 73.3 mAP on "
    "Market-1501 with one, 92.9 and 78.5 with one for each stripe.",
    "The feature H is of h_i after batch normalisation and ReLU; their code normalises what the "
    "convolution gives, before both.",
    "The recipes smoke, quick and standard add a random gain of each colour channel; theirs "
    "augments by the flip alone.",
)

PAPER = Recipe(
    name="paper",
    summary="The paper's: 60 epochs of Market-1501 at 384 x 128 in batches of 64.",
    trials=None,
    values={"images": 60 * 12_936},
)

RECIPES = (
    Recipe(
        name="tiny",
        summary="A sliver of a network for seconds: for tests, not for numbers.",
        trials=1,
        narrowed="network narrowed to 4 of 64 channels, one epoch at 96 x 32",
        values={
            "height": 96,
            "width": 32,
            "base_width": 4,
            "d": 16,
            "images": 64,
            "batch_identities": 8,
        },
    ),
    Recipe(
        name="smoke",
        summary="A narrow network, a minute on two idle cores: shows that everything works.",
        trials=1,
        narrowed="network narrowed to 16 of 64 channels, 4,800 images at 96 x 32",
        values={
            "height": 96,
            "width": 32,
            "base_width": 16,
            "d": 64,
            "images": 4800,
            "batch_identities": 8,
            "backbone_lr": 1.0,
            "gain": 0.2,
        },
    ),
    Recipe(
        name="quick",
        summary="The full network on 6,000 images at 192 x 64: minutes on two CPU cores.",
        trials=3,
        narrowed="6,000 images at 192 x 64",
        values={"height": 192, "width": 64, "images": 6000, "batch_identities": 8, "gain": 0.2},
    ),
    Recipe(
        name="standard",
        summary="The full network on 60,000 images at 384 x 128, for a data-centre GPU.",
        trials=None,
        narrowed="60,000 images",
        values={"images": 60_000, "gain": 0.2},
    ),
    PAPER,
)


@hookimpl
def register_methods(register: Callable[[MethodSpec], None]) -> None:
    """Register the method."""
    register(
        MethodSpec(
            key="pcb",
            title="PCB",
            summary="ResNet-50 whose feature map is cut into six stripes, each with a classifier.",
            method_version=1,  # raise it when a change alters results
            config=PcbConfig,
            recipes={recipe.name: recipe for recipe in RECIPES},
            method="reid_pcb.method:PcbMethod",
            paper="pcb",
            row="PCB (G)",
            departures=DEPARTURES,
        )
    )


@hookimpl
def register_papers(register: Callable[[str], None]) -> None:
    """Register the tables that the paper published."""
    paper = files(__name__) / "papers" / "pcb.yaml"
    register(paper.read_text(encoding="utf-8"))
