"""INTACT's losses, each three ways: by hand, transcribed naively, by a property."""

from __future__ import annotations

import math

import pytest
import torch

from harness_intact.method import (
    association_bridge_loss,
    association_loss,
    bridge_loss,
    content_loss,
    discriminator_loss,
    generator_loss,
    identity_loss,
    regularisation_loss,
)
from harness_intact.networks import Association

SQUARED = [association_loss, bridge_loss, regularisation_loss]


class TestIdentityLoss:
    def test_by_hand(self):
        """Logits (0, ln 3) cost ln 4 for the first identity and ln 4/3 for the second."""
        y = torch.tensor([[0.0, math.log(3)]] * 2)

        assert identity_loss(y, torch.tensor([0, 1])).item() == pytest.approx(
            (math.log(4) + math.log(4 / 3)) / 2
        )

    def test_naive_transcription(self):
        """It is minus the mean log-probability of the true identity, Eq. (3)."""
        torch.manual_seed(0)
        y, k = torch.randn(6, 5), torch.tensor([0, 4, 1, 1, 2, 3])
        total = 0.0
        for n in range(6):
            total -= math.log(math.exp(y[n, k[n]]) / sum(math.exp(y[n, j]) for j in range(5)))

        assert identity_loss(y, k).item() == pytest.approx(total / 6, rel=1e-5)

    def test_knowing_nothing_costs_the_logarithm_of_k(self):
        """Equal logits over K identities cost ln K, with label smoothing and without."""
        y, k = torch.zeros(3, 25), torch.tensor([1, 2, 3])

        assert identity_loss(y, k).item() == pytest.approx(math.log(25))
        assert identity_loss(y, k, 0.1).item() == pytest.approx(math.log(25))


class TestContentLoss:
    def test_by_hand(self):
        """A restored image that is 0.1 too bright everywhere costs 0.01."""
        hr = torch.rand(2, 3, 4, 2)

        assert content_loss(hr + 0.1, hr).item() == pytest.approx(0.01, rel=1e-4)

    def test_naive_transcription(self):
        """It is the mean over images, channels and pixels of the squared difference."""
        torch.manual_seed(1)
        sr, hr = torch.rand(2, 3, 4, 2), torch.rand(2, 3, 4, 2)
        total = 0.0
        for a, b in zip(sr.flatten().tolist(), hr.flatten().tolist(), strict=True):
            total += (a - b) ** 2

        assert content_loss(sr, hr).item() == pytest.approx(total / hr.numel(), rel=1e-5)

    def test_it_determines_the_psnr(self):
        """The PSNR of images in [0, 1] is -10 log10 of it: 20 dB less at a tenth of the error."""
        hr = torch.zeros(1, 3, 4, 2)
        near, far = content_loss(hr + 0.01, hr), content_loss(hr + 0.1, hr)

        assert -10 * math.log10(near) + 10 * math.log10(far) == pytest.approx(20, rel=1e-4)

    def test_no_pair_costs_nothing(self):
        """A batch of native LR images alone, without an original, costs nothing, not NaN."""
        empty = torch.zeros(0, 3, 4, 2, requires_grad=True)

        assert content_loss(empty, empty).item() == 0


class TestAdversarialLosses:
    def test_by_hand(self):
        """At logit 0 (p = 1/2) S pays ln 2, and D pays ln 2 for each of its two means."""
        zero = torch.zeros(4, 1)

        assert generator_loss(zero).item() == pytest.approx(math.log(2))
        assert discriminator_loss(zero, zero).item() == pytest.approx(2 * math.log(2))

    def test_naive_transcription(self):
        """They are -E log p(sr), and -E[.9 log p + .1 log(1 - p)](hr) - E log(1 - p(sr))."""
        torch.manual_seed(2)
        real, restored = torch.randn(5, 1), torch.randn(7, 1)
        p = [1 / (1 + math.exp(-z)) for z in real.flatten().tolist()]
        q = [1 / (1 + math.exp(-z)) for z in restored.flatten().tolist()]
        of_d = -sum(0.9 * math.log(x) + 0.1 * math.log(1 - x) for x in p) / 5
        of_d -= sum(math.log(1 - x) for x in q) / 7

        assert discriminator_loss(real, restored).item() == pytest.approx(of_d, rel=1e-5)
        assert generator_loss(restored).item() == pytest.approx(
            -sum(math.log(x) for x in q) / 7, rel=1e-5
        )

    def test_best_answer_on_real_images_is_nine_tenths(self):
        """With one-sided label smoothing D pays least where it calls real images 0.9 real."""
        p = torch.linspace(0.05, 0.99, 95)
        costs = [discriminator_loss(torch.logit(x).view(1, 1), torch.zeros(1, 1)) for x in p]

        assert p[int(torch.stack(costs).argmin())].item() == pytest.approx(0.9, abs=1e-3)

    def test_generator_is_pulled_hardest_where_it_fools_least(self):
        """The gradient of L_gan is p - 1 per logit: it does not vanish where D is certain."""
        logit = torch.tensor([[-8.0], [0.0], [8.0]], requires_grad=True)
        generator_loss(logit).backward()

        torch.testing.assert_close(logit.grad, (logit.detach().sigmoid() - 1) / 3)


@pytest.mark.parametrize("loss", SQUARED)
class TestSquaredNorms:
    def test_by_hand(self, loss):
        """(1, 2) to (4, 6) is 9 + 16 = 25 over d = 2; (0, 0) to (0, 1) is 1 / 2; the mean, 6.5."""
        a = torch.tensor([[1.0, 2.0], [0.0, 0.0]])
        b = torch.tensor([[4.0, 6.0], [0.0, 1.0]])

        assert loss(a, b).item() == pytest.approx((25 / 2 + 1 / 2) / 2)

    def test_naive_transcription(self, loss):
        """It is the mean over images of the squared norm, over the length of the feature."""
        torch.manual_seed(3)
        a, b = torch.randn(4, 6), torch.randn(4, 6)
        total = 0.0
        for n in range(4):
            total += sum((a[n, i] - b[n, i]).item() ** 2 for i in range(6)) / 6

        assert loss(a, b).item() == pytest.approx(total / 4, rel=1e-5)

    def test_weight_does_not_depend_on_the_width(self, loss):
        """The same error in each of 8 or of 512 dimensions costs the same (D-INT-6)."""
        costs = [loss(torch.full((3, d), 0.5), torch.zeros(3, d)).item() for d in (8, 512)]

        assert costs == pytest.approx([0.25, 0.25])


def learn(*, bridge):
    """Fit phi and sigma to features of a shared cause; return phi, sigma, f_c and f_d."""
    torch.manual_seed(4)
    cause = torch.randn(64, 3)
    f_c, f_d = cause @ torch.randn(3, 12), cause @ torch.randn(3, 8)
    phi, sigma = Association(12, 8), torch.nn.Linear(8, 8)
    optimiser = torch.optim.Adam([*phi.parameters(), *sigma.parameters()], lr=0.01)
    for _ in range(300):
        phi_f_c, f_e = phi(f_c)
        loss = association_loss(phi_f_c, f_d)
        if bridge:
            loss = loss + bridge_loss(sigma(f_d), f_e)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return phi.eval(), sigma, f_c, f_d


def test_association_is_an_external_critic():
    """Learnt on pairs and then fixed, phi finds features that do not match worse (Part II)."""
    phi, _, f_c, f_d = learn(bridge=True)
    matching = regularisation_loss(phi(f_c)[0], f_d)
    strangers = regularisation_loss(phi(f_c)[0], f_d.roll(1, 0))

    assert matching < 0.2 * strangers


def test_bridge_makes_the_hidden_layer_recoverable():
    """With Eq. (6) a linear map reads f_e from f_d better than without it."""
    errors = []
    for bridge in (True, False):
        phi, _, f_c, f_d = learn(bridge=bridge)
        f_e = phi(f_c)[1].detach()
        columns = torch.cat([f_d, torch.ones(len(f_d), 1)], 1)
        best = torch.linalg.lstsq(columns, f_e).solution
        errors.append((bridge_loss(columns @ best, f_e) / f_e.var()).item())

    assert errors[0] < 0.5 * errors[1]


def test_joint_loss_is_the_sum():
    """L_intact-e = L_intact + L_e, and each gets the full gradient."""
    l_intact, l_e = torch.tensor(2.0, requires_grad=True), torch.tensor(3.0, requires_grad=True)
    total = association_bridge_loss(l_intact, l_e)
    total.backward()

    assert total.item() == 5
    assert [float(torch.as_tensor(x.grad)) for x in (l_intact, l_e)] == [1, 1]


def test_bridge_steers_phi_and_not_its_second_half():
    """L_e reaches phi_1, whose output f_e is, and sigma; phi_2 is moved by L_intact alone."""
    phi, sigma = Association(12, 8), torch.nn.Linear(8, 8)
    _, f_e = phi(torch.randn(5, 12))
    bridge_loss(sigma(torch.randn(5, 8)), f_e).backward()

    assert all(p.grad is not None for p in [*phi.phi_1.parameters(), *sigma.parameters()])
    assert all(p.grad is None for p in phi.phi_2.parameters())
