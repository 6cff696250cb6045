"""What is odd about who is there, by which camera, on which side: from records alone."""

from __future__ import annotations

from collections import Counter, defaultdict

from harness.data.own.finding import SHOWN, Finding, be, count, first, have
from harness.types import Record
from harness.types.data import Records

FEWEST = 4  # identities that can be split: two to train on, two to test on


def searchable(records: Records, *, single_camera: bool) -> list[int]:
    """Return the identities that can be queried and found again, ascending.

    Without subsets an identity needs images by two cameras; with them a query and a gallery image
    by another camera. Where there is one camera, two images.
    """
    query, gallery = _sides(records)
    found: dict[int, list[Record]] = defaultdict(list)
    for record in gallery:
        found[record.pid].append(record)

    def has_match(q: Record) -> bool:
        others = (g for g in found[q.pid] if g.id != q.id)
        return any(single_camera or g.camid != q.camid for g in others)

    return sorted({q.pid for q in query if q.pid > 0 and has_match(q)})


def _sides(records: Records) -> tuple[Records, Records]:
    """Return who may be queried and who may be searched: all, where there are no subsets."""
    query = [record for record in records if record.subset == "query"]
    gallery = [record for record in records if record.subset == "gallery"]
    if not gallery:
        return records, records
    return (query, gallery) if query else (gallery, gallery)


def one_camera(records: Records, *, known: bool) -> Finding | None:
    """Find that all images are by one camera: an error, unless the user knows it."""
    if len({record.camid for record in records}) > 1:
        return None
    return Finding(
        "one-camera",
        "warning" if known else "error",
        "All images are by one camera, so that nobody can be found by another one. Two images of "
        "one camera are alike for other reasons than the person.",
        "The numbers are by the rule `no-camera` and are no cross-camera re-identification; say so."
        if known
        else "Tell the cameras apart (the column or the group camid). Or add the data with "
        "`--single-camera`, under the rule `no-camera`.",
    )


def too_few(records: Records, *, single_camera: bool) -> Finding | None:
    """Find that there are not enough identities for a number."""
    people = searchable(records, single_camera=single_camera)
    enough = 1 if any(record.subset for record in records) else FEWEST
    one_camera = len({record.camid for record in records}) == 1 and not single_camera
    if len(people) >= enough or one_camera:  # the latter is an error by itself
        return None
    return Finding(
        "too-few-identities",
        "error",
        f"{count(len(people), 'identity')} can be queried and found again"
        f"{'' if single_camera else ' by another camera'}; {enough} are needed.",
        "Add identities, or check that the same person has the same pid in each camera.",
        first(people),
    )


def unmatched(records: Records, *, single_camera: bool) -> Finding | None:
    """Find the identities without a match by another camera; one camera alone is said once."""
    if single_camera or len({record.camid for record in records}) == 1:
        return None
    query, _gallery = _sides(records)
    people = {record.pid for record in query if record.pid > 0}
    alone = sorted(people - set(searchable(records, single_camera=False)))
    if not alone:
        return None
    subsets = any(record.subset for record in records)
    return Finding(
        "no-cross-camera-match",
        "warning",
        f"{count(len(alone), 'identity')} of {len(people):,} {have(alone)} no match by another "
        "camera.",
        "Their queries are left out of every number. Add their images by another camera, or check "
        "that they have the same pid there."
        if subsets
        else "They train in every split and are never tested. Add their images by another camera, "
        "or check that they have the same pid there.",
        first(alone),
    )


def single_images(records: Records) -> Finding | None:
    """Find the identities that have one image."""
    times = Counter(record.pid for record in records if record.pid > 0)
    alone = sorted(pid for pid, n in times.items() if n == 1)
    if not alone:
        return None
    return Finding(
        "one-image-only",
        "warning",
        f"{count(len(alone), 'identity')} {have(alone)} one image only.",
        "In training it is drawn again and again; add images of them, or leave them out.",
        first(alone),
    )


def both_sides(records: Records) -> Finding | None:
    """Find the identities that the layout trains on and tests."""
    trained = {r.pid for r in records if r.subset == "train" and r.pid > 0}
    both = sorted(trained & {r.pid for r in records if r.subset in ("query", "gallery")})
    if not both:
        return None
    return Finding(
        "identities-on-both-sides",
        "error",
        f"{count(len(both), 'identity')} {be(both)} both in training and in the test, so that a "
        "method is tested on people that it has seen.",
        "Move all images of each to one side, or leave the subsets out: then identities are split "
        "at random.",
        first(both),
    )


def incomplete_subsets(records: Records) -> Finding | None:
    """Find a layout without one of its parts, or images that it forgets."""
    present = {record.subset for record in records} - {None}
    lacking = [subset for subset in ("train", "gallery") if subset not in present]
    whole = all(record.subset for record in records)
    if not present or (whole and not lacking):
        return None
    rest = [record.id for record in records if not record.subset]
    return Finding(
        "incomplete-subsets",
        "error",
        f"There are subsets, but no image in {' and none in '.join(lacking)}."
        if lacking
        else f"{count(len(rest), 'image')} {be(rest)} in no subset, and the others are.",
        "Put each image into train, query or gallery; or leave the subsets out: then identities "
        "are split at random.",
        tuple(rest[:SHOWN]),
    )


def nobody(records: Records) -> Finding | None:
    """Find junk and distractors, which a person called 0 would be taken for."""
    distractors = sum(record.pid == 0 for record in records)
    junk = sum(record.pid < 0 for record in records)
    if not distractors + junk:
        return None
    parts = [f"{count(distractors, 'image')} of identity 0 as distractors"] * bool(distractors)
    parts += [f"{count(junk, 'image')} of identity -1 as junk"] * bool(junk)
    return Finding(
        "nobody",
        "warning" if distractors else "note",
        f"{' and '.join(parts)} {'is' if distractors + junk == 1 else 'are'} taken: nobody to "
        "search for.",
        "If 0 is a person, number people from 1, or give them names: where one is no number, all "
        "are numbered anew.",
    )
