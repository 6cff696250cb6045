"""P x K sampling."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.data.sampler import PKSampler
from harness.types import Record, Stream


def records(images_of: dict[int, int]) -> list[Record]:
    """Return records of identities with so many images each, on two cameras in turn."""
    return [
        Record(f"{pid:03}_{i}", f"{pid:03}_{i}.png", pid, 1 + i % 2)
        for pid, count in images_of.items()
        for i in range(count)
    ]


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 6), st.integers(2, 5), st.integers(0, 1000))
def test_batches_are_p_by_k(p, k, seed):
    """Every batch has P different identities with K images each."""
    sampler = PKSampler(records(dict.fromkeys(range(1, 8), 6)), Stream(p, k), seed)
    for _ in range(6):
        batch, rates = sampler.draw()
        assert Counter(Counter(r.pid for r in batch).values()) == {k: p}
        assert rates is None


def test_without_replacement_where_there_are_enough():
    """An identity with K or more images gives K different ones."""
    sampler = PKSampler(records({1: 4, 2: 5}), Stream(2, 4), seed=0)
    for _ in range(10):
        batch, _ = sampler.draw()
        assert len({r.id for r in batch}) == 8


def test_with_replacement_where_there_are_too_few():
    """An identity with fewer than K images still gives K."""
    batch, _ = PKSampler(records({1: 1, 2: 9}), Stream(2, 4), seed=0).draw()

    assert [r.id for r in batch if r.pid == 1] == ["001_0"] * 4


def test_each_identity_is_visited_before_any_is_again():
    """Over a pass, every identity is drawn once, whatever P is."""
    sampler = PKSampler(records(dict.fromkeys(range(1, 13), 3)), Stream(4, 2), seed=3)
    seen = Counter(r.pid for _ in range(3) for r in sampler.draw()[0])

    assert set(seen) == set(range(1, 13))
    assert set(seen.values()) == {2}


def test_rates_come_from_the_stream():
    """Each image's copy draws its own rate from the stream's."""
    sampler = PKSampler(records({1: 9, 2: 9}), Stream(2, 8, rates=(2, 3, 4)), seed=0)
    rates = [rate for _ in range(20) for rate in sampler.draw()[1] or ()]

    assert set(rates) == {2, 3, 4}
    assert min(Counter(rates).values()) > 70


def test_only_the_cameras_of_the_stream():
    """A stream of one camera draws no image of another."""
    sampler = PKSampler(records({1: 8, 2: 8}), Stream(2, 3, cameras=(2,)), seed=0)

    assert {r.camid for _ in range(5) for r in sampler.draw()[0]} == {2}


def test_resumes_to_the_same_draws():
    """From a stored position, a new sampler goes on with the same batches."""
    data, stream = records(dict.fromkeys(range(1, 8), 5)), Stream(3, 2, rates=(2, 4))
    first = PKSampler(data, stream, seed=7)
    for _ in range(3):
        first.draw()
    state = first.state()
    expected = [first.draw() for _ in range(4)]

    second = PKSampler(data, stream, seed=99)
    second.restore(state)

    assert [second.draw() for _ in range(4)] == expected


def test_seed_decides_the_draws():
    """One seed gives one sequence, another gives another."""
    data = records(dict.fromkeys(range(1, 8), 5))
    draws = [PKSampler(data, Stream(3, 2), seed).draw() for seed in (1, 1, 2)]

    assert draws[0] == draws[1] != draws[2]


def test_refuses_more_identities_than_there_are():
    """A P above the number of training identities is refused with both numbers."""
    with pytest.raises(ValueError, match=r"P = 5 identities.* have 2"):
        PKSampler(records({1: 3, 2: 3}), Stream(5, 2), seed=0)


def test_only_high_resolution_where_the_stream_says_so():
    """A stream of HR images draws neither native LR images nor degraded ones."""
    mixed = [
        replace(record, r={1: 1, 2: None}[record.camid]) for record in records({1: 8, 2: 8, 3: 8})
    ]
    degraded = [replace(record, id=f"{record.id}@r2", r=2) for record in mixed if record.r == 1]
    sampler = PKSampler([*mixed, *degraded], Stream(3, 4, hr_only=True), seed=0)

    for _ in range(5):
        batch, _ = sampler.draw()
        assert {record.r for record in batch} == {1}


def test_identities_without_an_hr_image_do_not_count():
    """P identities are wanted with an image of high resolution each."""
    low = [replace(record, r=None) for record in records({1: 4, 2: 4})]
    with pytest.raises(ValueError, match="P = 2 identities, the training records have 1"):
        PKSampler([*low, *records({3: 4})], Stream(2, 2, hr_only=True), seed=0)
