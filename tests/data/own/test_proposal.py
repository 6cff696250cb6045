"""A proposed protocol is one that the harness reads, fits the records, and leaks nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.data.own.people import searchable
from harness.data.own.proposal import propose
from harness.data.protocol import resolve
from harness.specs import parse_protocol
from tests.data.own.trees import record

TWO = tuple(record(pid, camid) for pid in range(1, 9) for camid in (1, 2))
THREE = tuple(record(pid, camid, n) for pid in range(1, 9) for camid in (1, 2, 3) for n in (1, 2))
ONE = tuple(record(pid, 1, n) for pid in range(1, 9) for n in (1, 2, 3))


def proposed(records, heights=None, splits=None, seed=0):
    """Return the proposal; its file must say what it says."""
    found = propose("mall", records, heights or {}, splits=splits, seed=seed)
    assert parse_protocol(found.text, "protocol.yaml") == found.spec
    return found


def split(found, index=0):
    return resolve(found.spec, found.records, "m").split(index)


def test_two_cameras_with_one_image_each_are_single_shot():
    """VIPeR's case: one camera against the other, single-shot, halves of the identities."""
    found = proposed(TWO)

    assert (found.spec.query.cameras, found.spec.gallery.cameras) == ((1,), (2,))
    assert (found.spec.headline, found.spec.junk) == ("cmc_single@1", "same-camera")
    assert len(found.spec.splits) == 10
    first = split(found)
    assert len(first.train_pids) == len(first.test_pids) == 4
    assert len(first.query) == len(first.gallery) == 4


def test_the_camera_of_lower_resolution_is_the_query():
    """CAVIAR's case: the far camera searches the near one; several images are multi-shot."""
    records = [record(pid, camid, n) for pid in range(1, 9) for camid in (1, 2) for n in (1, 2)]
    assert proposed(records, {1: 99, 2: 57}).spec.query.cameras == (2,)
    assert proposed(records, {1: 99, 2: 90}).spec.query.cameras == (1,)
    assert proposed(records, {1: 57, 2: 99}).spec.query.cameras == (1,)
    assert proposed(records).spec.headline == "cmc_multi@1"


def test_with_more_cameras_the_first_image_of_each_is_a_query():
    """One query for each identity and camera; every query has a match by another camera."""
    found = proposed(THREE)
    first = split(found)

    assert {r.id for r in first.query} == {f"{p}_{c}_1" for p in first.test_pids for c in (1, 2, 3)}
    assert len(first.gallery) == 4 * 6
    one_image_each = [r for r in THREE if r.id.endswith("_1")]
    assert len(split(proposed(one_image_each)).gallery) == 4 * 3


def test_with_one_camera_the_query_leaves_the_gallery():
    """Nothing is junk, so that a query must not be searched itself."""
    found = proposed(ONE)
    first = split(found)

    assert found.spec.junk == "none"
    assert {r.id for r in first.query} == {f"{pid}_1_1" for pid in first.test_pids}
    assert not {r.id for r in first.query} & {r.id for r in first.gallery}
    assert any("no cross-camera re-identification" in reason for reason in found.reasons)


def test_the_subsets_of_a_layout_are_taken():
    """What the layout divides is not divided again."""
    records = [
        replace(r, subset="train" if r.pid < 5 else "query" if r.camid == 1 else "gallery")
        for r in THREE
    ]
    found = proposed(records)
    only = split(found)

    assert (found.spec.splits_by, found.spec.splits) == ("subset", ())
    assert only.train_pids == (1, 2, 3, 4)
    assert {r.camid for r in only.query} == {1}
    assert {r.camid for r in only.gallery} == {2, 3}
    assert found.records == tuple(records)


def test_a_layout_without_queries_gets_some():
    """Where only training and test are told apart, first images of the test are queries."""
    records = [replace(r, subset="train" if r.pid < 5 else "gallery") for r in THREE]
    only = split(proposed(records))

    assert {r.id for r in only.query} == {f"{p}_{c}_1" for p in range(5, 9) for c in (1, 2, 3)}
    assert {r.pid for r in only.gallery} == {5, 6, 7, 8}


def test_who_cannot_be_tested_trains_in_every_split():
    """An identity that one camera saw is of use for training, and never in a test."""
    found = proposed([*TWO, record(20, 1)], splits=5)

    for index in range(5):
        assert 20 in split(found, index).train_pids
        assert 20 not in split(found, index).test_pids
    assert "1 identity without a match trains in every split" in found.reasons[0]


@pytest.mark.parametrize(("people", "splits"), [(999, 10), (1000, 1)])
def test_many_identities_need_one_split(people, splits):
    """Ten halves below 1,000 identities, one from there; a number that is given is kept."""
    records = [record(pid, camid) for pid in range(1, people + 1) for camid in (1, 2)]
    assert len(proposed(records).spec.splits) == splits
    assert len(proposed(records, splits=3).spec.splits) == 3


@pytest.mark.parametrize(
    ("people", "asked", "made"),
    [(4, None, 6), (5, None, 10), (5, 20, 10), (6, 20, 20), (8, 12, 12)],
)
def test_no_half_is_drawn_twice(people, asked, made):
    """Few identities have few halves, by hand 6 of 4 and 10 of 5: each stands once at most."""
    found = proposed([r for r in TWO if r.pid <= people], splits=asked)

    assert len({lists.test for lists in found.spec.splits}) == len(found.spec.splits) == made
    assert ("all that there are" in found.reasons[0]) == (made < (asked or 10))
    first = np.random.default_rng(0).permutation(people)[: people // 2] + 1
    assert found.spec.splits[0].train == tuple(sorted(first))


def test_the_seed_makes_the_halves():
    """The same seed gives the same file, another seed other halves; the seed is written down."""
    assert proposed(TWO, seed=7).text == proposed(TWO, seed=7).text
    assert proposed(TWO, seed=7).spec.splits != proposed(TWO, seed=8).spec.splits
    assert "numpy.random.default_rng(7)" in proposed(TWO, seed=7).text


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_every_test_identity_can_be_found_and_none_is_trained_on(data):
    """Whatever is drawn: halves are disjoint and complete, and each test identity has a match."""
    places = st.tuples(st.integers(1, 12), st.integers(1, 4), st.integers(1, 2))
    drawn = data.draw(st.sets(places, min_size=20))
    records = [record(*place) for place in drawn]
    people = searchable(records, single_camera=False)
    if len(people) < 4 or len({r.camid for r in records}) < 2:
        return
    found = proposed(records, splits=2)
    for index in range(2):
        one = split(found, index)
        assert not set(one.train_pids) & set(one.test_pids)
        assert set(one.train_pids) | set(one.test_pids) == {r.pid for r in records}
        lists = found.spec.splits[index]
        assert set(lists.test) <= set(people)
        for pid in lists.test:
            cameras = {r.camid for r in one.gallery if r.pid == pid}
            assert any(cameras - {q.camid} for q in one.query if q.pid == pid)
