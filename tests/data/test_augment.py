"""Augmentation: off is off, an image and its copy share their draw, draws are repeatable."""

from __future__ import annotations

import torch

from harness.data.augment import Augmenter
from harness.types import Augment

SIZE = (32, 16)
ALL = Augment(flip=0.5, crop=0.1, gain=0.2, brightness=0.2, erasing=0.5)


def batch(n: int = 16) -> torch.Tensor:
    return torch.rand(n, 3, *SIZE, generator=torch.Generator().manual_seed(0)) * 0.5 + 0.2


def test_nothing_asked_changes_nothing():
    """With every part off, the batch comes back as it was."""
    x = batch()
    out, copy = Augmenter(Augment(flip=0.0), SIZE)(x)

    assert torch.equal(out, x)
    assert copy is None


def test_copy_gets_the_same_draw():
    """An image and its copy are flipped, cropped, coloured and erased alike."""
    torch.manual_seed(1)
    x = batch()
    out, copy = Augmenter(ALL, SIZE)(x, x.clone())

    assert copy is not None
    torch.testing.assert_close(out, copy)
    assert not torch.equal(out, x)


def test_images_get_their_own_draws():
    """Two equal images of a batch are augmented differently."""
    torch.manual_seed(2)
    x = batch(1).repeat(8, 1, 1, 1)
    out, _ = Augmenter(ALL, SIZE)(x)

    assert len({tuple(image.flatten()[:50].tolist()) for image in out}) == 8


def test_stays_in_range_and_shape():
    """The result has the batch's shape and stays in [0, 1]."""
    torch.manual_seed(3)
    out, _ = Augmenter(Augment(gain=0.9, brightness=0.9, crop=0.2), SIZE)(batch())

    assert out.shape == batch().shape
    assert out.min() >= 0
    assert out.max() <= 1


def test_global_generator_decides_the_draws():
    """The state of torch's generator, which a checkpoint holds, decides what is drawn."""
    augmenter = Augmenter(ALL, SIZE)
    results = []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        results.append(augmenter(batch())[0])

    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_flip_mirrors_about_half():
    """A flip with probability one half mirrors about half of the images, and nothing else."""
    torch.manual_seed(4)
    x = batch(200)
    out, _ = Augmenter(Augment(flip=0.5), SIZE)(x)
    mirrored = [torch.equal(a, b.flip(-1)) for a, b in zip(out, x, strict=True)]
    kept = [torch.equal(a, b) for a, b in zip(out, x, strict=True)]

    assert all(m or k for m, k in zip(mirrored, kept, strict=True))
    assert 70 < sum(mirrored) < 130
