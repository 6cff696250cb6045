"""Proposes a protocol for a data set of the user's own, from what it has.

- Who tests: the subsets where the layout has them, else random halves of the identities that can
  be queried and found again; the others train in every split.
- Sides: two cameras stand against each other, the one of lower resolution as the query. With more,
  the first image of each identity by each camera is a query, and all images are the gallery: those
  of its identity by its camera are passed over. With one camera, the first image of each identity
  is the query and leaves the gallery.
- Headline: rank-k asks for the nearest match; where the gallery has one image of each identity,
  that is the single-shot of the literature.

Every choice is a sentence in the file.
"""

from __future__ import annotations

import json
import math
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.data.own.finding import count as counted
from harness.data.own.people import searchable
from harness.data.own.pictures import UNLIKE
from harness.specs import ProtocolSpec, Side, SplitLists
from harness.types import Record
from harness.types.data import Records, Subset

MANY = 1000  # identities from which one split is enough
SPLITS = 10  # below that
WIDTH = 96  # of the lines of a protocol file

SAME_CAMERA_PASSED_OVER = (
    "Passed over, neither match nor negative: images of the query's identity by its own camera."
)
NOTHING_PASSED_OVER = (
    "Nothing is passed over: there is one camera (rule `no-camera`). These numbers are no "
    "cross-camera re-identification."
)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A protocol with its reasons.

    Attributes:
        spec: The protocol.
        records: The records, with those marked that the protocol takes as queries.
        reasons: Why it is so, a sentence or two for each choice.
    """

    spec: ProtocolSpec
    records: tuple[Record, ...]
    reasons: tuple[str, ...]

    @property
    def text(self) -> str:
        """The protocol file."""
        return _write(self.spec, self.reasons)


@dataclass(frozen=True, slots=True)
class _Sides:
    """Who stands where.

    Attributes:
        title: What is compared, in a line.
        query: The query side.
        gallery: The gallery side.
        records: The records, with queries marked.
        reason: Why.
    """

    title: str
    query: Side
    gallery: Side
    records: tuple[Record, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class _Headline:
    """The metric that rank-k stands for, its name in a title, and why."""

    metric: str
    title: str
    reason: str


def propose(
    key: str,
    records: Records,
    heights: Mapping[int, float],
    *,
    splits: int | None,
    seed: int,
) -> Proposal:
    """Return a protocol for records that the doctor finds no error in.

    Args:
        key: Of the data set and of the protocol.
        records: All records.
        heights: The median height of the images of each camera [pixels].
        splits: How many random halves; None is 10, or 1 from 1,000 identities. Not for subsets.
        seed: Of the halves.
    """
    single_camera = len({record.camid for record in records}) == 1
    by_subset = any(record.subset for record in records)
    sides = _sides_of_layout(records) if by_subset else _sides_of_cameras(records, heights)
    lists: tuple[SplitLists, ...] = ()
    divided = "The layout of the data set says who is trained on and who tests: one split."
    if not by_subset:
        people = searchable(records, single_camera=single_camera)
        lists, divided = _halves(records, people, splits, seed)
    headline = _headline(sides)
    spec = ProtocolSpec(
        key=key,
        dataset=key,
        title=f"{sides.title}, {headline.title}",
        source=f"Proposed by `harness data add` from what the data set has. {divided}",
        query=sides.query,
        gallery=sides.gallery,
        junk="none" if single_camera else "same-camera",
        degradation=None,
        headline=headline.metric,
        splits=lists,
        splits_by="subset" if by_subset else "lists",
    )
    passed_over = NOTHING_PASSED_OVER if single_camera else SAME_CAMERA_PASSED_OVER
    return Proposal(spec, sides.records, (divided, sides.reason, passed_over, headline.reason))


def _halves(
    records: Records, people: Sequence[int], splits: int | None, seed: int
) -> tuple[tuple[SplitLists, ...], str]:
    """Return random halves of the identities that can be tested, no two of them the same.

    The other identities always train.
    """
    half = len(people) // 2
    wanted = splits if splits is not None else SPLITS if len(people) < MANY else 1
    count = min(wanted, math.comb(len(people), half))
    others = sorted({record.pid for record in records if record.pid > 0} - set(people))
    rng = np.random.default_rng(seed)
    lists: dict[SplitLists, None] = {}  # in the order in which they were drawn
    while len(lists) < count:
        shuffled = [people[i] for i in rng.permutation(len(people))]
        drawn = SplitLists(
            train=tuple(sorted([*shuffled[:half], *others])), test=tuple(sorted(shuffled[half:]))
        )
        lists[drawn] = None
    kept = ""
    if others:
        trains = "trains" if len(others) == 1 else "train"
        kept = f"; {counted(len(others), 'identity')} without a match {trains} in every split"
    halves = "random half" if count == 1 else "random halves"
    capped = ", all that there are" if count < wanted else ""
    return tuple(lists), (
        f"{count} {halves} of {len(people):,} identities{capped}, by "
        f"numpy.random.default_rng({seed}): one half trains, the other tests{kept}."
    )


def _sides_of_layout(records: Records) -> _Sides:
    if any(record.subset == "query" for record in records):
        return _Sides(
            title="the query subset against the gallery subset",
            query=Side(cameras=None, subsets=("query",)),
            gallery=Side(cameras=None, subsets=("gallery",)),
            records=tuple(records),
            reason="The subset query is searched for in the subset gallery.",
        )
    tested = [record for record in records if record.subset == "gallery"]
    return _first_images(records, tested)


def _sides_of_cameras(records: Records, heights: Mapping[int, float]) -> _Sides:
    cameras = sorted({record.camid for record in records})
    if len(cameras) != 2:
        return _first_images(records, records)
    query, gallery = cameras
    unlike = heights and max(heights.values()) >= UNLIKE * min(heights.values())
    if unlike and heights[gallery] < heights[query]:
        query, gallery = gallery, query
    why = (
        f"its images are smaller ({heights[query]:.0f} against {heights[gallery]:.0f} pixels high)"
        if unlike
        else "as the first of two of one resolution"
    )
    return _Sides(
        title=f"camera {query} queries against a camera {gallery} gallery",
        query=Side(cameras=(query,), subsets=None),
        gallery=Side(cameras=(gallery,), subsets=None),
        records=tuple(records),
        reason=f"Camera {query} is the query, {why}; camera {gallery} is searched.",
    )


def _first_images(records: Records, tested: Records) -> _Sides:
    """Return the sides where the first image of each identity (by each camera) is the query."""
    single_camera = len({record.camid for record in records}) == 1
    marked = _mark_first(records, tested)
    searched: Sequence[Subset] = ("gallery",) if single_camera else ("query", "gallery")
    there = {record.subset for record in marked}
    by_camera = "" if single_camera else " by each camera"
    all_or_rest = (
        "the others are searched"
        if single_camera
        else "all images are searched, so that one image by each camera is enough"
    )
    return _Sides(
        title=f"the first image of each identity{by_camera} against all others",
        query=Side(cameras=None, subsets=("query",)),
        gallery=Side(cameras=None, subsets=tuple(name for name in searched if name in there)),
        records=marked,
        reason=f"The first image of each identity{by_camera} is a query (marked in records.csv); "
        f"{all_or_rest}.",
    )


def _mark_first(records: Records, tested: Records) -> tuple[Record, ...]:
    """Return records with the tested ones put into the subset query, if first, or gallery."""
    queries: dict[tuple[int, int], str] = {}
    for record in sorted(tested, key=lambda record: record.id):
        if record.pid > 0:
            queries.setdefault((record.pid, record.camid), record.id)
    subsets: dict[str, Subset] = dict.fromkeys((record.id for record in tested), "gallery")
    subsets |= dict.fromkeys(queries.values(), "query")
    return tuple(replace(r, subset=subsets.get(r.id, r.subset)) for r in records)


def _headline(sides: _Sides) -> _Headline:
    """Return single-shot where the gallery camera has one image of each identity."""
    cameras = sides.gallery.cameras or ()
    people = Counter(r.pid for r in sides.records if r.camid in cameras and r.pid > 0)
    if people and max(people.values()) == 1:
        return _Headline(
            "cmc_single@1",
            "one image of each identity",
            "Rank-k is single-shot (cmc_single@1): the gallery has one image of each identity, so "
            "that multi-shot would be the same.",
        )
    return _Headline(
        "cmc_multi@1",
        "all matches",
        "Rank-k is multi-shot (cmc_multi@1): whether the nearest of all images of the person is "
        "among the k nearest. For the mean over galleries of one image each, write cmc_single@1.",
    )


def _write(spec: ProtocolSpec, reasons: Iterable[str]) -> str:
    """Return the text of a protocol file; a comment for each reason."""
    comments = [
        f"The protocol of the data set {spec.dataset}: who is trained on, queried and searched.",
        "Change it before the first run: numbers under two versions of it are never compared.",
        *(f"- {reason}" for reason in reasons),
    ]
    named = {"key": spec.key, "dataset": spec.dataset, "title": spec.title}
    fields = [f"{field}: {json.dumps(text)}" for field, text in named.items()]
    fields += ["source: >-", *_wrapped(spec.source, "  ")]
    fields += [f"query: {_side(spec.query)}", f"gallery: {_side(spec.gallery)}"]
    fields += [f"junk: {spec.junk}", "degradation: null", f"headline: {spec.headline}"]
    fields += ["splits_by: subset"] if spec.splits_by == "subset" else ["splits:"]
    for index, lists in enumerate(spec.splits):
        fields += [f"  # split {index}", *_list("  - train", lists.train)]
        fields += _list("    test", lists.test)
    lines = [line for comment in comments for line in _wrapped(comment, "# ")]
    return "\n".join([*lines, *fields]) + "\n"


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent)


def _side(side: Side) -> str:
    given = {"cameras": side.cameras, "subsets": side.subsets}
    parts = [f"{name}: [{', '.join(map(str, of))}]" for name, of in given.items() if of]
    return "{" + ", ".join(parts) + "}"


def _list(name: str, pids: Sequence[int]) -> list[str]:
    text = ", ".join(map(str, pids))
    if len(text) + len(name) + 4 <= WIDTH:
        return [f"{name}: [{text}]"]
    numbers = textwrap.wrap(text, WIDTH - 6)
    return [f"{name}: [", *(f"      {line}" for line in numbers), "    ]"]
