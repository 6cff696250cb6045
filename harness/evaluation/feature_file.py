"""A file of features, or of distances, that any tool wrote: what is in it, checked at the door.

In an `.npz` file, with Q queries, G gallery images and d dimensions:

    query_features    (Q, d)       gallery_features  (G, d)
    query_ids         (Q,)         gallery_ids       (G,), -1 is junk, 0 a distractor
    query_cams        (Q,)         gallery_cams      (G,)

Instead of the features there may be `distances`, (Q, G), smaller is nearer. `query_resolutions`,
(Q,), tells the down-sampling rate of each query, NaN where it is unknown. `mquery_features`,
`mquery_ids` and `mquery_cams` are further images of the queries' identities, for multi-query.

A `.mat` file has the names and the row vectors of layumi/Person_reID_baseline_pytorch (test.py):
query_f, query_label, query_cam, gallery_f, gallery_label, gallery_cam, mquery_f, mquery_label,
mquery_cam.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.errors import DataError
from harness.evaluation.archive import Archive, load_archive
from harness.evaluation.file_parts import Float, Parts
from harness.evaluation.inputs import Labels, Side

_FEATURES = ("query_features", "gallery_features")
_LABELS = ("query_ids", "query_cams", "gallery_ids", "gallery_cams")
_MULTI = ("mquery_features", "mquery_ids", "mquery_cams")
_PARTS = (*_FEATURES, *_LABELS, *_MULTI, "distances", "query_resolutions")

_LAYUMI = {"_features": "_f", "_ids": "_label", "_cams": "_cam"}


@dataclass(frozen=True, slots=True)
class FeatureFile:
    """What a file says of queries and gallery.

    Attributes:
        path: Of the file.
        query: Identities and cameras of the queries, all identities above 0.
        gallery: Those of the gallery; identity -1 is junk, 0 a distractor.
        features: Of query, (Q, d), and gallery, (G, d), in the precision of the file; None where
            it has distances.
        distances: (Q, G), smaller is nearer; None where it has features.
        resolutions: (Q,), the down-sampling rate of each query, None for one that is not known;
            None where the file does not say.
        multi: Further images of the queries' identities; None where there are none.
    """

    path: Path
    query: Labels
    gallery: Labels
    features: tuple[Float, Float] | None
    distances: Float | None
    resolutions: tuple[int | None, ...] | None
    multi: Side | None

    def sides(self) -> tuple[Side, Side]:
        """Return query and gallery with their features.

        Raises:
            DataError: If the file has distances only.
        """
        if self.features is None:
            raise DataError(
                f"{self.path.name} holds distances, no features.",
                "Give a file of features for what needs them: re-ranking, multi-query.",
            )
        query, gallery = self.features
        return (
            Side(query, self.query.pids, self.query.camids),
            Side(gallery, self.gallery.pids, self.gallery.camids),
        )


def load_feature_file(path: Path) -> FeatureFile:
    """Read and check a file.

    Args:
        path: An `.npz` or `.mat` file.

    Raises:
        DataError: If it cannot be read, lacks a part, or parts do not fit together; if a number is
            not finite; if an identity or a camera is not a whole number, a query has no identity,
            or a camera is negative.
    """
    names = {part: _name_in(path, part) for part in _PARTS}
    archive = load_archive(path, set(names.values()))
    _check_parts(archive, names)
    parts = Parts(archive, names)
    query = parts.labels("query")
    gallery = parts.labels("gallery")
    _check_identities(parts, query, gallery)
    features = distances = multi = None
    if parts.has("distances"):
        distances = parts.distances(len(query.pids), len(gallery.pids))
    else:
        features = (parts.features("query", query), parts.features("gallery", gallery))
        parts.check_dimensions("query_features", "gallery_features")
    if parts.has("mquery_features"):
        labels = parts.labels("mquery")
        multi = Side(parts.features("mquery", labels), labels.pids, labels.camids)
        if features is not None:
            parts.check_dimensions("mquery_features", "gallery_features")
    return FeatureFile(
        path=path,
        query=query,
        gallery=gallery,
        features=features,
        distances=distances,
        resolutions=parts.resolutions(len(query.pids)),
        multi=multi,
    )


def _name_in(path: Path, part: str) -> str:
    """Return what a part is called in a kind of file."""
    if path.suffix.lower() == ".mat":
        for ours, theirs in _LAYUMI.items():
            if part.endswith(ours):
                return part.removesuffix(ours) + theirs
    return part


def _check_parts(archive: Archive, names: Mapping[str, str]) -> None:
    """Refuse a file that lacks a part, or says one thing twice."""
    present = {part for part, name in names.items() if name in archive.arrays}
    needed = [*_LABELS] if "distances" in present else [*_FEATURES, *_LABELS]
    if present.intersection(_MULTI):
        needed += _MULTI
    missing = [names[part] for part in needed if part not in present]
    if missing:
        raise DataError(
            f"{archive.path.name} lacks {', '.join(missing)}; it has "
            f"{', '.join(archive.names) or 'nothing'}.",
            _advice(missing, [name for name in archive.names if name not in names.values()]),
        )
    if "distances" in present and present.intersection(_FEATURES):
        raise DataError(
            f"{archive.path.name} has features and distances, which need not agree.",
            "Leave one of the two out.",
        )


def _advice(missing: Sequence[str], others: Sequence[str]) -> str:
    """Return how to get the names right: those that are near are offered."""
    near = {
        name: found[0]
        for name in missing
        if (found := difflib.get_close_matches(name, others, n=1, cutoff=0.5))
    }
    offered = ", ".join(f"{theirs!r} to {name!r}" for name, theirs in near.items())
    shown = "See the names that a file needs in `harness evaluate --help`."
    return f"Did you mean to rename {offered}? {shown}" if near else shown


def _check_identities(parts: Parts, query: Labels, gallery: Labels) -> None:
    """Refuse identities that mean nothing."""
    unknown = np.count_nonzero(query.pids <= 0)
    if unknown:
        raise DataError(
            f"{parts.names['query_ids']} of {parts.archive.path.name} has {unknown} of "
            f"{len(query.pids)} identities at 0 or less, which stand for distractors and junk.",
            "Number people from 1, on both sides alike: add 1 where they begin at 0, and leave -1 "
            "as it is.",
        )
    below = np.flatnonzero(gallery.pids < -1)
    if len(below):
        raise DataError(
            f"{parts.names['gallery_ids']} of {parts.archive.path.name} has the identity "
            f"{gallery.pids[below[0]]}.",
            "Number people from 1; -1 is junk and 0 a distractor.",
        )
