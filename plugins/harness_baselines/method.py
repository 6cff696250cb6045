"""The two baselines of RAIN: a ResNet-50 trained for re-ID on HR, or on HR & LR images.

Paper: Y.-C. Chen, Y.-J. Li, X. Du, Y.-C. F. Wang, "Learning Resolution-Invariant Deep
Representations for Person Re-Identification", AAAI 2019. Table 1, rows "Baseline (train on HR)"
and "Baseline (train on HR & LR)".

Where the paper is in this file:

    Sec. "Re-ID classifier C"    v = GAP(f5)                        Baseline.embed
    Eq. (3)                      L_cls                              classification_loss
    Eqs. (4), (5), (6)           d_pos, d_neg, L_tri                triplet_loss
    Table 1, Baseline            L_cls + L_tri, without D and G     Baseline.train_step

Departures from the paper: `DEPARTURES` in this package's `__init__`, shown on the method's page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer

from harness import Augment, Distance, EmbedBatch, FitContext, Stage, Stream, TrainBatch, Update
from harness.nn import ResNet50, batch_hard, constant, full_steps, normalise, warmup_cosine
from harness_baselines import BaselineConfig

RATES = (2, 3, 4)  # down-sampling rates r of the LR copies (Sec. "Datasets")


def classification_loss(y: Tensor, k: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return one expectation of L_cls, Eq. (3): the mean cross-entropy over a domain's images.

    Args:
        y: Logits of C(v), (N, K).
        k: Identity labels, (N,).
        smoothing: Label smoothing; 0 is the paper's one-hot target.
    """
    return F.cross_entropy(y, k, label_smoothing=smoothing)


def triplet_loss(v: Tensor, k: Tensor, m: float) -> Tensor:
    """Return one expectation of L_tri, Eqs. (4) to (6), over the hardest pairs of each anchor.

    Args:
        v: Features, (N, d).
        k: Identity labels, (N,).
        m: Margin, in units of v.
    """
    d_pos, d_neg = batch_hard(v, k)  # Eqs. (4) and (5)
    return F.relu(m + d_pos - d_neg).mean()  # Eq. (6)


class Baseline:
    """ResNet-50 with L_cls and L_tri on HR images; subclasses add LR copies or leave out training.

    Args:
        config: The settings.
        context: What there is to train on.
    """

    feature: ClassVar[str] = "v"
    distance: ClassVar[Distance] = "euclidean"
    backbones: ClassVar[Sequence[str]] = ("extractor",)
    rates: ClassVar[tuple[int, ...]] = ()

    def __init__(self, config: BaselineConfig, context: FitContext) -> None:
        self.config = config
        self.context = context
        self.extractor = ResNet50(config.base_width, config.last_stride)
        self.classifier = nn.Linear(self.extractor.channels[-1], context.identities)
        nn.init.normal_(self.classifier.weight, std=0.001)
        nn.init.zeros_(self.classifier.bias)
        self.neck: nn.Module = nn.Identity()
        if config.neck == "bn":
            self.neck = nn.BatchNorm1d(self.extractor.channels[-1])
        self.networks: Mapping[str, nn.Module] = {
            "extractor": self.extractor,
            "neck": self.neck,
            "classifier": self.classifier,
        }

    def stages(self) -> Sequence[Stage]:
        """Return the one stage: identity and triplet loss together."""
        c = self.config
        domains = 2 if self.rates else 1
        per_step = domains * c.batch_identities * c.batch_images
        augment = Augment(c.flip, c.crop, c.gain, c.brightness, c.erasing)
        stream = Stream(c.batch_identities, c.batch_images, self.rates, c.near_cameras, augment)
        return [
            Stage(
                name="re-ID",
                steps=full_steps(c, self.context, per_step),
                streams={"train": stream},
                trains=("extractor", "neck", "classifier"),
                optimisers={"re-ID": self._optimiser()},
                train_step=self.train_step,
                schedule=constant() if c.optimiser == "sgd" else warmup_cosine(c.warmup),
                identity_images=per_step,
            )
        ]

    def train_step(self, batches: Mapping[str, TrainBatch], update: Update) -> Mapping[str, Tensor]:
        """Descend L_cls + L_tri, summed over the domains (HR, and LR where there are copies)."""
        batch = batches["train"]
        domains = [batch.pixels] if batch.lr is None else [batch.pixels, batch.lr]
        v = self.represent(torch.cat(domains))  # (domains * N, d)
        y = self.classifier(v).float()
        losses = {"cls": y.new_zeros(()), "tri": y.new_zeros(())}
        for v_domain, y_domain in zip(v.chunk(len(domains)), y.chunk(len(domains)), strict=True):
            losses["cls"] += classification_loss(y_domain, batch.labels, self.config.smoothing)
            losses["tri"] += triplet_loss(self._mined(v_domain), batch.labels, self.config.margin)
        update(
            "re-ID",
            self.config.lambda_cls * losses["cls"] + self.config.lambda_tri * losses["tri"],
        )
        return losses

    def represent(self, pixels: Tensor) -> Tensor:
        """Return v = neck(GAP(f5)), (N, d), of pixels in [0, 1]."""
        f5: Tensor = self.extractor(normalise(pixels)).f5  # (N, d, h, w)
        v: Tensor = self.neck(f5.float().mean(dim=(2, 3)))
        return v

    def embed(self, batch: EmbedBatch) -> Mapping[str, Tensor]:
        """Return v, scaled to unit length."""
        return {"v": F.normalize(self.represent(batch.pixels))}

    def _mined(self, v: Tensor) -> Tensor:
        return F.normalize(v) if self.config.normalised else v

    def _optimiser(self) -> Optimizer:
        c = self.config
        groups = [
            {"params": self.extractor.parameters(), "lr": c.lr},
            {"params": [*self.neck.parameters(), *self.classifier.parameters()], "lr": c.head_lr},
        ]
        if c.optimiser == "sgd":
            return SGD(groups, lr=c.lr, momentum=0.9, weight_decay=c.weight_decay)
        return Adam(groups, lr=c.lr, weight_decay=c.weight_decay)


class BaselineHR(Baseline):
    """Trained on the images as they are."""


class BaselineHRLR(Baseline):
    """Trained on the images as they are and on a copy of each, down-sampled by a fresh r."""

    rates = RATES


class InitialWeights(Baseline):
    """Not trained at all: what the initial weights give."""

    def stages(self) -> Sequence[Stage]:
        """Return no stage."""
        return ()
