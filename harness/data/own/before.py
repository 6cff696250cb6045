"""What a data set of the user's own was, where it is added again: its names, card and images.

The weights that it trained know identities by number. An identity therefore keeps the number that
it had, and an image the identity: what weights saw in training is recognised ever after.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.data.listing import Listed, read_listed
from harness.data.own.finding import SHOWN, Finding, have
from harness.data.own.finding import count as counted
from harness.data.own.gather import Gathered, Numbers
from harness.data.own.shelf import CARD, LISTING, OwnCard, list_own, read_card, shelf
from harness.data.own.survey import Survey
from harness.errors import DataError
from harness.settings import Settings


@dataclass(frozen=True, slots=True)
class Before:
    """A data set before it is added again.

    Attributes:
        card: Its file `dataset.yaml`.
        remarks: The comments in that file, where they have a line of their own.
        listed: Its images.
    """

    card: OwnCard
    remarks: str
    listed: tuple[Listed, ...]

    @property
    def numbers(self) -> Numbers:
        """The numbers that its names have."""
        return Numbers(self.card.identity_names, self.card.camera_names)


def read_before(key: str, settings: Settings) -> Before | None:
    """Return what a data set of the user's own was; None where there is none of that name.

    Raises:
        UsageError: If its card cannot be read.
        DataError: If its listing cannot be read.
    """
    if key not in list_own(settings):
        return None
    card, folder = read_card(key, settings), shelf(settings) / key
    lines = (folder / CARD).read_text(encoding="utf-8").splitlines(keepends=True)
    remarks = "".join(line for line in lines if line.startswith("#"))
    try:
        return Before(card, remarks, read_listed(folder / LISTING))
    except DataError as error:
        raise DataError(
            error.what,
            "It tells who had which number: put it back, or add the data set under another name.",
        ) from error


def find_renumbered(before: Before, gathered: Gathered, survey: Survey) -> Finding | None:
    """Find images that have another identity now, so that its number means another person.

    Where identities have names, one image may change its identity, as the mending of a label does,
    unless nothing is left of the identity that it had: then the person has a second number.
    """
    had = {one.sha256: one.record.pid for one in before.listed if one.record.pid > 0}
    there = {record.pid for record in gathered.records}
    changed = []
    for record in gathered.records:
        seen = survey.seen.get(record.path)
        pid = had.get(seen.sha256, record.pid) if seen else record.pid
        if (
            record.pid > 0
            and pid != record.pid
            and not (before.card.identity_names and pid in there)
        ):
            changed.append(f"{record.path} (identity {pid}, now {record.pid})")
    if not changed:
        return None
    return Finding(
        "other-identities",
        "error",
        f"{counted(len(changed), 'image')} {have(changed)} another identity than before: weights "
        "that the data set trained would be tested on people they saw.",
        "Give everyone the number or the name of before, or add the data set under another name.",
        tuple(changed[:SHOWN]),
    )
