"""What each query is to find: its true matches and the size of its search, by the rule of junk.

Axes: Q queries, G gallery images, M true matches of all queries, I gallery identities without
distractors, C cameras.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.definitions.rules import Junk
from harness.evaluation.inputs import Labels

Int = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Search:
    """What there is to find.

    Attributes:
        offsets: (Q + 1,), the matches of query q are matches[offsets[q]:offsets[q + 1]].
        matches: (M,), gallery indices.
        valid: (Q,), gallery images that are not junk.
        identities: (Q,), identities among them, each distractor one of its own.
        column: (G,), the place of each image's identity among the identities; I for a distractor.
        images_of: (1 or C, I), images of each identity that count: all of them, or where a camera
            is junk as a whole those by other cameras.
        kind: (Q,), the row of `images_of` for each query.
    """

    offsets: Int
    matches: Int
    valid: Int
    identities: Int
    column: Int
    images_of: Int
    kind: Int


def find_matches(query: Labels, gallery: Labels, junk: Junk) -> Search:
    """Return what each query is to find.

    Args:
        query: Who is searched for.
        gallery: Who is searched in.
        junk: What is passed over.
    """
    people = np.unique(gallery.pids[gallery.pids > 0])
    column = np.where(
        gallery.pids > 0, np.searchsorted(people, gallery.pids), len(people)
    )  # junk has a column too, which is never asked for
    row, image = _own_images(query.pids, gallery.pids)
    by_own_camera = gallery.camids[image] == query.camids[row]
    found = np.ones(len(row), dtype=bool) if junk == "none" else ~by_own_camera
    matches = np.bincount(row[found], minlength=len(query.pids))
    cameras, kind = np.unique(query.camids, return_inverse=True)
    if junk != "same-camera":
        cameras, kind = cameras[:1], np.zeros_like(kind)
    images_of, distractors, usable = [], [], []
    for camera in cameras:
        counted = gallery.pids >= 0
        if junk == "same-camera":
            counted &= gallery.camids != camera
        images_of.append(np.bincount(column[counted], minlength=len(people) + 1)[: len(people)])
        distractors.append(np.count_nonzero(counted & (gallery.pids == 0)))
        usable.append(np.count_nonzero(counted))
    sizes = np.stack(images_of)
    own = np.bincount(row, minlength=len(query.pids))
    lost = own - matches if junk == "same-camera-match" else np.zeros_like(own)
    return Search(
        offsets=np.concatenate([[0], np.cumsum(matches)]),
        matches=image[found],
        valid=np.array(usable)[kind] - lost,
        identities=np.count_nonzero(sizes, axis=1)[kind]
        + np.array(distractors)[kind]
        - ((lost > 0) & (matches == 0)),
        column=column,
        images_of=sizes,
        kind=kind,
    )


def _own_images(query: Int, gallery: Int) -> tuple[Int, Int]:
    """Return the query and the gallery image of every pair of one identity, by query."""
    order = np.argsort(gallery, kind="stable")
    first = np.searchsorted(gallery, query, side="left", sorter=order)
    last = np.searchsorted(gallery, query, side="right", sorter=order)
    images = last - first
    row = np.repeat(np.arange(len(query)), images)
    place = np.arange(len(row)) - np.repeat(np.cumsum(images) - images, images)
    return row, order[first[row] + place]
