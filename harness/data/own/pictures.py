"""What is odd about the images: broken, tiny, there twice, passed over, of unlike resolutions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import median

from harness.data.own.finding import SHOWN, Finding, be, count
from harness.data.own.gather import Gathered
from harness.data.own.survey import Seen
from harness.types import Record
from harness.types.data import Records

SMALLEST = (32, 16)  # height and width below which little of a person is left [pixels]
UNLIKE = 1.5  # ratio of median heights from which two cameras have unlike resolutions


def broken(reasons: Mapping[str, str]) -> Finding | None:
    """Find the files that are no image."""
    if not reasons:
        return None
    return Finding(
        "unreadable",
        "error",
        f"{count(len(reasons), 'image')} cannot be read.",
        "Replace them by good copies, or take them out of the folder or the CSV.",
        tuple(reasons.values())[:SHOWN],
    )


def copies_of_several_people(records: Records, seen: Mapping[str, Seen]) -> Finding | None:
    """Find pictures that are there under two identities."""
    groups = [group for group in _same_bytes(records, seen) if _shows_several(group)]
    if not groups:
        return None
    return Finding(
        "same-image-of-two-identities",
        "error",
        f"{count(len(groups), 'picture')} {be(groups)} there under two identities: at most one of "
        "them is right.",
        "Find out who it is, and remove the other; or give both images one identity.",
        _named(groups),
    )


def copies(records: Records, seen: Mapping[str, Seen]) -> Finding | None:
    """Find pictures that are there twice, of one identity or of nobody."""
    groups = [group for group in _same_bytes(records, seen) if not _shows_several(group)]
    if not groups:
        return None
    return Finding(
        "duplicate-files",
        "warning",
        f"{count(len(groups), 'picture')} {be(groups)} there more than once. A copy by another "
        "camera would be found at distance 0.",
        "Keep one of each.",
        _named(groups),
    )


def tiny(seen: Mapping[str, Seen]) -> Finding | None:
    """Find images too small to show a person."""
    height, width = SMALLEST
    small = sorted(path for path, one in seen.items() if one.height < height or one.width < width)
    if not small:
        return None
    return Finding(
        "tiny-images",
        "warning",
        f"{count(len(small), 'image')} {be(small)} lower than {height} or narrower than {width} "
        "pixels.",
        "Look at them: a detector's false alarm is better left out.",
        tuple(f"{path} ({seen[path].height} x {seen[path].width})" for path in small[:SHOWN]),
    )


def passed_over(gathered: Gathered) -> Finding | None:
    """Find images that the pattern does not match."""
    files, taken = gathered.passed_over, len(gathered.records)
    if not files:
        return None
    many = len(files) * 10 > taken
    return Finding(
        "not-matched",
        "warning",
        f"The pattern passes over {count(len(files), 'image')} and takes {taken:,}.",
        "That is much: if they belong to the data set, change the pattern until it takes them."
        if many
        else "If they belong to the data set, change the pattern; otherwise all is well.",
        files[:SHOWN],
    )


def unlike_resolutions(records: Records, seen: Mapping[str, Seen]) -> Finding | None:
    """Find cameras of unlike resolution, where no image is marked as one of low resolution."""
    if any(record.r is None for record in records):
        return None
    heights = median_heights(records, seen)
    if not heights or max(heights.values()) < UNLIKE * min(heights.values()):
        return None
    low = sorted(c for c, height in heights.items() if height * UNLIKE <= max(heights.values()))
    return Finding(
        "unlike-resolutions",
        "note",
        "The cameras have unlike resolutions, by the median heights of their images.",
        f"If what camera {', '.join(map(str, low))} took is of low resolution, write `native` in "
        "the column r of these images: methods for low resolution need to know.",
        tuple(f"camera {c}: {heights[c]:.0f} pixels" for c in _lowest_and_highest(heights)),
    )


def numbered(gathered: Gathered) -> Finding | None:
    """Find names, which are numbered here."""
    parts = []
    if gathered.people:
        first, last = min(gathered.people.values()), max(gathered.people.values())
        parts.append(f"{count(len(gathered.people), 'identity')} from {first} to {last}")
    if gathered.cameras:
        names = ", ".join(f"{name} is {n}" for name, n in list(gathered.cameras.items())[:SHOWN])
        more = ", ..." if len(gathered.cameras) > SHOWN else ""
        parts.append(f"{count(len(gathered.cameras), 'camera')} ({names}{more})")
    if not parts:
        return None
    return Finding(
        "numbered",
        "note",
        f"Names are numbered: {' and '.join(parts)}.",
        "dataset.yaml keeps who has which number, also where the data set is added again.",
        tuple(f"{name} is {n}" for name, n in list(gathered.people.items())[:SHOWN]),
    )


def median_heights(records: Records, seen: Mapping[str, Seen]) -> dict[int, float]:
    """Return the median height of the images of each camera [pixels]."""
    heights: dict[int, list[int]] = defaultdict(list)
    for record in records:
        if record.path in seen:
            heights[record.camid].append(seen[record.path].height)
    return {camid: float(median(values)) for camid, values in heights.items()}


def _lowest_and_highest(heights: Mapping[int, float]) -> list[int]:
    """Return the cameras by height, no more than are shown: the lowest, and the highest."""
    ordered = sorted(heights, key=lambda camid: (heights[camid], camid))
    return ordered if len(ordered) <= SHOWN else [*ordered[: SHOWN - 2], *ordered[-2:]]


def _same_bytes(records: Records, seen: Mapping[str, Seen]) -> list[list[Record]]:
    """Return the groups of records whose files have the same bytes, by the first of each."""
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.path in seen:
            groups[seen[record.path].sha256].append(record)
    return [group for group in groups.values() if len(group) > 1]


def _shows_several(group: Records) -> bool:
    return len({record.pid for record in group if record.pid > 0}) > 1


def _named(groups: Sequence[Sequence[Record]]) -> tuple[str, ...]:
    return tuple(
        " = ".join(f"{r.path} (identity {r.pid}, camera {r.camid})" for r in group)
        for group in groups[:SHOWN]
    )
