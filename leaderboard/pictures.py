"""Restored images beside what they were made from: read, put at one size, written beside a page.

The restored image is an artifact of the score. Low and high resolution are read from the user's
data folder when the page is built, and degraded as the protocol says. What is not on this machine
is left out, and the page says so.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from harness.errors import DataError, IntegrityError
from harness.pixels import Pixels, degrade, read_image, resize
from harness.settings import Settings
from harness.store import ScoreView, Store
from harness.store.pictures import KIND, Picture, PictureFile, load_pictures
from harness.types import Trial
from leaderboard import addresses
from leaderboard.writing import write_if_changed


@dataclass(frozen=True, slots=True)
class Panel:
    """One image of a triptych.

    Attributes:
        title: What it shows.
        address: Of its file; None where there is no image.
        absent: Why there is none.
    """

    title: str
    address: str | None
    absent: str | None = None


@dataclass(frozen=True, slots=True)
class Triptych:
    """A query: low resolution, restored, high resolution.

    Attributes:
        id: Of its record.
        r: The down-sampling rate; None is native low resolution.
        panels: From left to right.
    """

    id: str
    r: int | None
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The restored images of one trial.

    Attributes:
        trial: Split and seed.
        height: Of every panel [pixels].
        width: Of every panel [pixels].
        triptychs: In the order of the queries.
        problem: Why there are none.
    """

    trial: Trial
    height: int
    width: int
    triptychs: Sequence[Triptych]
    problem: str | None = None


class Album:
    """Writes the images of pages.

    Args:
        store: Holds the restored images.
        folder: The site.
        settings: Names the folders of the data sets.
    """

    def __init__(self, store: Store, folder: Path, settings: Settings) -> None:
        self.written = 0
        self._store = store
        self._folder = folder
        self._settings = settings

    def sheet(self, scores: Sequence[ScoreView]) -> Sheet:
        """Return the restored images of the first trial that kept some, and write their files.

        Args:
            scores: Of one run and variant, at least one.
        """
        kept = {score.id: _artifact(score) for score in scores}
        score = next((score for score in scores if kept[score.id]), scores[0])
        trial = Trial(score.split, score.seed)
        sha256 = kept[score.id]
        path = None if sha256 is None else self._store.find_artifact(sha256)
        if sha256 is None or path is None:
            return Sheet(trial, 0, 0, [], "They are not on this machine: no bundle holds images.")
        try:
            file = load_pictures(path)
        except IntegrityError:
            return Sheet(trial, 0, 0, [], "Their file is damaged.")
        height, width = file.pictures[0].restored.shape[:2]
        return Sheet(trial, height, width, self._triptychs(sha256, file))

    def _triptychs(self, sha256: str, file: PictureFile) -> list[Triptych]:
        root = self._settings.located(file.folder)
        return [
            Triptych(picture.id, picture.r, self._panels((sha256, number), picture, file, root))
            for number, picture in enumerate(file.pictures)
        ]

    def _panels(
        self, place: tuple[str, int], picture: Picture, file: PictureFile, root: Path
    ) -> list[Panel]:
        """Write what there is of a query, and return its panels."""
        size = picture.restored.shape[:2]
        given = _find_image(root / picture.path)
        lr = None
        if given is not None:
            rate = picture.r or 1
            reduced = degrade(given, rate, down=file.down, size=file.reduced_from)
            lr = resize(reduced, *size)
        hr, absent = None, "none: captured at low resolution"
        if picture.original is not None:
            original = _find_image(root / picture.original)
            hr, absent = None if original is None else resize(original, *size), _NOT_HERE
        return [
            self._panel(place, "lr", lr, _NOT_HERE),
            self._panel(place, "restored", picture.restored, None),
            self._panel(place, "hr", hr, absent),
        ]

    def _panel(
        self, place: tuple[str, int], name: str, pixels: Pixels | None, absent: str | None
    ) -> Panel:
        if pixels is None:
            return Panel(_TITLES[name], None, absent)
        address = addresses.picture(*place, name)
        png = io.BytesIO()
        Image.fromarray(pixels).save(png, "PNG")
        self.written += write_if_changed(self._folder / address, png.getvalue())
        return Panel(_TITLES[name], address)


_TITLES = {"lr": "LR", "restored": "restored", "hr": "HR"}
_NOT_HERE = "not on this machine"


def remove_pictures(folder: Path) -> None:
    """Remove all images of people from a site."""
    shutil.rmtree(folder / addresses.PICTURES, ignore_errors=True)


def _artifact(score: ScoreView) -> str | None:
    return next((file.sha256 for file in score.artifacts if file.kind == KIND), None)


def _find_image(path: Path) -> Pixels | None:
    """Return an image, or None where it is gone or broken."""
    try:
        return read_image(path)
    except DataError:
        return None
