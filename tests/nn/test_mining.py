"""Batch-hard mining: by hand, by loops, and by what it must be invariant to."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.nn import batch_hard, pairwise_distance


def test_by_hand():
    """On a line, the farthest positive and the nearest negative are what one reads off."""
    v = torch.tensor([[0.0], [3.0], [4.0], [10.0]])
    labels = torch.tensor([0, 0, 1, 1])

    positive, negative = batch_hard(v, labels)

    assert positive.tolist() == [3, 3, 6, 6]
    assert negative.tolist() == [4, 1, 1, 7]


@settings(deadline=None, max_examples=25)
@given(st.integers(2, 5), st.integers(2, 4), st.integers(0, 2**20))
def test_naive_transcription(identities, images, seed):
    """It gives what loops over anchors, positives and negatives give."""
    generator = torch.Generator().manual_seed(seed)
    v = torch.randn(identities * images, 6, generator=generator)
    labels = torch.arange(identities).repeat_interleave(images)
    positive, negative = batch_hard(v, labels)

    for a in range(len(v)):
        gaps = [(v[a] - v[b]).norm() for b in range(len(v))]
        hardest = max(gap for b, gap in enumerate(gaps) if labels[b] == labels[a])
        nearest = min(gap for b, gap in enumerate(gaps) if labels[b] != labels[a])
        torch.testing.assert_close(positive[a], hardest)
        torch.testing.assert_close(negative[a], nearest)


def test_permutation_permutes_the_pairs():
    """Reordering a batch reorders its hardest pairs and changes nothing else."""
    torch.manual_seed(1)
    v, labels, order = torch.randn(12, 4), torch.arange(4).repeat(3), torch.randperm(12)

    plain, permuted = batch_hard(v, labels), batch_hard(v[order], labels[order])

    torch.testing.assert_close(permuted.positive, plain.positive[order])
    torch.testing.assert_close(permuted.negative, plain.negative[order])


def test_near_features_keep_their_distance_under_autocast():
    """Under bfloat16 autocast, distances of near features are still those of float32."""
    torch.manual_seed(2)
    v = torch.nn.functional.normalize(torch.ones(4, 512) + 0.01 * torch.randn(4, 512))
    with torch.autocast("cpu", torch.bfloat16):
        mixed = pairwise_distance(v)

    torch.testing.assert_close(mixed, (v[:, None] - v[None]).norm(dim=2), rtol=1e-4, atol=1e-6)


def test_gradient_of_equal_features_is_finite():
    """Two equal features have distance zero and a finite gradient."""
    v = torch.ones(2, 3, requires_grad=True)
    pairwise_distance(v).sum().backward()

    assert v.grad is not None
    assert torch.isfinite(v.grad).all()


@pytest.mark.parametrize("labels", [[0, 0, 1], [0, 0, 0]])
def test_refuses_a_batch_without_pairs(labels):
    """An identity that is alone, or a batch of one identity, is refused with the P x K rule."""
    with pytest.raises(ValueError, match="P x K"):
        batch_hard(torch.randn(3, 2), torch.tensor(labels))
