"""The test images of a split: what a model is embedded on, and compared on, outside a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.data.catalogue import load
from harness.data.images import ImageBank
from harness.data.manifest import content_hashes, manifest
from harness.data.protocol import Protocol, resolve
from harness.loader import Registry
from harness.pixels import Size
from harness.run.plan import choose_protocol
from harness.run.request import RunRequest
from harness.settings import Settings
from harness.types import DatasetSpec, Record, Split


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Query and gallery of one split.

    Attributes:
        dataset: The data set.
        root: Where its images are.
        protocol: Applied to its records.
        split: The split.
    """

    dataset: DatasetSpec
    root: Path
    protocol: Protocol
    split: Split

    def __str__(self) -> str:
        return f"{self.dataset.card.title}, split {self.split.index}"

    def bank(self, records: Sequence[Record], size: Size) -> ImageBank:
        """Return a bank of some of its images, to be filled, degraded as the protocol says."""
        degradation = self.protocol.spec.degradation
        if degradation is None:
            return ImageBank(self.root, records, size)
        return ImageBank(
            self.root, records, size, down=degradation.down, reduced_from=degradation.size
        )


def open_held_out(
    request: RunRequest,
    split: int,
    registry: Registry,
    settings: Settings,
    announce: Callable[[str], None] = lambda _text: None,
) -> HeldOut:
    """Return the test images of a split.

    Args:
        request: Names the data set and, where it is not the default, the protocol.
        split: Counted from 0.
        registry: The plugins.
        settings: The folders.
        announce: Called with a sentence before something that takes seconds.

    Raises:
        HarnessError: Of the kind that fits: an unknown name, data that is not there, no such split.
    """
    dataset = registry.dataset(request.dataset)
    rules = choose_protocol(request, dataset, registry)
    root, records = load(dataset, settings, announce)
    hashes = {} if dataset.rule else content_hashes(root, records, settings)
    protocol = resolve(rules, records, manifest(dataset, records, hashes))
    return HeldOut(dataset, root, protocol, protocol.split(split))


def sample(split: Split, images: int) -> Split:
    """Return a split with at most so many test images: identities with all of theirs, in order.

    Identities with a query and a match come first; where not one of them fits, there are the first
    images of each side.
    """
    queries, gallery = _by_identity(split.query), _by_identity(split.gallery)
    chosen: tuple[list[Record], list[Record]] = [], []
    for pid in split.test_pids:
        own = queries.get(pid, []), gallery.get(pid, [])
        if has_match(*own) and sum(map(len, (*chosen, *own))) <= images:
            chosen[0].extend(own[0])
            chosen[1].extend(own[1])
    if not chosen[0]:
        half = images // 2
        return replace(split, query=split.query[:half], gallery=split.gallery[:half])
    return replace(split, query=tuple(chosen[0]), gallery=tuple(chosen[1]))


def _by_identity(records: Sequence[Record]) -> dict[int, list[Record]]:
    found: dict[int, list[Record]] = {}
    for record in records:
        found.setdefault(record.pid, []).append(record)
    return found


def has_match(query: Sequence[Record], gallery: Sequence[Record]) -> bool:
    """Say whether some query has an image of its identity by another camera in the gallery."""
    cameras: dict[int, set[int]] = {}
    for record in gallery:
        cameras.setdefault(record.pid, set()).add(record.camid)
    return any(cameras.get(record.pid, set()) - {record.camid} for record in query)
