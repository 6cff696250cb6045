"""Image quality by hand, by naive transcription, by its properties; and what LPIPS says offline."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torchvision.models import alexnet

from harness.errors import DataError, WeightsError
from harness.evaluation import quality
from harness.evaluation.alexnet import NO_WEIGHTS, alexnet_file, can_be_had
from harness.types import RestoredBatch


def batch(restored: Tensor, hr: Tensor, lr: Tensor | None = None) -> RestoredBatch:
    return RestoredBatch(lr=restored if lr is None else lr, restored=restored, hr=hr)


@pytest.fixture
def images() -> tuple[Tensor, Tensor]:
    """Two noisy images and their originals, (2, 3, 24, 16)."""
    generator = torch.Generator().manual_seed(3)
    hr = torch.rand(2, 3, 24, 16, generator=generator)
    noise = torch.randn(hr.shape, generator=generator)
    return (hr + 0.1 * noise).clamp(0, 1), hr


class TestPsnr:
    def test_by_hand(self):
        """A constant difference of 0.1 is 20 dB, of 0.01 is 40 dB; each image has its own."""
        # MSE = 0.1 ** 2 = 0.01, 10 log10(1 / 0.01) = 20; and 0.01 ** 2 = 1e-4, which is 40.
        hr = torch.full((2, 3, 16, 8), 0.5)
        off = hr + torch.tensor([0.1, 0.01]).reshape(2, 1, 1, 1)

        assert quality.psnr(batch(off, hr)).tolist() == pytest.approx([20.0, 40.0], abs=1e-3)

    def test_naive(self, images):
        """It is 10 log10(1 / MSE), pixel by pixel."""
        restored, hr = images
        for n, found in enumerate(quality.psnr(batch(restored, hr)).tolist()):
            squares = [
                (float(restored[n, c, y, x]) - float(hr[n, c, y, x])) ** 2
                for c in range(3)
                for y in range(24)
                for x in range(16)
            ]
            assert found == pytest.approx(10 * math.log10(len(squares) / sum(squares)), abs=1e-4)

    def test_equal_images_are_finite(self, images):
        """An image equal to its original has 100 dB, so that a mean stays a number."""
        _, hr = images
        assert quality.psnr(batch(hr, hr)).tolist() == [100.0, 100.0]


class TestSsim:
    def test_by_hand(self):
        """Of two flat images only the luminance term is left."""
        # No variance: (2 m1 m2 + c1) / (m1^2 + m2^2 + c1), c1 = 0.01^2, of 0.2 and 0.4:
        # (0.16 + 0.0001) / (0.04 + 0.16 + 0.0001) = 0.800100
        low, high = (torch.full((1, 3, 16, 16), value) for value in (0.2, 0.4))

        assert float(quality.ssim(batch(low, high))) == pytest.approx(0.1601 / 0.2001, abs=1e-5)

    def test_naive(self, images):
        """At one pixel it is the formula of Wang et al. on Gaussian-weighted moments."""
        restored, hr = (image.double() for image in images)
        edge = 5  # half of the window: images are mirrored beyond their border
        padded = [
            torch.nn.functional.pad(image, (edge,) * 4, mode="reflect") for image in (restored, hr)
        ]
        weights = [math.exp(-(d**2) / (2 * 1.5**2)) for d in range(-edge, edge + 1)]
        total = sum(weights)
        values = []
        for c in range(3):
            for y in range(24):
                for x in range(16):
                    values.append(_ssim_at([p[0, c] for p in padded], y, x, weights, total))

        found = quality.ssim(batch(restored, hr))[0]
        assert float(found) == pytest.approx(sum(values) / len(values), abs=1e-6)

    def test_one_for_equal_images_and_symmetric(self, images):
        """It is 1 for an image and itself, at most 1, and does not ask which is the original."""
        restored, hr = images
        forth, back = quality.ssim(batch(restored, hr)), quality.ssim(batch(hr, restored))

        assert quality.ssim(batch(hr, hr)).tolist() == pytest.approx([1.0, 1.0])
        assert (forth < 1).all()
        assert torch.allclose(forth, back)


def _ssim_at(padded, y, x, weights, total) -> float:
    a, b, aa, bb, ab = 0.0, 0.0, 0.0, 0.0, 0.0
    for i, wi in enumerate(weights):
        for j, wj in enumerate(weights):
            w = wi * wj / total**2
            p, q = float(padded[0][y + i, x + j]), float(padded[1][y + i, x + j])
            a, b, aa, bb, ab = a + w * p, b + w * q, aa + w * p * p, bb + w * q * q, ab + w * p * q
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * a * b + c1) / (a * a + b * b + c1)
    return luminance * (2 * (ab - a * b) + c2) / ((aa - a * a) + (bb - b * b) + c2)


def test_input_is_measured_alike(images):
    """What ends in `_input` is the same number of the image before it was restored."""
    restored, hr = images
    other = batch(hr, hr, lr=restored)

    assert quality.psnr_input(other).equal(quality.psnr(batch(restored, hr)))
    assert quality.ssim_input(other).equal(quality.ssim(batch(restored, hr)))


class TestLpips:
    @pytest.fixture(autouse=True)
    def forget(self, tmp_path, monkeypatch):
        """Ask anew in each test, with an empty cache of weights."""
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        quality.lpips_network.cache_clear()
        yield
        quality.lpips_network.cache_clear()

    def test_without_weights(self, images, monkeypatch):
        """Where AlexNet's weights cannot be had it says so with their place, and asks once."""
        asked = []

        def refuse(url, *_arguments, **_options):
            asked.append(url)
            raise OSError("no network")

        monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", refuse)
        restored, hr = (torch.cat([image] * 2, dim=3).repeat(1, 1, 2, 1) for image in images)
        for formula in (quality.lpips, quality.lpips_input):
            with pytest.raises(WeightsError, match=r"neither cached nor downloadable \(no netw"):
                formula(batch(restored, hr))

        assert len(asked) == 1
        assert "alexnet" in alexnet_file().name

    def test_when_the_weights_can_be_had(self):
        """Only what lacked these weights is worth another try, and only where they are by now."""
        note = f"{NO_WEIGHTS} (no network)."
        assert not can_be_had(note)
        alexnet_file().parent.mkdir(parents=True)
        alexnet_file().write_bytes(b"weights")
        assert can_be_had(note)
        assert not can_be_had("LPIPS needs images of 32 pixels on each side.")
        assert not can_be_had(None)

    def test_with_weights(self, monkeypatch):
        """Equal images have distance 0, others more; each image has its own value."""
        torch.manual_seed(0)
        weights = alexnet(weights=None).state_dict()
        monkeypatch.setattr(
            "torchvision.models._api.load_state_dict_from_url", lambda *_a, **_o: weights
        )
        hr = torch.rand(2, 3, 64, 32)
        other = hr.clone()
        other[1] = torch.rand(3, 64, 32)
        values = quality.lpips(batch(other, hr))

        assert values.shape == (2,)
        assert float(values[0]) == 0
        assert float(values[1]) > 0

    def test_small_images(self, images):
        """Images that AlexNet pools to nothing are refused before any weights are asked for."""
        with pytest.raises(DataError, match=r"32 pixels on each side; these have 24 x 16"):
            quality.lpips(batch(*images))
