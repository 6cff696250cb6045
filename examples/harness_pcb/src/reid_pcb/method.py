"""PCB, the part-based convolutional baseline.

Paper: Y. Sun, L. Zheng, Y. Yang, Q. Tian, S. Wang, "Beyond Part Models: Person Retrieval with
Refined Part Pooling (and a Strong Convolutional Baseline)", ECCV 2018. arXiv:1711.09349v3.

Where the paper is in this file (its steps; PCB has no numbered equation):

    T, 24 x 8          the last down-sampling removed      PcbMethod.__init__
    g_i                average pooling of a stripe of T    pool_stripes
    h_i                1 x 1 convolution of g_i            Reduction
    classifier i       FC and softmax of h_i               Classifiers, identity_loss
    L                  sum over the p classifiers          stripes_loss
    G                  the descriptor, all g_i             concatenate

Departures from the paper: `DEPARTURES` in this package's `__init__`, shown on the method's page.

Axes: N images of a batch, C channels, H x W pixels, h x w of T, p stripes, d channels of h_i,
P training identities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import SGD

from harness import Augment, Distance, EmbedBatch, FitContext, Stage, Stream, TrainBatch, Update
from harness.nn import ResNet50, full_steps, multistep, normalise
from reid_pcb import PcbConfig


def pool_stripes(t: Tensor, p: int) -> Tensor:
    """Return g_i, the mean of each of p equal horizontal stripes of T.

    Args:
        t: The feature map T, (N, C, h, w); p divides h.
        p: Number of stripes.

    Returns:
        g_1 to g_p from top to bottom, (N, C, p).
    """
    rows = t.mean(dim=3)  # (N, C, h)
    return rows.reshape(*rows.shape[:2], p, -1).mean(dim=3)


def identity_loss(y: Tensor, k: Tensor) -> Tensor:
    """Return the softmax loss of one classifier: the mean over images of -log softmax(y)_k.

    Args:
        y: Logits, (N, P).
        k: Identity labels, (N,), int64, from 0 to P - 1.

    Returns:
        A scalar [nats].
    """
    return (y.logsumexp(dim=1) - y.gather(1, k[:, None])[:, 0]).mean()


def stripes_loss(y: Tensor, k: Tensor) -> Tensor:
    """Return L, the sum of the p classifiers' losses.

    Args:
        y: Logits of each stripe, (N, p, P).
        k: Identity labels, (N,), int64, from 0 to P - 1.

    Returns:
        A scalar [nats].
    """
    return torch.stack([identity_loss(y_i, k) for y_i in y.unbind(dim=1)]).sum()


def concatenate(g: Tensor) -> Tensor:
    """Return G: the pieces, each at unit length, concatenated.

    All G have the length sqrt(p), so that Euclidean distances rank as cosines do.

    Args:
        g: Pieces, (N, C, p).

    Returns:
        (N, C p), piece after piece.
    """
    return nn.functional.normalize(g, dim=1).transpose(1, 2).flatten(1)


class Output(NamedTuple):
    """What the network says of images: pieces g and h, and the logits y of each stripe.

    g is (N, C, p), h is (N, d, p), y is (N, p, P).
    """

    g: Tensor
    h: Tensor
    y: Tensor


class Reduction(nn.Module):
    """h_i: the 1 x 1 convolution that all stripes share, batch normalisation and ReLU.

    Args:
        channels: C, of g_i.
        d: Of h_i.
        dropout: Probability that a channel of g_i is dropped in training.
    """

    def __init__(self, channels: int, d: int, dropout: float) -> None:
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.convolution = nn.Conv1d(channels, d, 1, bias=False)
        self.normalisation = nn.BatchNorm1d(d)
        nn.init.kaiming_normal_(self.convolution.weight, mode="fan_out")

    def forward(self, g: Tensor) -> Tensor:
        """Return h, (N, d, p), of g, (N, C, p)."""
        h: Tensor = self.normalisation(self.convolution(self.drop(g))).relu()
        return h


class Classifiers(nn.Module):
    """The p classifiers, which share nothing.

    Args:
        p: Stripes.
        d: Channels of h_i.
        identities: P.
    """

    def __init__(self, p: int, d: int, identities: int) -> None:
        super().__init__()
        self.stripes = nn.ModuleList(nn.Linear(d, identities) for _ in range(p))
        for name, parameter in self.named_parameters():
            if name.endswith("weight"):
                nn.init.normal_(parameter, std=0.001)
            else:
                nn.init.zeros_(parameter)

    def forward(self, h: Tensor) -> Tensor:
        """Return y, (N, p, P), of h, (N, d, p)."""
        pairs = zip(self.stripes, h.unbind(dim=2), strict=True)
        return torch.stack([classifier(h_i) for classifier, h_i in pairs], dim=1).float()


class PcbMethod:
    """What the harness trains and scores; the mathematics is above.

    Args:
        config: The settings.
        context: What there is to train on.
    """

    feature: ClassVar[str] = "G"
    distance: ClassVar[Distance] = "euclidean"
    backbones: ClassVar[Sequence[str]] = ("backbone",)

    def __init__(self, config: PcbConfig, context: FitContext) -> None:
        self.config = config
        self.context = context
        self.backbone = ResNet50(config.base_width, last_stride=1)
        self.reduction = Reduction(self.backbone.channels[-1], config.d, config.dropout)
        self.classifiers = Classifiers(config.p, config.d, context.identities)
        self.networks: Mapping[str, nn.Module] = {
            "backbone": self.backbone,
            "reduction": self.reduction,
            "classifiers": self.classifiers,
        }

    def stages(self) -> Sequence[Stage]:
        """Return the one stage of training."""
        c = self.config
        images = c.batch_identities * c.batch_images
        new = [*self.reduction.parameters(), *self.classifiers.parameters()]
        groups: list[dict[str, Any]] = [
            {"params": list(self.backbone.parameters()), "lr": c.lr * c.backbone_lr},
            {"params": new, "lr": c.lr},
        ]
        sgd = SGD(groups, momentum=c.momentum, weight_decay=c.weight_decay, nesterov=True)
        return [
            Stage(
                name="PCB",
                steps=full_steps(c, self.context, images),
                streams={
                    "train": Stream(
                        c.batch_identities, c.batch_images, augment=Augment(gain=c.gain)
                    )
                },
                trains=tuple(self.networks),
                optimisers={"PCB": sgd},
                train_step=self.train_step,
                schedule=multistep([c.decay]),
                identity_images=images,
            )
        ]

    def train_step(self, batches: Mapping[str, TrainBatch], update: Update) -> Mapping[str, Tensor]:
        """Descend L once."""
        batch = batches["train"]
        loss = stripes_loss(self.represent(batch.pixels).y, batch.labels)
        update("PCB", loss)
        return {"id": loss}

    def represent(self, pixels: Tensor) -> Output:
        """Return g, h and y of pixels, (N, 3, H, W), in [0, 1]."""
        g = pool_stripes(self.backbone(normalise(pixels)).f5.float(), self.config.p)
        h = self.reduction(g)
        return Output(g, h, self.classifiers(h))

    def embed(self, batch: EmbedBatch) -> Mapping[str, Tensor]:
        """Return G, by which images are compared, and H, the same of h_i."""
        g, h, _ = self.represent(batch.pixels)
        return {"G": concatenate(g), "H": concatenate(h.float())}
