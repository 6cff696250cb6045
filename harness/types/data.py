"""What a data set is made of: records, cards, splits, trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

Status = Literal["available", "on-request", "withdrawn"]
Subset = Literal["train", "query", "gallery"]


@dataclass(frozen=True, slots=True)
class Record:
    """One image of one identity by one camera.

    Attributes:
        id: The name of the image within its data set, stable across machines.
        path: Where it lies, relative to the data set's folder.
        pid: The identity. -1 is junk (ignored), 0 a distractor (stays as a negative).
        camid: The camera, counted from 1.
        r: The down-sampling rate: 1 is high resolution as captured, 2, 3, 4 or 8 is made by
            degradation, None is low resolution as captured (native LR).
        hr_id: The id of the high-resolution original of a degraded image, if there is one.
        subset: Where the layout of the data set puts it, if its layout divides it.
    """

    id: str
    path: str
    pid: int
    camid: int
    r: int | None = 1
    hr_id: str | None = None
    subset: Subset | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """One split of a data set under a protocol: records to train on, to query, to search.

    Attributes:
        index: The number of the split, counted from 0.
        train: The training records, sorted by id.
        query: The query records, sorted by id.
        gallery: The gallery records, sorted by id.
    """

    index: int
    train: tuple[Record, ...]
    query: tuple[Record, ...]
    gallery: tuple[Record, ...]

    @property
    def train_pids(self) -> tuple[int, ...]:
        """The training identities, ascending."""
        return tuple(sorted({record.pid for record in self.train}))

    @property
    def test_pids(self) -> tuple[int, ...]:
        """The identities that are queried or searched, without junk and distractors, ascending."""
        return tuple(sorted({r.pid for r in (*self.query, *self.gallery) if r.pid > 0}))


@dataclass(frozen=True, slots=True, order=True)
class Trial:
    """The unit of storage and of resume: one split with one seed."""

    split: int
    seed: int


class Counts(BaseModel):
    """How many images, identities and cameras a complete copy of a data set has.

    Attributes:
        images: All of them, junk and distractors with them.
        identities: Without junk and distractors.
        cameras: That took an image.
        subsets: The images of each subset, where the layout has subsets.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: int
    identities: int
    cameras: int
    subsets: Mapping[Subset, int] | None = None


class DatasetCard(BaseModel):
    """What a reader must know of a data set before using it.

    Attributes:
        key: Its name on the command line.
        title: Its name in prose.
        summary: One or two sentences: what it shows, how it was captured.
        citation: The paper that introduced it.
        year: Of that paper.
        licence: The terms of use, in a sentence.
        status: `available`, `on-request` or `withdrawn`.
        how_to_get: What to ask for and where to put it.
        folders: Folder names under which a copy is looked for in HARNESS_DATA.
        expected: The counts of a complete copy.
        hashes: A file of `specs/hashes` with the SHA-256 of each file, or None.
        notes: What is odd about it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    title: str
    summary: str
    citation: str
    year: int
    licence: str
    status: Status
    how_to_get: str
    folders: tuple[str, ...]
    expected: Counts
    hashes: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """A data set as its plugin registers it: a card, and lazy addresses of its code.

    Attributes:
        card: What it is.
        read: `module:attribute` of a function `(root: Path) -> Sequence[Record]`. Where there is a
            listing, it is called with that: `harness.data.listing:read_listing`.
        protocol: The key of its default protocol.
        generate: `module:attribute` of a function `(root: Path) -> None` that writes the images,
            for a data set that is made and not fetched; None otherwise.
        rule: For a generated data set, the name and version of its rule; it stands in the manifest
            in place of the hashes of the files.
        made_from: Key of the data set whose images and identities these are, for one that differs
            in its protocol only; None where they are its own.
        listing: The CSV of its records (`harness.data.listing`), for a data set that is a list of
            files; None where its reader finds them.
    """

    card: DatasetCard
    read: str
    protocol: str
    generate: str | None = None
    rule: str | None = None
    made_from: str | None = None
    listing: Path | None = None

    @property
    def key(self) -> str:
        """The name on the command line."""
        return self.card.key

    @property
    def origin(self) -> str:
        """The data set by which its identities are called and its folder is registered."""
        return self.made_from or self.key

    def source(self, root: Path) -> Path:
        """Return what its reader is called with: its listing where it has one, else its folder."""
        return self.listing or root


Records = Sequence[Record]
