"""The image bank: decoded once, degraded at native resolution, at network size."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from harness.data.images import ImageBank, to_unit_range
from harness.errors import DataError
from harness.pixels import Size, degrade, read_image, resize
from harness.specs import Down
from harness.types import Record


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name, size in (("a.png", (40, 20)), ("b.png", (64, 32))):
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(tmp_path / name)
    return tmp_path


A, B = Record("a", "a.png", 1, 1), Record("b", "b.png", 2, 1)


def filled(folder, records, **options):
    bank = ImageBank(folder, records, (32, 16), **options)
    bank.fill()
    return bank


def test_batch_has_network_size_and_order(folder):
    """A batch is uint8 at network size, in the order of the records."""
    bank = filled(folder, [A, B])
    batch = bank.batch([B, A, B])

    assert batch.shape == (3, 3, 32, 16)
    assert batch.dtype == torch.uint8
    assert torch.equal(batch[0], batch[2])
    expected = resize(read_image(folder / "a.png"), 32, 16)
    assert torch.equal(batch[1], torch.from_numpy(expected).permute(2, 0, 1))


def test_rates_degrade_at_native_resolution(folder):
    """A rate reduces the image as it was decoded, then brings it to network size."""
    bank = filled(folder, [B])
    expected = resize(degrade(read_image(folder / "b.png"), 4), 32, 16)

    assert torch.equal(bank.batch([B], [4])[0], torch.from_numpy(expected).permute(2, 0, 1))


def test_record_with_a_rate_is_degraded_by_it(folder):
    """A record of a made test set is degraded by its own r, unless another rate is given."""
    low = Record("b@r4", "b.png", 2, 1, r=4, hr_id="b")
    bank = filled(folder, [B, low])

    assert torch.equal(bank.batch([low]), bank.batch([B], [4]))
    assert bank.native_size(low) == (16, 8)
    assert bank.native_size(B) == (64, 32)


def test_another_reduction_degrades_and_tells_the_size(folder):
    """Filter and resolution of the bank decide the pixels and the size it tells."""
    low = Record("a@r3", "a.png", 1, 1, r=3, hr_id="a")
    image = read_image(folder / "a.png")  # 40 x 20
    ways: list[tuple[Down, Size | None, Size]] = [
        ("maxpool", None, (13, 6)),
        ("area", (60, 30), (20, 10)),
    ]
    for down, before, size in ways:
        bank = filled(folder, [low], down=down, reduced_from=before)
        expected = resize(degrade(image, 3, down=down, size=before), 32, 16)
        assert torch.equal(bank.batch([low])[0], torch.from_numpy(expected).permute(2, 0, 1))
        assert bank.native_size(low) == size
        assert bank.native_size(A) == (40, 20)
    assert filled(folder, [A]).possible_rates([A], [8]) == [5]
    assert filled(folder, [A], reduced_from=(60, 30)).possible_rates([A], [8]) == [7]


def test_training_copy_of_a_tiny_image_keeps_four_pixels(folder):
    """A training copy is reduced by less than asked where less than 4 pixels would be left."""
    Image.new("RGB", (9, 30)).save(folder / "a.png")
    bank = filled(folder, [A])

    assert bank.possible_rates([A, A, A], [4, 2, 1]) == [2, 2, 1]


def test_cache_does_not_change_pixels(folder):
    """With no room to keep resized images, the batches are the same."""
    roomy, tight = filled(folder, [A, B]), filled(folder, [A, B], cache_bytes=0)
    for rates in (None, [2, 3]):
        assert torch.equal(roomy.batch([A, B], rates), roomy.batch([A, B], rates))
        assert torch.equal(roomy.batch([A, B], rates), tight.batch([A, B], rates))


def test_broken_file_is_found_when_filling(folder):
    """A corrupt file is found when the bank is filled, and named."""
    (folder / "a.png").write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"a\.png"):
        filled(folder, [A, B])


def test_unit_range(folder):
    """Pixels become float32 in [0, 1]."""
    pixels = torch.tensor([[[[0, 255]]] * 3], dtype=torch.uint8)
    moved = to_unit_range(pixels, torch.device("cpu"))

    assert moved.dtype == torch.float32
    assert moved.flatten().tolist() == [0, 1] * 3
