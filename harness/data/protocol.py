"""Applies a protocol to the records of a data set: what is trained on, queried and searched.

A protocol has an id, the hash of everything that decides which images meet under which rule. Two
numbers are compared only where it is the same. Metrics, trial counts and training are no part of
it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from harness.errors import DataError, UsageError, WeightsError
from harness.specs.protocol import Degradation, ProtocolSpec
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
        return len(self.spec.splits)

    def split(self, index: int) -> Split:
        """Return one split, counted from 0.

        Training records are all images of the training identities as they are. Junk and
        distractors of the gallery's cameras are in every gallery.

        Raises:
            UsageError: If there is no such split.
        """
        if not 0 <= index < self.splits:
            raise UsageError(
                f"There is no split {index} in protocol {self.spec.key!r}.",
                f"It has {self.splits}, counted from 0.",
            )
        lists = self.spec.splits[index]
        train, test = set(lists.train), set(lists.test)
        queries = [r for r in self._by(self.spec.query.cameras) if r.pid in test]
        gallery = [r for r in self._by(self.spec.gallery.cameras) if r.pid in test or r.pid < 1]
        return Split(
            index=index,
            train=tuple(record for record in self.records if record.pid in train),
            query=tuple(degraded(record, self.spec) for record in queries),
            gallery=tuple(gallery),
        )

    def _by(self, cameras: tuple[int, ...]) -> list[Record]:
        return [record for record in self.records if record.camid in cameras]


def resolve(spec: ProtocolSpec, records: Records, manifest: str) -> Protocol:
    """Apply a protocol to records.

    Args:
        spec: The protocol file.
        records: All records of its data set.
        manifest: The hash of `harness.data.manifest`.

    Raises:
        DataError: If a listed identity, or a camera, has no image.
    """
    pids = {record.pid for record in records}
    for index, lists in enumerate(spec.splits):
        absent = sorted({*lists.train, *lists.test} - pids)
        if absent:
            raise _incomplete(spec, f"no image of identity {absent[0]}, which split {index} lists")
    cameras = {record.camid for record in records}
    for role, side in (("query", spec.query), ("gallery", spec.gallery)):
        for camera in side.cameras:
            if camera not in cameras:
                raise _incomplete(spec, f"no image by camera {camera}, a {role} camera")
    canonical = json.dumps(definition(spec, manifest), sort_keys=True)
    return Protocol(
        id=hashlib.sha256(canonical.encode()).hexdigest(),
        spec=spec,
        manifest=manifest,
        records=tuple(sorted(records, key=lambda record: record.id)),
    )


def definition(spec: ProtocolSpec, manifest: str) -> dict[str, Any]:
    """Return what makes two protocols the same, as JSON: no titles, no metrics, no order."""
    return {
        "manifest": manifest,
        "splits": [[sorted(lists.train), sorted(lists.test)] for lists in spec.splits],
        "query": sorted(spec.query.cameras),
        "gallery": sorted(spec.gallery.cameras),
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


def leaked(split: Split, trained_on: Iterable[str], dataset: str) -> list[int]:
    """Return the test identities that a weight file was trained on, ascending.

    Args:
        split: Whose test identities.
        trained_on: The file's list of "dataset:pid".
        dataset: Key of the data set whose identities the split has.

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
        trained.add((name, int(pid)))
    return [pid for pid in split.test_pids if (dataset, pid) in trained]


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
