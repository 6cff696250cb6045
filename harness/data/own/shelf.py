"""Keeps data sets of the user's own as files that a person can read, edit and commit.

    HARNESS_HOME/datasets/own/NAME/
        dataset.yaml     what it is: title, licence, counts, the pattern that found its images
        records.csv      its images: path, pid, camid, subset, r, sha256
        protocol.yaml    who is trained on, queried and searched
        protocol-*.yaml  further protocols, if the user writes some

No image is copied: where they lie is remembered apart, for this machine, as for every data set.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from filelock import FileLock

from harness.data.catalogue import register
from harness.data.listing import read_listing
from harness.errors import DataError, HarnessError, UsageError
from harness.settings import Settings
from harness.specs import ProtocolSpec, parse_protocol
from harness.specs.document import Spec, parse
from harness.types import Counts, DatasetCard, DatasetSpec

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")
CARD, LISTING, PROTOCOL = "dataset.yaml", "records.csv", "protocol.yaml"
READER = "harness.data.listing:read_listing"

ABOUT = """\
# What this data set is, for `harness data list` and its page. Write down what people must know
# before they use it: where it is from, its licence, and what those who are shown agreed to.
# The counts are what a complete copy has; `harness data check` compares them.
"""


class OwnCard(Spec):
    """The file `dataset.yaml`.

    Attributes:
        title: Its name in prose.
        summary: What it shows, how it was captured.
        citation: What to cite.
        year: When it was made.
        licence: The terms of use.
        how_to_get: Whom to ask for the images.
        expected: The counts of a complete copy.
        pattern: The pattern that found the images; None where a CSV listed them.
        camera_names: The number of each camera that had a name.
        identity_names: The number of each identity that has, or had, a name.
    """

    title: str
    summary: str
    citation: str
    year: int
    licence: str
    how_to_get: str
    expected: Counts
    pattern: str | None = None
    camera_names: Mapping[str, int] = {}
    identity_names: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class Own:
    """A data set of the user's own, as its files say.

    Attributes:
        spec: As a plugin would register it.
        card: Its file `dataset.yaml`.
        protocols: Its protocols, the default first.
        files: Their files.
        texts: What these hold.
    """

    spec: DatasetSpec
    card: OwnCard
    protocols: tuple[ProtocolSpec, ...]
    files: tuple[Path, ...]
    texts: tuple[str, ...]


def shelf(settings: Settings) -> Path:
    """Return the folder of all data sets of the user's own."""
    return settings.home / "datasets" / "own"


def list_own(settings: Settings) -> tuple[str, ...]:
    """Return the names of the data sets of the user's own, sorted."""
    return tuple(sorted(p.name for p in shelf(settings).glob("*") if NAME.fullmatch(p.name)))


def load_own(key: str, settings: Settings) -> Own:
    """Return a data set of the user's own; its records are not read yet.

    Raises:
        UsageError: If a file is missing or is not what it must be.
    """
    return _load(key, shelf(settings) / key)


def _load(key: str, folder: Path) -> Own:
    card = _card(folder)
    files = (folder / PROTOCOL, *sorted(folder.glob("protocol-*.yaml")))
    texts = tuple(_text(file) for file in files)
    known: dict[str, ProtocolSpec] = {}
    for file, text in zip(files, texts, strict=True):
        protocol = parse_protocol(text, str(file), known)
        if protocol.dataset != key or protocol.key in known:
            raise UsageError(
                f"{file} is the protocol {protocol.key!r} of the data set {protocol.dataset!r}.",
                f"Write `dataset: {key}`, and a key that no other file has.",
            )
        known[protocol.key] = protocol
    protocols = tuple(known.values())
    shown = card.model_dump(exclude={"pattern", "camera_names", "identity_names"})
    spec = DatasetSpec(
        card=DatasetCard(key=key, status="available", folders=(key,), **shown),
        read=READER,
        protocol=protocols[0].key,
        listing=folder / LISTING,
    )
    return Own(spec, card, protocols, files, texts)


def read_card(key: str, settings: Settings) -> OwnCard:
    """Return the card of a data set of the user's own.

    Raises:
        UsageError: If the file is missing or is not what it must be.
    """
    return _card(shelf(settings) / key)


def check_name(key: str, taken: Mapping[str, str], settings: Settings, *, replace: bool) -> None:
    """Refuse a name that cannot be a new data set's.

    Args:
        key: The name.
        taken: What has each name already, in words.
        settings: Names the folders.
        replace: Whether the user's own data set of that name may be replaced.

    Raises:
        UsageError: If it is no name, is taken, or is there and may not be replaced.
    """
    if not NAME.fullmatch(key):
        raise UsageError(
            f"{key!r} cannot be the name of a data set.",
            "Use small letters, digits and hyphens, at most 50, e.g. `city-mall`.",
        )
    is_own = key in list_own(settings)
    if key in taken and not is_own:
        raise UsageError(
            f"{key!r} is taken by {taken[key]}.",
            "Give your data set another name, e.g. "
            f"`my-{key}`; `harness data add {key} FOLDER` says where that one lies.",
        )
    if is_own and not replace:
        raise UsageError(
            f"There is a data set {key!r} of your own in {shelf(settings) / key}.",
            "Add `--replace` to list its images and propose its protocol anew (what you edited in "
            f"{PROTOCOL} is lost), or give another name.",
        )


def save(key: str, root: Path, files: Mapping[str, str], settings: Settings) -> Path:
    """Put the files of a data set on the shelf, all or none, and return their folder.

    Args:
        key: Its name; of one of that name, all other files stay.
        root: The folder of its images.
        files: The texts by file name.
        settings: Names the folders.

    Raises:
        DataError: If the data set could not be read again from its files.
    """
    folder = shelf(settings) / key
    partial, old = (folder.with_name(f".{key}.{state}") for state in ("partial", "old"))
    with _lock(settings):
        for leftover in (partial, old):
            shutil.rmtree(leftover, ignore_errors=True)
        try:
            _write(key, partial, folder, files)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        if folder.exists():
            folder.rename(old)
        partial.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    register(key, root, settings)
    return folder


def remove(key: str, settings: Settings) -> None:
    """Forget a data set of the user's own: its files here, never an image.

    Raises:
        UsageError: If there is none of that name.
    """
    if key not in list_own(settings):
        own = ", ".join(list_own(settings)) or "none"
        raise UsageError(f"There is no data set {key!r} of your own.", f"Your own are: {own}.")
    folder = shelf(settings) / key
    with _lock(settings):
        old = folder.with_name(f".{key}.old")
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
        shutil.rmtree(old)
    register(key, None, settings)


def write_card(card: OwnCard, remarks: str = ABOUT) -> str:
    """Return the text of `dataset.yaml`.

    Args:
        card: What it says.
        remarks: The comments above.
    """
    values = card.model_dump(mode="json", exclude_defaults=True)
    values["expected"] = card.expected.model_dump(mode="json", exclude_none=True)
    return remarks + yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=96)


def _write(key: str, partial: Path, folder: Path, files: Mapping[str, str]) -> None:
    """Write what a folder shall hold into another, and read it again."""
    if folder.exists():
        shutil.copytree(folder, partial)
    partial.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (partial / name).write_text(text, encoding="utf-8")
    try:
        _load(key, partial)
        read_listing(partial / LISTING)
    except HarnessError as error:
        what = error.what.replace(str(partial), str(folder))
        raise DataError(f"{key} is left as it was: {what}", error.next_step) from error


def _card(folder: Path) -> OwnCard:
    return parse(_text(folder / CARD), str(folder / CARD), OwnCard)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(
            f"{file} cannot be read: {reason}.",
            "Put it back, or `harness data remove` the data set and add it again.",
        ) from error


def _lock(settings: Settings) -> FileLock:
    settings.locks.mkdir(parents=True, exist_ok=True)
    return FileLock(settings.locks / "own-datasets.lock")
