"""Each step three ways: by hand, by naive transcription, by a property; then the defaults."""

from __future__ import annotations

import math

import pytest
import torch
from reid_pcb import PAPER, PcbConfig
from reid_pcb.method import (
    PcbMethod,
    Reduction,
    concatenate,
    identity_loss,
    pool_stripes,
    stripes_loss,
)
from torch.optim import SGD

from harness import Augment, FitContext, Stage


class TestPoolStripes:
    """g_i, average pooling of a stripe."""

    def test_by_hand(self) -> None:
        """Of rows 1 1, 3 3, 0 2, 4 6, two stripes have the means 2 and 3."""
        t = torch.tensor([[1.0, 1.0], [3.0, 3.0], [0.0, 2.0], [4.0, 6.0]])[None, None]

        assert pool_stripes(t, 2).tolist() == [[[2.0, 3.0]]]

    def test_naive_transcription(self) -> None:
        """It is the mean of the column vectors of T in a stripe, written with loops."""
        torch.manual_seed(0)
        t = torch.randn(2, 3, 12, 4)
        g = pool_stripes(t, 6)

        for n in range(2):
            for i in range(6):
                vectors = [t[n, :, row, x] for row in (2 * i, 2 * i + 1) for x in range(4)]
                assert torch.allclose(g[n, :, i], sum(vectors, torch.zeros(3)) / 8, atol=1e-6)

    def test_property(self) -> None:
        """A change in the lowest stripe changes g_p, and no other piece."""
        t = torch.randn(1, 3, 12, 4)
        changed = t.clone()
        changed[:, :, -1] += 1
        difference = (pool_stripes(changed, 6) - pool_stripes(t, 6)).abs().amax(dim=(0, 1))

        assert difference[:5].max() == 0
        assert difference[5] == pytest.approx(0.5)


class TestIdentityLoss:
    """The softmax loss of one classifier."""

    def test_by_hand(self) -> None:
        """Logits (0, ln 3) cost ln 4 for the first identity and ln 4/3 for the second."""
        y = torch.tensor([[0.0, math.log(3)], [0.0, math.log(3)]])
        loss = identity_loss(y, torch.tensor([0, 1]))

        assert loss.item() == pytest.approx((math.log(4) + math.log(4 / 3)) / 2)

    def test_property(self) -> None:
        """A classifier that knows nothing costs ln P, whatever the labels."""
        assert identity_loss(torch.zeros(3, 25), torch.tensor([1, 2, 3])).item() == pytest.approx(
            math.log(25)
        )


class TestStripesLoss:
    """L, the sum over the classifiers."""

    def test_by_hand(self) -> None:
        """Two stripes of one image, logits (0, ln 3) and (0, 0), cost ln 4 + ln 2."""
        y = torch.tensor([[[0.0, math.log(3)], [0.0, 0.0]]])

        assert stripes_loss(y, torch.tensor([0])).item() == pytest.approx(math.log(8))

    def test_naive_transcription(self) -> None:
        """It is sum_i mean_n -log(exp(y_nik) / sum_j exp(y_nij)), written with loops."""
        torch.manual_seed(1)
        y, k = torch.randn(5, 6, 4), torch.tensor([0, 3, 1, 2, 2])
        total = 0.0
        for i in range(6):
            for n in range(5):
                denominator = sum(math.exp(y[n, i, j]) for j in range(4))
                total -= math.log(math.exp(y[n, i, k[n]]) / denominator) / 5

        assert stripes_loss(y, k).item() == pytest.approx(total, rel=1e-5)

    def test_property(self) -> None:
        """Classifiers share nothing: the gradient of one stripe is that of its own loss alone."""
        torch.manual_seed(2)
        y, k = torch.randn(5, 6, 4, requires_grad=True), torch.tensor([0, 3, 1, 2, 2])
        (joint,) = torch.autograd.grad(stripes_loss(y, k), y)
        (alone,) = torch.autograd.grad(identity_loss(y[:, 2], k), y)

        assert torch.allclose(joint[:, 2], alone[:, 2])


class TestReduction:
    """h_i, the convolution and what stands around it."""

    def test_dropout_is_of_training_alone(self) -> None:
        """Two passes over the same g_i differ in training, and agree in evaluation."""
        torch.manual_seed(4)
        reduction, g = Reduction(channels=64, d=8, dropout=0.5), torch.randn(4, 64, 6)
        reduction.eval()
        assert torch.equal(reduction(g), reduction(g))

        reduction.drop.train()  # and no other layer
        assert not torch.equal(reduction(g), reduction(g))


class TestConcatenate:
    """G, the descriptor."""

    def test_by_hand(self) -> None:
        """Pieces (3, 4) and (0, 2) make (0.6, 0.8, 0, 1)."""
        g = torch.tensor([[[3.0, 0.0], [4.0, 2.0]]])

        assert concatenate(g)[0].tolist() == pytest.approx([0.6, 0.8, 0.0, 1.0])

    def test_naive_transcription(self) -> None:
        """It is g_1 / |g_1|, ..., g_p / |g_p|, one after the other."""
        torch.manual_seed(3)
        g = torch.randn(2, 5, 6)

        for n in range(2):
            pieces = [g[n, :, i] / g[n, :, i].square().sum().sqrt() for i in range(6)]
            assert torch.allclose(concatenate(g)[n], torch.cat(pieces))

    def test_property(self) -> None:
        """It is of length sqrt(p), however bright a stripe is."""
        g = torch.randn(4, 5, 6).abs() * torch.tensor([1.0, 10, 1, 1, 0.1, 1])

        assert concatenate(g).norm(dim=1).tolist() == pytest.approx([math.sqrt(6)] * 4)


def test_the_defaults_are_those_of_the_paper() -> None:
    """The settings are the paper's; dropout, momentum and weight decay are those of their code."""
    config = PcbConfig(**PAPER.values)

    assert (config.height, config.width) == (384, 128)
    assert (config.p, config.d) == (6, 256)
    assert config.batch_identities * config.batch_images == 64
    assert (config.lr, config.backbone_lr) == (0.1, 0.1)
    assert config.decay * 60 == pytest.approx(40)  # epochs
    assert (config.dropout, config.momentum, config.weight_decay) == (0.5, 0.9, 5e-4)


def test_stripes_must_be_equal() -> None:
    """A height that p stripes do not share equally is refused, and the message has one that is."""
    with pytest.raises(ValueError, match="multiple of 96"):
        PcbConfig(height=256)


class TestStage:
    """Training as the paper has it, read off the stage that the harness would run."""

    @pytest.fixture
    def method(self) -> PcbMethod:
        """The paper's settings on a narrow backbone, before 12,936 images of 751 identities."""
        config = PcbConfig(**{**PAPER.values, "base_width": 4})
        return PcbMethod(config, FitContext(identities=751, images=12_936, cameras=6))

    @pytest.fixture
    def stage(self, method: PcbMethod) -> Stage:
        """The one stage of training."""
        (stage,) = method.stages()
        return stage

    def test_what_is_new_learns_ten_times_faster(self, method: PcbMethod, stage: Stage) -> None:
        """0.01 in the backbone, 0.1 in all else; nothing is left out or trained twice."""
        (sgd,) = stage.optimisers.values()
        old, new = sgd.param_groups
        layers = [*method.reduction.parameters(), *method.classifiers.parameters()]

        assert [id(p) for p in old["params"]] == [id(p) for p in method.backbone.parameters()]
        assert [id(p) for p in new["params"]] == [id(p) for p in layers]
        assert (old["lr"], new["lr"]) == pytest.approx((0.01, 0.1))

    def test_the_optimiser_is_theirs(self, stage: Stage) -> None:
        """SGD with Nesterov's momentum of 0.9 and a weight decay of 5e-4, in both groups."""
        (sgd,) = stage.optimisers.values()

        assert isinstance(sgd, SGD)
        for group in sgd.param_groups:
            assert (group["momentum"], group["nesterov"]) == (0.9, True)
            assert group["weight_decay"] == 5e-4

    def test_the_rate_falls_once_after_forty_of_sixty_epochs(self, stage: Stage) -> None:
        """It is whole at 39/60 of the training and a tenth at 41/60 and at the end."""
        assert stage.schedule(0) == stage.schedule(39 / 60) == 1
        assert stage.schedule(41 / 60) == stage.schedule(59 / 60) == pytest.approx(0.1)

    def test_sixty_epochs_of_images_that_are_only_flipped(self, stage: Stage) -> None:
        """64 images a step, 60 x 12,936 in all, flipped in half of the cases and no more."""
        (stream,) = stage.streams.values()

        assert (stream.identities, stream.images) == (16, 4)
        assert stage.steps == math.ceil(60 * 12_936 / 64)
        assert stream.augment == Augment(flip=0.5)

    def test_the_settings_reach_the_network(self, method: PcbMethod) -> None:
        """Half of g_i is dropped, 256 channels are left, and six classifiers read them."""
        assert method.reduction.drop.p == 0.5
        assert method.reduction.convolution.out_channels == 256
        assert len(method.classifiers.stripes) == 6
        assert set(method.networks) == {"backbone", "reduction", "classifiers"}


def test_other_settings_move_the_schedule_and_the_augmentation() -> None:
    """What a recipe sets of decay and gain is what the stage has."""
    config = PcbConfig(height=96, width=32, base_width=4, d=16, decay=0.25, gain=0.2)
    (stage,) = PcbMethod(config, FitContext(identities=4, images=64, cameras=2)).stages()

    assert (stage.schedule(0.24), stage.schedule(0.26)) == pytest.approx((1, 0.1))
    assert stage.streams["train"].augment.gain == 0.2
