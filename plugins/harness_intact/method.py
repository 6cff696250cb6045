"""INTACT: Inter-Task Association Critic for cross-resolution person re-identification.

Paper: Z. Cheng, Q. Dong, S. Gong, X. Zhu, "Inter-Task Association Critic for Cross-Resolution
Person Re-Identification", CVPR 2020. Re-implementation from notes; equation numbers as far as the
notes give them (the association loss is Eqs. (7) and (8), which they do not tell apart).

Where the paper is in this file:

    Eq. (3)            L_id                          identity_loss
    Part I             L_intact                      association_loss
    Part I, Eq. (6)    L_e, the bridge constraint    bridge_loss
    Part I             L_intact-e                    association_bridge_loss
    Part II            L_dis, phi fixed              regularisation_loss, Intact.regularise
    Table 3, MSE       L_mse                         content_loss
    Table 3, GAN       L_gan of S, and of D          generator_loss, discriminator_loss

Departures from the paper: `DEPARTURES` in this package's `__init__`, shown on the method's page.

Symbols: x_L an LR image at network size, x_H its HR original, x_S = S(x_L); f_c the identity
feature of R, f_d the feature of D, f_e the hidden layer of phi; primed of x_S.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from harness import (
    Adversary,
    Augment,
    Distance,
    EmbedBatch,
    FitContext,
    Stage,
    Stream,
    TrainBatch,
    Update,
)
from harness.nn import ResNet50, full_steps, normalise, warmup_cosine
from harness_intact import IntactConfig
from harness_intact.networks import Association, Discriminator, SuperResolution, batch_statistics

Batches = Mapping[str, TrainBatch]
Losses = Mapping[str, Tensor]

RATES = (2, 3, 4)  # down-sampling rates r of the LR copies
REAL = 0.9  # what D is to say of a real image: one-sided label smoothing
ADVERSARY = Adversary(real="p_real", fake="p_restored", target=REAL)
OPTIMISED = {  # networks by optimiser
    "re-ID": ("R", "neck", "C"),
    "S": ("S",),
    "D": ("D",),
    "association": ("phi", "sigma"),
}


def identity_loss(y: Tensor, k: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return L_id, Eq. (3): the mean cross-entropy of identity logits y, (N, K), to labels k."""
    return F.cross_entropy(y.float(), k, label_smoothing=smoothing)


def content_loss(x_S: Tensor, x_H: Tensor) -> Tensor:
    """Return L_mse: the mean over images and pixels of (x_S - x_H)^2; zero for no image."""
    return F.mse_loss(x_S.float(), x_H) if len(x_S) else x_S.sum()


def discriminator_loss(real: Tensor, restored: Tensor) -> Tensor:
    """Return the loss of D from its logits (N, 1) of real and of restored images.

    -E[0.9 log p(x_H) + 0.1 log(1 - p(x_H))] - E[log(1 - p(x_S))], with p the sigmoid of the logit.
    """
    real, restored = real.float(), restored.float()
    return F.binary_cross_entropy_with_logits(
        real, torch.full_like(real, REAL)
    ) + F.binary_cross_entropy_with_logits(restored, torch.zeros_like(restored))


def generator_loss(restored: Tensor) -> Tensor:
    """Return L_gan of S: -E[log p(x_S)], from D's logits (N, 1) of restored images."""
    return F.softplus(-restored.float()).mean()


def association_loss(phi_f_c: Tensor, f_d: Tensor) -> Tensor:
    """Return L_intact = ||phi(f_c) - f_d||^2 / d: mean over the batch of HR images, (N, d)."""
    return F.mse_loss(phi_f_c.float(), f_d.float())


def bridge_loss(sigma_f_d: Tensor, f_e: Tensor) -> Tensor:
    """Return L_e = ||sigma(f_d) - f_e||^2 / d, Eq. (6): mean over the batch, (N, d)."""
    return F.mse_loss(sigma_f_d.float(), f_e.float())


def association_bridge_loss(l_intact: Tensor, l_e: Tensor) -> Tensor:
    """Return L_intact-e = L_intact + L_e, two scalars' sum."""
    return l_intact + l_e


def regularisation_loss(phi_f_c: Tensor, f_d: Tensor) -> Tensor:
    """Return L_dis = ||phi(f'_c) - f'_d||^2 / d: mean over the batch of restored images, (N, d)."""
    return F.mse_loss(phi_f_c.float(), f_d.float())


class Intact:
    """S before R, with an adversary D, and phi, the critic of their association.

    Args:
        config: The settings.
        context: What there is to train on.
    """

    feature: ClassVar[str] = "f_c"
    distance: ClassVar[Distance] = "euclidean"
    backbones: ClassVar[Sequence[str]] = ("R",)

    def __init__(self, config: IntactConfig, context: FitContext) -> None:
        c = self.config = config
        self.context = context
        d = c.association_width
        self.R = ResNet50(c.base_width, c.last_stride)
        self.neck = nn.BatchNorm1d(self.R.channels[-1])
        self.C = nn.Linear(self.R.channels[-1], context.identities)
        nn.init.normal_(self.C.weight, std=0.001)
        nn.init.zeros_(self.C.bias)
        self.S = SuperResolution(c.sr_width, c.sr_blocks)
        self.D = Discriminator(c.d_width, d)
        self.phi = Association(self.R.channels[-1], d)
        self.sigma = nn.Sequential(nn.Linear(d, d), nn.ReLU(), nn.Linear(d, d))
        used = {"D": c.use_gan, "phi": c.use_assoc, "sigma": c.use_assoc and c.use_bridge}
        self.networks: Mapping[str, nn.Module] = {
            name: getattr(self, name)
            for names in OPTIMISED.values()
            for name in names
            if used.get(name, True)
        }

    def stages(self) -> Sequence[Stage]:
        """Return the two warm-ups, Part I and Part II, without what the switches leave out."""
        c = self.config
        batch = c.batch_identities * c.batch_images
        steps = full_steps(c, self.context, 2 * batch)  # with L_id, on both batches
        first = round(c.warmup_share * steps) if c.use_id else 0
        lr, own, hr = self._streams()
        flat, falling = warmup_cosine(c.warmup, floor=1.0), warmup_cosine(c.warmup)
        re_id, association = ("re-ID",) * c.use_id, ("association",) * c.use_assoc
        restoring = ("S", "D") if c.use_gan else ("S",)
        adversary = ADVERSARY if c.use_gan else None
        stages = [
            Stage(
                name="super-resolution warm-up",
                steps=math.ceil(c.sr_images / batch) if c.use_mse or c.use_gan else 0,
                streams={"lr": lr, "hr": hr},
                train_step=self.warm_up_restoration,
                schedule=flat,
                adversary=adversary,
                **self._training(*restoring),
            ),
            Stage(
                name="re-ID warm-up",
                steps=first,
                streams={"lr": lr, "own": own},
                train_step=self.warm_up_identity,
                schedule=flat,
                identity_images=2 * batch,
                **self._training(*re_id),
            ),
            Stage(
                name="association learning",
                steps=math.ceil(c.association_images / batch) if c.use_assoc else 0,
                streams={"own": own, "hr": hr},
                train_step=self.learn_association,
                schedule=falling,
                **self._training(*association),
            ),
            Stage(
                name="association regularisation" if c.use_assoc else "joint training",
                steps=steps - first,
                streams={"lr": lr, "own": own, "hr": hr},
                train_step=self.regularise,
                schedule=falling,
                identity_images=2 * batch if c.use_id else 0,
                adversary=adversary,
                **self._training(*re_id, *restoring),
            ),
        ]
        return [stage for stage in stages if stage.steps]

    def warm_up_restoration(self, batches: Batches, update: Update) -> Losses:
        """Descend L_mse and L_gan in S, and D's own loss."""
        lr, x_H = batches["lr"], batches["hr"].pixels
        x_S = self.S(_low(lr))
        x = x_S.detach().requires_grad_()
        losses = self._critics(x)
        losses |= self._restore_step(x_S, lr, self._gradient(losses, x), update)
        return losses | self._discriminate_step(x_H, x, update)

    def warm_up_identity(self, batches: Batches, update: Update) -> Losses:
        """Descend L_id in R, on images as they are and on LR copies that are not restored."""
        lr, own = batches["lr"], batches["own"]
        f_c = self.represent(torch.cat([own.pixels, _low(lr)]))
        loss = self._identity_loss(f_c, own.labels, lr.labels)
        update("re-ID", loss)
        return {"id": loss}

    def learn_association(self, batches: Batches, update: Update) -> Losses:
        """Descend L_intact-e = L_intact + L_e in phi and sigma, on HR images (Part I)."""
        own, x_H = batches["own"].pixels, batches["hr"].pixels
        trained_later = (self.R, self.neck) if self.config.use_id else ()
        with torch.no_grad(), batch_statistics(*trained_later):  # f_c as Part II will have it
            f_c, f_d = self.represent(torch.cat([own, x_H]))[len(own) :], self.D(x_H).f_d
        phi_f_c, f_e = self.phi(f_c)
        l_intact = association_loss(phi_f_c, f_d)
        if not self.config.use_bridge:
            update("association", l_intact)
            return {"intact": l_intact}
        l_e = bridge_loss(self.sigma(f_d), f_e)  # Eq. (6)
        update("association", association_bridge_loss(l_intact, l_e))
        return {"intact": l_intact, "e": l_e}

    def regularise(self, batches: Batches, update: Update) -> Losses:
        """Descend the joint loss with phi fixed (Part II).

        S follows L_mse, L_id, L_gan and L_dis; R follows L_id alone, D its own loss alone. So what
        a critic says of x_S is differentiated with respect to x_S and not to the critic.
        """
        c = self.config
        lr, own = batches["lr"], batches["own"]
        x_S = self.S(_low(lr))  # (N, 3, H, W)
        x = x_S.detach().requires_grad_()
        f_c = self.represent(torch.cat([own.pixels, x])) if c.use_id or c.use_assoc else None
        losses = self._critics(x, f_c)
        gradient = self._gradient(losses, x)
        if f_c is not None and c.use_id:
            losses["id"] = self._identity_loss(f_c, own.labels, lr.labels)
            update("re-ID", losses["id"])  # into R, and into x.grad
            assert x.grad is not None
            gradient = gradient + c.lambda_id * x.grad
        losses |= self._restore_step(x_S, lr, gradient, update)
        return losses | self._discriminate_step(batches["hr"].pixels, x, update)

    def represent(self, pixels: Tensor) -> Tensor:
        """Return f_c, (N, d_c), of pixels in [0, 1]."""
        f5: Tensor = self.R(normalise(pixels)).f5
        f_c: Tensor = self.neck(f5.float().mean(dim=(2, 3)))
        return f_c

    def restore(self, batch: EmbedBatch) -> Tensor:
        """Return x_S = S(x_L), (N, 3, H, W), in [0, 1]."""
        x_S: Tensor = self.S(batch.pixels)
        return x_S.clamp(0, 1)

    def embed(self, batch: EmbedBatch) -> Mapping[str, Tensor]:
        """Return f_c at unit length: of S(x_L) for LR queries, of the image itself otherwise."""
        low = torch.tensor([r != 1 and batch.role == "query" for r in batch.r])
        pixels = batch.pixels
        if low.any():
            where = low.to(pixels.device)[:, None, None, None]
            pixels = torch.where(where, self.restore(batch), pixels)
        return {"f_c": F.normalize(self.represent(pixels))}

    def _identity_loss(self, f_c: Tensor, *labels: Tensor) -> Tensor:
        """Return L_id, summed over the batches that were put one after another into f_c."""
        sizes = [len(k) for k in labels]
        parts = zip(self.C(f_c).split(sizes), labels, strict=True)
        return torch.stack([identity_loss(y, k, self.config.smoothing) for y, k in parts]).sum()

    def _critics(self, x: Tensor, f_c: Tensor | None = None) -> dict[str, Tensor]:
        """Return L_gan and L_dis, if on, of images x, (N, 3, H, W); f_c ends with f'_c of x."""
        losses: dict[str, Tensor] = {}
        if not self.config.use_gan:
            return losses
        judgement = self.D(x)
        losses["gan"] = generator_loss(judgement.logit)
        if self.config.use_assoc and f_c is not None:
            phi_f_c, _ = self.phi(f_c[-len(x) :])
            losses["dis"] = regularisation_loss(phi_f_c, judgement.f_d)
        return losses

    def _gradient(self, losses: Losses, x: Tensor) -> Tensor:
        """Return the gradient of the weighted critics with respect to x, and to nothing else."""
        weights = {"gan": self.config.lambda_gan, "dis": self.config.lambda_dis}
        if not losses:
            return torch.zeros_like(x)
        total = torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()
        return torch.autograd.grad(total, x, retain_graph=True)[0]

    def _restore_step(
        self, x_S: Tensor, lr: TrainBatch, gradient: Tensor, update: Update
    ) -> Losses:
        """Descend L_mse and what the critics say of x_S, in S."""
        loss = (x_S * gradient).sum()  # its gradient with respect to S is the critics'
        losses: dict[str, Tensor] = {}
        if self.config.use_mse:
            hr = ~lr.native_lr
            losses["mse"] = content_loss(x_S[hr], lr.pixels[hr])
            loss = loss + self.config.lambda_mse * losses["mse"]
        update("S", loss)
        return losses

    def _discriminate_step(self, x_H: Tensor, x: Tensor, update: Update) -> dict[str, Tensor]:
        """Descend D's own loss, on HR images and on restored ones."""
        if not self.config.use_gan:
            return {}
        real, restored = self.D(x_H).logit, self.D(x.detach()).logit
        loss = discriminator_loss(real, restored)
        update("D", loss)
        p_real, p_restored = real.sigmoid().mean(), restored.sigmoid().mean()
        return {"d": loss, "p_real": p_real, "p_restored": p_restored}

    def _streams(self) -> tuple[Stream, Stream, Stream]:
        """Return images with LR copies, images as they are, and HR images."""
        c = self.config
        augment = Augment(c.flip, c.crop, c.gain, c.brightness)
        lr = Stream(c.batch_identities, c.batch_images, RATES, augment=augment)
        own = replace(lr, rates=())
        return lr, own, replace(own, hr_only=True)

    def _training(self, *optimisers: str) -> dict[str, Any]:
        """Return `trains` and `optimisers` of a stage that steps these."""
        networks = (network for name in optimisers for network in OPTIMISED[name])
        return {
            "trains": [network for network in networks if network in self.networks],
            "optimisers": {name: self._optimiser(name) for name in optimisers},
        }

    def _optimiser(self, name: str) -> Optimizer:
        c = self.config
        rates = {"R": c.lr, "neck": c.head_lr, "C": c.head_lr, "S": c.sr_lr, "D": c.d_lr}
        groups = [
            {
                "params": list(self.networks[network].parameters()),
                "lr": rates.get(network, c.association_lr),
                "weight_decay": c.weight_decay if network in OPTIMISED["re-ID"] else 0.0,
            }
            for network in OPTIMISED[name]
            if network in self.networks
        ]
        return Adam(groups)


def _low(lr: TrainBatch) -> Tensor:
    """Return x_L: the degraded copies, and images of native low resolution as they are."""
    assert lr.lr is not None
    return torch.where(lr.native_lr[:, None, None, None], lr.pixels, lr.lr)
