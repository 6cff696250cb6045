"""Examines a registered data set of the user's own: its images, and its files on the shelf."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.data.catalogue import count, in_words
from harness.data.listing import Listed, read_listed
from harness.data.own.doctor import diagnose
from harness.data.own.finding import SHOWN, Finding, be, have
from harness.data.own.finding import count as counted
from harness.data.own.gather import Gathered, gather_folder
from harness.data.own.shelf import LISTING, Own
from harness.data.own.survey import Seen, survey
from harness.data.protocol import resolve
from harness.errors import HarnessError
from harness.types import Record
from harness.types.data import Records


@dataclass(frozen=True, slots=True)
class Checkup:
    """What an examination gave.

    Attributes:
        records: Of the listing.
        compared: How many of their files have a hash there, so that a change would be seen.
        findings: What is odd, errors first.
    """

    records: Records
    compared: int
    findings: tuple[Finding, ...]


def check_own(own: Own, root: Path, advance: Callable[[int], None] = lambda _n: None) -> Checkup:
    """Open every image of a registered data set and say what is odd, errors first.

    Args:
        own: The data set.
        root: The folder of its images.
        advance: Called with 1 after each image.

    Raises:
        DataError: If its listing cannot be read.
    """
    assert own.spec.listing is not None
    listed = read_listed(own.spec.listing)
    records = tuple(one.record for one in listed)
    found = survey(root, (record.path for record in records), advance)
    standard = own.protocols[0]
    gathered = Gathered(
        root=root,
        records=records if standard.splits_by == "subset" else _unmarked(records),
        people={},
        cameras={},
        pattern=own.card.pattern,
    )
    findings = [
        *_changed(listed, found.seen),
        *_other_counts(own, records),
        *_unfit_protocols(own, records),
        *diagnose(gathered, found, single_camera=standard.junk == "none"),
        *_new_images(own, root, records),
    ]
    findings.sort(key=lambda finding: finding.level != "error")
    return Checkup(records, sum(bool(one.sha256) for one in listed), tuple(findings))


def _unmarked(records: Records) -> tuple[Record, ...]:
    """Return records without subsets: here they mark queries, and divide nobody."""
    return tuple(replace(record, subset=None) for record in records)


def _changed(listed: Sequence[Listed], seen: Mapping[str, Seen]) -> list[Finding]:
    paths = [
        one.record.path
        for one in listed
        if one.sha256 and one.record.path in seen and seen[one.record.path].sha256 != one.sha256
    ]
    if not paths:
        return []
    return [
        Finding(
            "changed-files",
            "error",
            f"{counted(len(paths), 'file')} {have(paths)} other bytes than when the data set was "
            "added: numbers before and after are not of the same images.",
            "Put the originals back, or add the data set again with `--replace`.",
            tuple(paths[:SHOWN]),
        )
    ]


def _other_counts(own: Own, records: Records) -> list[Finding]:
    found, expected = count(records), own.card.expected
    if found == expected:
        return []
    return [
        Finding(
            "other-counts",
            "error",
            f"{LISTING} has {in_words(found)}; dataset.yaml says {in_words(expected)}.",
            "If you changed the listing on purpose, write its counts into dataset.yaml.",
        )
    ]


def _unfit_protocols(own: Own, records: Records) -> list[Finding]:
    findings = []
    for spec in own.protocols:
        try:
            resolve(spec, records, "")
        except HarnessError as error:
            findings.append(
                Finding(
                    "unfit-protocol",
                    "error",
                    error.what,
                    f"Correct the protocol {spec.key!r}, or the listing.",
                )
            )
    return findings


def _new_images(own: Own, root: Path, records: Records) -> list[Finding]:
    """Find images in the folder that the pattern takes now, and that are not listed."""
    if own.card.pattern is None:
        return []
    there = gather_folder(root, own.card.pattern, single_camera=True)
    known = {record.path for record in records}
    new = [record.path for record in there.records if record.path not in known]
    if not new:
        return []
    return [
        Finding(
            "new-images",
            "warning",
            f"{counted(len(new), 'image')} of the folder {be(new)} not in the data set.",
            "To take them in, add the data set again with `--replace`; scores start anew.",
            tuple(new[:SHOWN]),
        )
    ]
