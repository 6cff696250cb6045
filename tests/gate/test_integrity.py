"""Which queries have other ranks than before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.gate.integrity import changed_queries, count_changed
from harness.types import Evidence
from tests.gate.stall import evidence, side_trial

Counts = st.lists(st.lists(st.integers(0, 3), max_size=3), min_size=1, max_size=6)


def of_counts(matches: list[list[int]]) -> Evidence:
    """Return evidence of queries with several matches each."""
    plain = evidence([0] * len(matches))
    flat = np.array([n for query in matches for n in query], dtype=np.int64)
    offsets = np.concatenate([[0], np.cumsum([len(query) for query in matches])])
    return replace(plain, offsets=offsets, nearer=flat, equal=np.zeros_like(flat))


@given(Counts, st.data())
def test_finds_each_changed_query(before, data):
    """A query is changed where it has other matches or negatives before them, and nowhere else."""
    after = data.draw(
        st.lists(
            st.lists(st.integers(0, 3), max_size=3), min_size=len(before), max_size=len(before)
        )
    )

    found = changed_queries(of_counts(after), of_counts(before))

    assert found.tolist() == [a != b for a, b in zip(after, before, strict=True)]


@pytest.mark.parametrize("name", ["equal", "valid", "identities", "single_reciprocal"])
def test_sees_every_part(name):
    """A change in any part that a metric is made of is seen, at its query."""
    before = evidence([0, 3, 5])
    part = getattr(before, name).copy()
    part[1] += 1

    changed = changed_queries(replace(before, **{name: part}), before)

    assert changed.tolist() == [False, True, False]


@pytest.mark.parametrize("name", ["top_index", "single_cmc"])
def test_sees_every_list(name):
    """A change in a list of a query is seen, at its query."""
    before = evidence([0, 3, 5])
    part = getattr(before, name).copy()
    part[2, 4] += 1

    changed = changed_queries(replace(before, **{name: part}), before)

    assert changed.tolist() == [False, False, True]


def test_distances_do_not_count():
    """Distances in another last bit are no other ranks."""
    before = evidence([0, 3, 5])
    after = replace(before, top_distance=np.ones_like(before.top_distance))

    assert not changed_queries(after, before).any()


def test_measured_on_images_counts():
    """Values that were measured on restored images belong to what must stay, and to be there."""
    before = replace(evidence([0, 3]), measured={"psnr@1": np.array([20.0, np.nan])})
    other = replace(before, measured={"psnr@1": np.array([20.1, np.nan])})

    assert changed_queries(before, before).tolist() == [False, False]
    assert changed_queries(other, before).tolist() == [True, False]
    assert changed_queries(evidence([0, 3]), before).all()


def test_counts_over_trials():
    """The queries of all trials are counted together."""
    pairs = [
        (side_trial([0, 1, 2, 3]), side_trial([0, 1, 2, 4])),
        (side_trial([5, 1], split=1), side_trial([0, 0], split=1)),
    ]

    assert count_changed(pairs) == 3
