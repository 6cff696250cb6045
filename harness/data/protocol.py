"""Applies a protocol to the records of a data set: what is trained on, queried and searched.

A protocol has an id, the hash of everything that decides which images meet under which rule. Two
numbers are compared only where it is the same. Metrics, trial counts and training are no part of
it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.errors import DataError, UsageError, WeightsError
from harness.specs.protocol import Degradation, ProtocolSpec, Side
from harness.types import Record, Split
from harness.types.data import Records


@dataclass(frozen=True)
class Protocol:
    """A protocol on the records of a data set.

    Attributes:
        id: SHA-256 of `definition`.
        spec: The protocol file.
        manifest: The hash of the data set's records and files.
        records: All records, sorted by id.
    """

    id: str
    spec: ProtocolSpec
    manifest: str
    records: tuple[Record, ...]

    @property
    def definition(self) -> dict[str, Any]:
        """What the id is the hash of, as JSON."""
        return definition(self.spec, self.manifest)

    @property
    def splits(self) -> int:
        """How many splits there are."""
        return 1 if self.spec.splits_by == "subset" else len(self.spec.splits)

    def split(self, index: int) -> Split:
        """Return one split, counted from 0.

        Training records are all images of the training identities as they are; where the layout
        divides the data set, all of its training subset. Junk and distractors on the gallery's
        side are in every gallery.

        Raises:
            UsageError: If there is no such split.
        """
        if not 0 <= index < self.splits:
            raise UsageError(
                f"There is no split {index} in protocol {self.spec.key!r}.",
                f"It has {self.splits}, counted from 0.",
            )
        train, test = self._divide(index)
        queries = [r for r in self.records if _stands_on(self.spec.query, r) and r.pid in test]
        gallery = [r for r in self.records if _stands_on(self.spec.gallery, r)]
        return Split(
            index=index,
            train=tuple(train),
            query=tuple(degraded(record, self.spec) for record in queries),
            gallery=tuple(r for r in gallery if r.pid in test or r.pid < 1),
        )

    def _divide(self, index: int) -> tuple[list[Record], set[int]]:
        """Return the training records and the test identities of a split."""
        if self.spec.splits_by == "subset":
            people = [record for record in self.records if record.pid > 0]
            train = [record for record in people if record.subset == "train"]
            return train, {r.pid for r in people if r.subset in ("query", "gallery")}
        lists = self.spec.splits[index]
        trained = set(lists.train)
        return [record for record in self.records if record.pid in trained], set(lists.test)


def resolve(spec: ProtocolSpec, records: Records, manifest: str) -> Protocol:
    """Apply a protocol to records.

    Args:
        spec: The protocol file.
        records: All records of its data set.
        manifest: The hash of `harness.data.manifest`.

    Raises:
        DataError: If a listed identity, a camera or a subset has no image, or the layout has an
            identity both in training and in the test.
    """
    _check_identities(spec, records)
    _check_sides(spec, records)
    canonical = json.dumps(definition(spec, manifest), sort_keys=True)
    return Protocol(
        id=hashlib.sha256(canonical.encode()).hexdigest(),
        spec=spec,
        manifest=manifest,
        records=tuple(sorted(records, key=lambda record: record.id)),
    )


def _check_identities(spec: ProtocolSpec, records: Records) -> None:
    """Refuse lists with people who are not there, and a layout with people on both sides."""
    pids = {record.pid for record in records}
    for index, lists in enumerate(spec.splits):
        absent = sorted({*lists.train, *lists.test} - pids)
        if absent:
            raise _incomplete(spec, f"no image of identity {absent[0]}, which split {index} lists")
    if spec.splits_by == "subset":
        trained = {r.pid for r in records if r.subset == "train" and r.pid > 0}
        tested = {r.pid for r in records if r.subset in ("query", "gallery")}
        if not trained:
            raise _incomplete(spec, "no image in the subset train")
        if trained & tested:
            pid = min(trained & tested)
            raise _incomplete(spec, f"identity {pid} both in training and in the test")


def _check_sides(spec: ProtocolSpec, records: Records) -> None:
    """Refuse a side that names a camera or a subset without an image."""
    cameras = {record.camid for record in records}
    subsets = {record.subset for record in records}
    for role, side in (("query", spec.query), ("gallery", spec.gallery)):
        for camera in side.cameras or ():
            if camera not in cameras:
                raise _incomplete(spec, f"no image by camera {camera}, a {role} camera")
        for subset in side.subsets or ():
            if subset not in subsets:
                raise _incomplete(spec, f"no image in the subset {subset}, on the {role} side")


def _stands_on(side: Side, record: Record) -> bool:
    seen = side.cameras is None or record.camid in side.cameras
    return seen and (side.subsets is None or record.subset in side.subsets)


def definition(spec: ProtocolSpec, manifest: str) -> dict[str, Any]:
    """Return what makes two protocols the same, as JSON: no titles, no metrics, no order."""
    return {
        "manifest": manifest,
        "splits": _splits(spec),
        "query": _side(spec.query),
        "gallery": _side(spec.gallery),
        "junk": spec.junk,
        "degradation": _degradation(spec),
    }


def degraded(record: Record, spec: ProtocolSpec) -> Record:
    """Return a query record as the protocol shows it: at its drawn rate, or as it is.

    The file stays the original's; whoever reads a record degrades it by its `r`.
    """
    if spec.degradation is None:
        return record
    drawing = record.id if spec.degradation.per == "image" else record.pid
    r = drawn_rate(spec.degradation, spec.dataset, drawing)
    return record if r == 1 else replace(record, id=f"{record.id}@r{r}", r=r, hr_id=record.id)


def drawn_rate(degradation: Degradation, dataset: str, drawing: str | int) -> int:
    """Return a down-sampling rate, drawn by a hash that no library can change.

    Args:
        degradation: The rates and the seed.
        dataset: Key of the data set.
        drawing: The id of an image, or the number of an identity.
    """
    name = json.dumps([dataset, drawing, degradation.seed])
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return degradation.rates[number % len(degradation.rates)]


def leaked(
    split: Split, trained_on: Iterable[str], dataset: str, origins: Mapping[str, str]
) -> list[int]:
    """Return the test identities that a weight file was trained on, ascending.

    A data set and what is made from it have the same identities, whichever of them is named.

    Args:
        split: Whose test identities.
        trained_on: The file's list of "dataset:pid".
        dataset: Key of the data set that the split is of.
        origins: By key of a data set, the one whose identities it has; one that is not there has
            its own.

    Raises:
        WeightsError: If an entry of the list is of another form.
    """
    trained: set[tuple[str, int]] = set()
    for entry in trained_on:
        name, _, pid = entry.rpartition(":")
        if not name or not pid.isdecimal():
            raise WeightsError(
                f"The weight file says it was trained on {entry!r}, which is not `dataset:pid`.",
                "Correct its `trained_on`; without it a leak cannot be excluded.",
            )
        trained.add((origins.get(name, name), int(pid)))
    origin = origins.get(dataset, dataset)
    return [pid for pid in split.test_pids if (origin, pid) in trained]


def _splits(spec: ProtocolSpec) -> list[Any]:
    if spec.splits_by == "subset":
        return ["by subset"]
    return [[sorted(lists.train), sorted(lists.test)] for lists in spec.splits]


def _side(side: Side) -> list[int] | dict[str, Any]:
    """Return the cameras alone where they say all, and otherwise whatever is said."""
    if side.subsets is None:
        return sorted(side.cameras or ())
    return {
        "cameras": None if side.cameras is None else sorted(side.cameras),
        "subsets": sorted(side.subsets),
    }


def _degradation(spec: ProtocolSpec) -> dict[str, Any] | None:
    """Return the degradation with the name that its draw depends on.

    An option that has its default is left out, so that a further option changes no id.
    """
    if spec.degradation is None:
        return None
    options = spec.degradation.model_dump(mode="json", exclude_defaults=True)
    return {**options, "dataset": spec.dataset}


def _incomplete(spec: ProtocolSpec, what: str) -> DataError:
    return DataError(
        f"Protocol {spec.key!r} does not fit the data set {spec.dataset}: it has {what}.",
        f"Run `harness data check {spec.dataset}` to see what your copy lacks.",
    )
