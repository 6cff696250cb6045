"""From a CSV or a folder to a registered data set: list, open, examine, split, write.

Nothing is written before everything is known to be right, and never into the folder of the images.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.data import catalogue
from harness.data.listing import Listed, write_listing
from harness.data.own.before import Before, find_renumbered
from harness.data.own.doctor import diagnose
from harness.data.own.finding import Finding
from harness.data.own.gather import NEW, Gathered, gather_csv, gather_folder
from harness.data.own.pictures import median_heights
from harness.data.own.proposal import Proposal, propose
from harness.data.own.shelf import CARD, LISTING, PROTOCOL, OwnCard, save, write_card
from harness.data.own.survey import Survey, survey
from harness.data.protocol import resolve
from harness.errors import UsageError
from harness.settings import Settings
from harness.types import Counts


@dataclass(frozen=True, slots=True)
class OwnRequest:
    """The options of `harness data add` for a data set of the user's own.

    Attributes:
        key: Its name.
        csv: A CSV that lists its images, or None.
        root: The folder that the paths of the CSV are relative to; None is the CSV's.
        folder: A folder with its images, or None; one of `csv` and `folder` is given.
        pattern: The regular expression for paths in the folder.
        single_camera: Whether the user knows that all images are by one camera.
        splits: How many random halves; None is what fits.
        seed: Of the halves.
    """

    key: str
    csv: Path | None = None
    root: Path | None = None
    folder: Path | None = None
    pattern: str | None = None
    single_camera: bool = False
    splits: int | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Examined:
    """A data set before it is registered.

    Attributes:
        request: What was asked.
        gathered: Its images.
        survey: What their files are.
        findings: What is odd, errors first.
        before: What it was, where it is added again.
    """

    request: OwnRequest
    gathered: Gathered
    survey: Survey
    findings: tuple[Finding, ...]
    before: Before | None = None

    @property
    def counts(self) -> Counts:
        """How much there is."""
        return catalogue.count(self.gathered.records)


@dataclass(frozen=True, slots=True)
class Registered:
    """A data set that is registered.

    Attributes:
        folder: Where its files are.
        proposal: Its protocol.
    """

    folder: Path
    proposal: Proposal


def gather(request: OwnRequest, before: Before | None = None) -> Gathered:
    """Return the images that a request names.

    Args:
        request: What was asked.
        before: What the data set was, where it is added again: its names keep their numbers.

    Raises:
        UsageError: If it names not one of a CSV and a folder, or its options do not fit.
        DataError: If there is nothing to be had from it.
    """
    _check_options(request)
    known, single_camera = before.numbers if before else NEW, request.single_camera
    if request.csv is not None:
        return gather_csv(request.csv, request.root, single_camera=single_camera, known=known)
    if request.folder is None or request.pattern is None:
        raise UsageError(
            "A folder of your own needs a pattern that tells who is seen, and by which camera.",
            r"Add `--pattern '(?P<pid>\d+)_c(?P<camid>\d+).*\.jpg'`, changed to your file names.",
        )
    return gather_folder(request.folder, request.pattern, single_camera=single_camera, known=known)


def examine(
    request: OwnRequest,
    gathered: Gathered,
    advance: Callable[[int], None] = lambda _n: None,
    before: Before | None = None,
) -> Examined:
    """Open all images and say what is odd.

    Args:
        request: What was asked.
        gathered: Of `gather`.
        advance: Called with 1 after each image.
        before: What the data set was, where it is added again.

    Raises:
        UsageError: If splits are asked for, and the layout has them; or one camera is said, and
            there are several.
    """
    cameras = {record.camid for record in gathered.records}
    if request.single_camera and len(cameras) > 1:
        raise UsageError(
            f"--single-camera is given, and there are {len(cameras)} cameras.",
            "Leave it out, or take camid out of the pattern or the CSV.",
        )
    if request.splits is not None and any(record.subset for record in gathered.records):
        raise UsageError(
            f"The data set has subsets, which are one split; --splits {request.splits} asks for "
            "others.",
            "Leave out --splits, or the subsets.",
        )
    found = survey(gathered.root, (record.path for record in gathered.records), advance)
    findings = diagnose(gathered, found, single_camera=request.single_camera)
    renumbered = find_renumbered(before, gathered, found) if before else None
    if renumbered:
        findings.insert(0, renumbered)
    return Examined(request, gathered, found, tuple(findings), before)


def register(examined: Examined, settings: Settings) -> Registered:
    """Propose a protocol, and put the data set on the shelf.

    Args:
        examined: A data set in which no error was found.
        settings: Names the folders.

    Raises:
        DataError: If a file that the user wrote for it does not go with the new ones.
    """
    request, gathered, seen = examined.request, examined.gathered, examined.survey.seen
    proposal = propose(
        request.key,
        gathered.records,
        median_heights(gathered.records, seen),
        splits=request.splits,
        seed=request.seed,
    )
    resolve(proposal.spec, proposal.records, "").split(0)
    listed = [Listed(record, seen[record.path].sha256) for record in proposal.records]
    card, before = _card(examined, catalogue.count(proposal.records)), examined.before
    files = {
        LISTING: write_listing(listed),
        PROTOCOL: proposal.text,
        CARD: write_card(card, before.remarks) if before else write_card(card),
    }
    return Registered(save(request.key, gathered.root, files, settings), proposal)


def _check_options(request: OwnRequest) -> None:
    if (request.csv is None) == (request.folder is None):
        raise UsageError(
            f"Where are the images of {request.key!r}?",
            "Give one of `--csv FILE` and `--folder DIR --pattern REGEX`.",
        )
    if request.root is not None and request.csv is None:
        raise UsageError(
            "--root is for --csv: it is the folder that the paths in the file are relative to.",
            "Leave it out: with --folder the folder itself is that.",
        )
    if request.pattern is not None and request.folder is None:
        raise UsageError("--pattern is for --folder.", "Give the folder, or leave it out.")
    if request.splits is not None and request.splits < 1:
        raise UsageError(f"{request.splits} splits are none.", "Give --splits 1 or more.")


def _card(examined: Examined, expected: Counts) -> OwnCard:
    """Return the card: what the user wrote there stays, and the names that are gone stay known."""
    gathered, before = examined.gathered, examined.before
    prose = before.card if before else _blank_card(examined)
    known = before.numbers if before else NEW
    return prose.model_copy(
        update={
            "expected": expected,
            "pattern": gathered.pattern,
            "camera_names": {**(known.cameras or {}), **gathered.cameras},
            "identity_names": {**(known.people or {}), **gathered.people},
        }
    )


def _blank_card(examined: Examined) -> OwnCard:
    return OwnCard(
        title=examined.request.key,
        summary="A data set of our own.",
        citation="None yet.",
        year=datetime.datetime.now(tz=datetime.UTC).year,
        licence="Not stated.",
        how_to_get="Ask whoever added it.",
        expected=examined.counts,
    )
