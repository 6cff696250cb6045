"""Checks of a data set: its card, what its reader gives, and what its protocol makes of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import get_args

from harness.data.catalogue import count, in_words
from harness.data.protocol import Protocol
from harness.data.protocol import resolve as apply_protocol
from harness.errors import HarnessError
from harness.loader import resolve
from harness.pixels import read_image
from harness.specs import ProtocolSpec, all_protocols, load_hashes
from harness.testing.check import Blocked, Broken
from harness.testing.copies import find_root
from harness.testing.subjects import Subject, need_unblocked
from harness.types import Split
from harness.types.data import Subset

RATES = (None, 1, 2, 3, 4, 8)
OLDEST = 1990  # year of a paper about people seen by several cameras
DECODED = 64  # images, spread over the data set
UNMATCHED = "without a match"
"""The words with which a card or a protocol says that some queries have none."""


def card_is_complete(subject: Subject) -> str:
    """Look at the words, the counts and the addresses of the card."""
    spec = subject.dataset
    card = spec.card
    words = ("title", "summary", "citation", "licence", "how_to_get")
    empty = [name for name in words if not getattr(card, name).strip()]
    if empty:
        raise Broken(f"its card does not say its {', '.join(empty)}")
    if card.year < OLDEST:
        raise Broken(f"its card has the year {card.year}")
    expected = card.expected
    if min(expected.images, expected.identities, expected.cameras) < 1:
        raise Broken(f"its card expects {in_words(expected)}")
    if sum((expected.subsets or {}).values()) > expected.images:
        raise Broken(f"the subsets of its card are more than its {expected.images:,} images")
    if (spec.generate is None) != (spec.rule is None):
        raise Broken("of `generate` and `rule` it has one without the other")
    if spec.made_from is not None and spec.made_from not in subject.registry.datasets:
        raise Broken(f"it is made from {spec.made_from!r}, which is not installed")
    if card.hashes is not None:
        load_hashes(card.hashes)
    for address in filter(None, (spec.read, spec.generate)):
        if not callable(resolve(address, needed_by=f"data set {spec.key!r}")):
            raise Broken(f"{address} cannot be called")
    return f"{in_words(expected)}; {card.status}"


def reads(subject: Subject) -> str:
    """Read the copy on this machine, and compare its counts with the card's."""
    spec = subject.dataset
    root = find_root(spec)
    found = count(resolve(spec.read, needed_by=f"data set {spec.key!r}")(spec.source(root)))
    if found != spec.card.expected:
        raise Broken(f"it has {in_words(found)}; its card expects {in_words(spec.card.expected)}")
    return in_words(found)


def ids_are_unique(subject: Subject) -> str:
    """Look for an id that comes twice, and read again."""
    root, records = subject.copy
    name, times = Counter(record.id for record in records).most_common(1)[0]
    if times > 1:
        raise Broken(f"{times} records have the id {name!r}")
    read = resolve(subject.dataset.read, needed_by="the check of its ids")
    again = list(read(subject.dataset.source(root)))
    if again != records:
        differing = sum(a != b for a, b in zip(records, again, strict=False))
        raise Broken(f"read twice, {max(differing, 1)} of {len(records):,} records differ")
    return f"{len(records):,} ids"


def paths_are_relative(subject: Subject) -> str:
    """Look for paths that leave the folder of the data set, or lead to no file."""
    root, records = subject.copy
    for record in records:
        path = PurePosixPath(record.path)
        if path.is_absolute() or Path(record.path).is_absolute() or ".." in path.parts:
            raise Broken(f"the path of {record.id!r} is {record.path!r}")
        if not (root / path).is_file():
            raise Broken(f"the path of {record.id!r} leads to no file: {record.path!r}")
    return f"{len({record.path for record in records}):,} files"


def labels_are_valid(subject: Subject) -> str:
    """Look at identity, camera, resolution, original and subset of each record."""
    _, records = subject.copy
    ids = {record.id for record in records}
    for record in records:
        odd = {
            "pid": record.pid < -1,
            "camid": record.camid < 1,
            "r": record.r not in RATES,
            "hr_id": record.hr_id is not None and record.hr_id not in ids,
            "subset": record.subset not in (None, *get_args(Subset)),
        }
        for name, wrong in odd.items():
            if wrong:
                raise Broken(f"{record.id!r} has {name} = {getattr(record, name)!r}")
    return in_words(count(records))


def images_decode(subject: Subject) -> str:
    """Decode images from all over the data set."""
    root, records = subject.copy
    chosen = records[:: max(1, len(records) // DECODED)][:DECODED]
    chosen = [record for record in chosen if (root / record.path).is_file()]
    need_unblocked(chosen, "none of its files is there: see `record-paths`")
    sides = [min(read_image(root / record.path).shape[:2]) for record in chosen]
    return f"{len(chosen)} of {len(records):,}, the smallest side is {min(sides)} pixels"


def protocol_applies(subject: Subject) -> str:
    """Look for the default protocol, and apply it to the records."""
    rules = _rules(subject)
    if rules.dataset != subject.dataset.key:
        raise Broken(f"its protocol {rules.key!r} is for {rules.dataset!r}")
    if rules.headline not in subject.registry.metrics:
        raise Broken(f"its protocol names the metric {rules.headline!r}, which is not installed")
    _, records = subject.copy
    protocol = apply_protocol(rules, records, manifest="")
    for split in _splits(protocol):
        empty = [name for name in ("train", "query", "gallery") if not getattr(split, name)]
        if empty:
            raise Broken(f"split {split.index} of {rules.key!r} has no image in {empty[0]}")
    return f"{rules.key}, {protocol.splits} splits"


def sides_are_apart(subject: Subject) -> str:
    """Look for a file or an identity that is both trained on and tested."""
    protocol = _protocol(subject)
    for split in _splits(protocol):
        tested = (*split.query, *split.gallery)
        both = {r.path for r in split.train} & {r.path for r in tested}
        people = set(split.train_pids) & set(split.test_pids)
        if both or people:
            what = f"the file {min(both)}" if both else f"identity {min(people)}"
            raise Broken(f"in split {split.index}, {what} is both trained on and tested")
    return f"{protocol.splits} splits"


def queries_have_a_match(subject: Subject) -> str:
    """Look for queries that no gallery image of another camera matches."""
    protocol = _protocol(subject)
    said = " ".join((*subject.dataset.card.notes, protocol.spec.source, protocol.spec.title))
    unmatched = {split.index: _unmatched(split) for split in _splits(protocol)}
    most = max(unmatched, key=lambda index: unmatched[index])
    if not unmatched[most]:
        return "every query has a match"
    found = f"in split {most}, {unmatched[most]} queries have no match by another camera"
    if UNMATCHED not in said:
        raise Broken(f"{found}, and neither card nor protocol says so")
    return f"{found}, and it says so"


def _unmatched(split: Split) -> int:
    seen = {(record.pid, record.camid) for record in split.gallery}
    cameras: dict[int, set[int]] = {}
    for pid, camid in seen:
        cameras.setdefault(pid, set()).add(camid)
    return sum(not cameras.get(query.pid, set()) - {query.camid} for query in split.query)


def _rules(subject: Subject) -> ProtocolSpec:
    known = all_protocols(subject.registry.protocols)
    key = subject.dataset.protocol
    if key not in known:
        raise Broken(f"there is no protocol {key!r}")
    return known[key]


def _protocol(subject: Subject) -> Protocol:
    """Return the default protocol on the records, where it applies."""
    _, records = subject.copy
    try:
        return apply_protocol(_rules(subject), records, manifest="")
    except (HarnessError, Broken) as error:
        raise Blocked("its protocol does not apply: see `protocol`") from error


def _splits(protocol: Protocol) -> Iterator[Split]:
    return (protocol.split(index) for index in range(protocol.splits))
