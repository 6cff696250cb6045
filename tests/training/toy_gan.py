"""A GAN of two linear maps, in a stage after a warm-up or alone, that can be made to collapse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

from harness import Adversary, Augment, EmbedBatch, Stage, Stream, TrainBatch, Update

PIXELS = 3 * 16 * 8


class ToyGan:
    """Maps noise to images, and tells them from real ones.

    Args:
        steps: Of the stage `gan`.
        warm_up: Steps of the stage before it, which fits the mean image; 0 for no such stage.
        d_lr: The discriminator's learning rate; an absurd one saturates it.
        echo: The generator puts out the real images themselves, so that D is at chance.
    """

    feature = "v"
    distance = "euclidean"
    backbones = ()

    def __init__(
        self, steps: int, warm_up: int = 4, d_lr: float = 2e-4, *, echo: bool = False
    ) -> None:
        self.g = nn.Linear(8, PIXELS)
        self.d = nn.Linear(PIXELS, 1)
        self.networks: Mapping[str, nn.Module] = {"g": self.g, "d": self.d}
        self._steps, self._warm_up, self._d_lr, self._echo = steps, warm_up, d_lr, echo

    def stages(self) -> Sequence[Stage]:
        streams = {"train": Stream(3, 2, augment=Augment(flip=0.0))}
        g = torch.optim.Adam(self.g.parameters(), lr=1e-4)
        d = torch.optim.SGD(self.d.parameters(), lr=self._d_lr)
        gan = Stage(
            name="gan",
            steps=self._steps,
            streams=streams,
            trains=("g", "d"),
            optimisers={"g": g, "d": d},
            train_step=self.play,
            adversary=Adversary(real="p_real", fake="p_fake"),
        )
        if not self._warm_up:
            return [gan]
        return [Stage("warm-up", self._warm_up, streams, ("g",), {"g": g}, self.fit_mean), gan]

    def fit_mean(self, batches: Mapping[str, TrainBatch], update: Update) -> Mapping[str, Tensor]:
        real = batches["train"].pixels.flatten(1)
        loss = mse_loss(self._generate(real), real)
        update("g", loss)
        return {"id": loss}

    def play(self, batches: Mapping[str, TrainBatch], update: Update) -> Mapping[str, Tensor]:
        real = batches["train"].pixels.flatten(1)
        fake = self._generate(real)
        on_real, on_fake = self.d(real), self.d(fake.detach())
        d_loss = _bce(on_real, 1.0) + _bce(on_fake, 0.0)
        update("d", d_loss)
        g_loss = _bce(self.d(fake), 1.0)
        update("g", g_loss)
        p_real, p_fake = on_real.sigmoid().mean(), on_fake.sigmoid().mean()
        return {"id": g_loss, "d": d_loss, "p_real": p_real, "p_fake": p_fake}

    def _generate(self, real: Tensor) -> Tensor:
        made: Tensor = self.g(torch.randn(len(real), 8))
        return real + 0 * made if self._echo else made

    def embed(self, batch: EmbedBatch) -> Mapping[str, Tensor]:
        return {"v": batch.pixels.flatten(1)}


def _bce(logits: Tensor, target: float) -> Tensor:
    return binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))
