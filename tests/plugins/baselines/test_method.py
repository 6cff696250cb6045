"""RAIN's baselines: Eqs. (3) to (6) three ways, what a step trains, and what the recipes say."""

from __future__ import annotations

import math

import pytest
import torch

from harness import EmbedBatch, FitContext, TrainBatch
from harness.loader import load_plugins
from harness.run.request import build_config
from harness_baselines import BaselineConfig
from harness_baselines.method import (
    BaselineHR,
    BaselineHRLR,
    InitialWeights,
    classification_loss,
    triplet_loss,
)

CONTEXT = FitContext(identities=6, images=48, cameras=2)


def configured(key: str, recipe: str, *settings: str) -> BaselineConfig:
    """Return the config of a method's recipe with some settings overridden."""
    spec = load_plugins().method(key)
    config = build_config(spec, spec.recipes[recipe], settings)
    assert isinstance(config, BaselineConfig)
    return config


def narrow(**values):
    return BaselineConfig(base_width=4, height=32, width=16, **values)


class TestClassificationLoss:
    def test_by_hand(self):
        """Logits (0, ln 3) cost ln 4 for the first class, ln 4/3 for the second; the mean."""
        y = torch.tensor([[0.0, math.log(3)], [0.0, math.log(3)]])

        assert classification_loss(y, torch.tensor([0, 1])).item() == pytest.approx(
            (math.log(4) + math.log(4 / 3)) / 2
        )

    def test_naive_transcription(self):
        """It is minus the mean over images of the sum over k of y_hat_k log y_tilde_k, Eq. (3)."""
        torch.manual_seed(0)
        y, labels = torch.randn(5, 4), torch.tensor([0, 3, 1, 2, 2])
        total = 0.0
        for n in range(5):
            y_tilde = torch.exp(y[n]) / torch.exp(y[n]).sum()
            for k in range(4):
                y_hat = 1.0 if labels[n] == k else 0.0
                total -= y_hat * math.log(y_tilde[k])

        assert classification_loss(y, labels).item() == pytest.approx(total / 5, rel=1e-5)

    def test_chance(self):
        """A classifier that knows nothing costs ln K, smoothed or not."""
        y, labels = torch.zeros(3, 25), torch.tensor([1, 2, 3])

        assert classification_loss(y, labels).item() == pytest.approx(math.log(25))
        assert classification_loss(y, labels, 0.1).item() == pytest.approx(math.log(25))


class TestTripletLoss:
    def test_by_hand(self):
        """On a line 0, 3 | 4, 10 with m = 1: max(0, 1+3-4), (1+3-1), (1+6-1), (1+6-7): 9 / 4."""
        v = torch.tensor([[0.0], [3.0], [4.0], [10.0]])

        assert triplet_loss(v, torch.tensor([0, 0, 1, 1]), 1.0).item() == pytest.approx(9 / 4)

    def test_naive_transcription(self):
        """It is the mean over anchors of max(0, m + d_pos - d_neg), hardest pairs, Eq. (6)."""
        torch.manual_seed(1)
        v, labels, m = torch.randn(8, 3), torch.arange(4).repeat(2), 0.3
        total = 0.0
        for x in range(8):
            d = [(v[x] - v[other]).norm().item() for other in range(8)]
            d_pos = max(d[o] for o in range(8) if labels[o] == labels[x])
            d_neg = min(d[o] for o in range(8) if labels[o] != labels[x])
            total += max(0.0, m + d_pos - d_neg)

        assert triplet_loss(v, labels, m).item() == pytest.approx(total / 8, rel=1e-5)

    def test_margin_two_never_saturates_at_unit_length(self):
        """At unit length and m = 2 the hinge is linear: 2 + mean(d_pos - d_neg), in [0, 4]."""
        torch.manual_seed(2)
        v = torch.nn.functional.normalize(torch.randn(12, 5))
        labels = torch.arange(4).repeat(3)
        distances = torch.cdist(v, v)
        same = labels[:, None] == labels[None]
        d_pos = distances.where(same, torch.tensor(-1.0)).amax(1)
        d_neg = distances.where(~same, torch.tensor(9.0)).amin(1)
        loss = triplet_loss(v, labels, 2.0)

        assert loss.item() == pytest.approx((2 + d_pos - d_neg).mean().item(), rel=1e-5)
        assert 0 <= loss <= 4

    def test_tight_identities_cost_nothing(self):
        """Identities that are points further apart than the margin cost nothing."""
        v = torch.tensor([[0.0], [0.0], [5.0], [5.0]])

        assert triplet_loss(v, torch.tensor([0, 0, 1, 1]), 0.3).item() == 0


def batch_of(method, *, low):
    torch.manual_seed(4)
    pixels = torch.rand(12, 3, 32, 16)
    return {
        "train": TrainBatch(
            pixels=pixels,
            labels=torch.arange(6).repeat_interleave(2),
            native_lr=torch.zeros(12, dtype=torch.bool),
            lr=pixels.flip(-1) if low else None,
        )
    }


@pytest.mark.parametrize(("kind", "low"), [(BaselineHR, False), (BaselineHRLR, True)])
class TestTraining:
    def test_step_reaches_every_parameter(self, kind, low):
        """One step moves the extractor, the neck and the classifier."""
        method = kind(narrow(batch_identities=6, batch_images=2), CONTEXT)
        (stage,) = method.stages()
        before = {n: p.clone() for n, p in method.extractor.named_parameters()}

        def update(name, loss):
            loss.backward()
            stage.optimisers[name].step()

        losses = stage.train_step(batch_of(method, low=low), update)

        assert set(losses) == {"cls", "tri"}
        assert all((before[n] != p).any() for n, p in method.extractor.named_parameters())
        assert method.classifier.weight.grad is not None
        assert method.neck.weight.grad is not None

    def test_losses_sum_over_the_domains(self, kind, low):
        """Each loss is the sum over HR and LR of that domain's mean, as in Eqs. (3) and (6)."""
        method = kind(narrow(smoothing=0.0, neck="none"), CONTEXT)
        for network in method.networks.values():
            network.eval()
        batch = batch_of(method, low=low)["train"]
        seen = {}
        losses = method.train_step({"train": batch}, lambda name, loss: seen.update({name: loss}))
        domains = [batch.pixels] if batch.lr is None else [batch.pixels, batch.lr]
        features = [method.represent(x) for x in domains]
        cls = sum(classification_loss(method.classifier(v), batch.labels) for v in features)
        tri = sum(
            triplet_loss(torch.nn.functional.normalize(v), batch.labels, method.config.margin)
            for v in features
        )

        torch.testing.assert_close(losses["cls"], cls)
        torch.testing.assert_close(losses["tri"], tri)
        torch.testing.assert_close(seen["re-ID"], cls + tri)

    def test_identity_images_count_the_copies(self, kind, low):
        """The images through the identity loss of a step are P x K in each resolution."""
        (stage,) = kind(narrow(batch_identities=3, batch_images=4, images=240), CONTEXT).stages()

        assert stage.identity_images == (24 if low else 12)
        assert stage.steps * stage.identity_images == 240


def test_embedding_has_unit_length_and_does_not_depend_on_the_batch():
    """The feature has unit length, and an image's v is the same alone and among others."""
    method = BaselineHR(narrow(), CONTEXT)
    for network in method.networks.values():
        network.eval()
    pixels = torch.rand(5, 3, 32, 16)

    def embed(x):
        size = torch.tensor([[32, 16]] * len(x))
        return method.embed(EmbedBatch(x, size, [1] * len(x), "query"))["v"]

    with torch.inference_mode():
        together = embed(pixels)
        alone = torch.cat([embed(pixels[i : i + 1]) for i in range(5)])

    torch.testing.assert_close(together.norm(dim=1), torch.ones(5))
    torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-5)


def test_initial_weights_have_no_stage():
    """The row without training trains nothing."""
    assert InitialWeights(narrow(neck="none"), CONTEXT).stages() == ()


@pytest.mark.parametrize("key", ["baseline-hr", "baseline-hr-lr", "initial-weights"])
@pytest.mark.parametrize("name", ["tiny", "smoke", "quick", "standard", "paper"])
def test_recipes_fit_their_config(key, name):
    """Every recipe gives a valid config, and all but `paper` say what they narrow."""
    spec = load_plugins().method(key)
    recipe = spec.recipes[name]
    config = build_config(spec, recipe, ())

    assert config.height == 2 * config.width
    assert bool(recipe.narrowed) == (name != "paper")


@pytest.mark.parametrize("name", ["tiny", "smoke", "quick", "standard"])
def test_baselines_put_the_same_images_through_the_identity_loss(name):
    """The two baselines are compared at the same number of images, in batches of the same size."""
    totals = []
    for key, kind in (("baseline-hr", BaselineHR), ("baseline-hr-lr", BaselineHRLR)):
        config = configured(key, name, "base_width=4")
        (stage,) = kind(config, FitContext(identities=25, images=500, cameras=2)).stages()
        totals.append((stage.identity_images, stage.steps))

    assert totals[0] == totals[1]


def test_paper_recipe_has_the_steps_and_settings_of_the_authors_code():
    """`paper` runs 250,000 steps of SGD at a constant 1e-3 with weights 10 and 10 and margin 2."""
    config = configured("baseline-hr-lr", "paper", "base_width=4")
    (stage,) = BaselineHRLR(config, CONTEXT).stages()

    assert stage.steps == 250_000
    assert isinstance(stage.optimisers["re-ID"], torch.optim.SGD)
    assert [g["lr"] for g in stage.optimisers["re-ID"].param_groups] == [1e-3, 1e-3]
    assert [stage.schedule(p) for p in (0.0, 0.5, 0.99)] == [1, 1, 1]
    assert (config.lambda_cls, config.lambda_tri, config.margin) == (10, 10, 2)
    assert (config.height, config.width) == (256, 128)
