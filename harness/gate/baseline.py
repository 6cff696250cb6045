"""A baseline: a file to commit, of rows that later ones are held against.

    {"type": "baseline", "format": "reid-harness-baseline", "version": 1, "name": ..., ...}
    one line for each earlier acceptance: why, when, which numbers, and the hash of what it was
    one line for each row and each feature file: what tells it from others, numbers, margins, noise
    one line for the evidence of each feature file, and one for benchmarks where there are any
    the lines of a bundle (`harness.store.bundle`) with the runs of the rows, without their losses

The first lines are for whoever reviews a change: numbers in per cent, margins and noise in points.
The gate reads numbers from the evidence alone. The hash in the header is of all that is in the file
but itself, so what was changed by hand, or lost in a merge, is refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import ValidationError

from harness.errors import DataError, IntegrityError, UnknownName, UsageError
from harness.gate.entries import (
    Acceptance,
    Benchmark,
    FeatureEntry,
    FeatureEvidence,
    Line,
    RowEntry,
)

FORMAT = "reid-harness-baseline"
VERSION = 1
FOLDER = Path("baselines")
SUFFIX = ".jsonl"

_LONGEST_NAME = 200  # [bytes], so that a file beside it can have a longer one

_ACCEPT_AGAIN = "Take the file from version control again, or accept the baseline anew."


class _Header(Line):
    type: Literal["baseline"] = "baseline"
    format: Literal["reid-harness-baseline"] = "reid-harness-baseline"
    version: Literal[1] = 1
    name: str
    reason: str
    accepted: str
    harness: str
    environment: Mapping[str, Any]
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A baseline as it stands in its file.

    Attributes:
        name: Its name.
        reason: Why it was accepted.
        accepted: When, UTC in ISO form.
        harness: By which version.
        environment: Where.
        history: Earlier acceptances, the oldest first.
        rows: In their order.
        features: In their order.
        evidence: Of the feature files, by name.
        benchmark: Times, or None.
        bundle: The lines of the runs of the rows; empty where there are none.
        sha256: The hash of all this; empty before it is written.
    """

    name: str
    reason: str
    accepted: str
    harness: str
    environment: Mapping[str, Any]
    history: tuple[Acceptance, ...] = ()
    rows: tuple[RowEntry, ...] = ()
    features: tuple[FeatureEntry, ...] = ()
    evidence: Mapping[str, FeatureEvidence] = field(default_factory=dict)
    benchmark: Benchmark | None = None
    bundle: tuple[str, ...] = ()
    sha256: str = ""

    @property
    def numbers(self) -> dict[str, dict[str, float]]:
        """The numbers by row and metric, in per cent."""
        entries: list[RowEntry | FeatureEntry] = [*self.rows, *self.features]
        return {
            entry.name: {name: metric.value for name, metric in entry.metrics.items()}
            for entry in entries
        }

    def as_history(self) -> Acceptance:
        """Return what the next acceptance keeps of this one."""
        return Acceptance(
            reason=self.reason,
            accepted=self.accepted,
            harness=self.harness,
            sha256=self.sha256,
            numbers=self.numbers,
        )


def find_file(name: str | Path, folder: Path = FOLDER) -> Path:
    """Return the file of a baseline.

    Args:
        name: A name, or the path of a file.
        folder: Where names are looked up.

    Raises:
        UnknownName: If there is none of that name.
        DataError: If there is no file at that path.
    """
    if isinstance(name, Path) or name.endswith(SUFFIX):
        path = Path(name)
        if not path.is_file():
            raise DataError(f"There is no baseline {path}.", "Give the path of one, or its name.")
        return path
    path = path_of(name, folder)
    if not path.is_file():
        known = [file.stem for file in list_files(folder)]
        raise UnknownName(f"baseline in {folder}", name, known, "harness baseline list")
    return path


def path_of(name: str, folder: Path) -> Path:
    """Return where the baseline of a name is kept.

    Raises:
        UsageError: If that is no name of a file.
    """
    is_word = bool(name) and not name.startswith(".") and Path(name).name == name
    if not is_word or name.endswith(SUFFIX) or len(os.fsencode(name)) > _LONGEST_NAME:
        raise UsageError(
            f"{name!r} is no name for a baseline.",
            f"Give a short word such as main, without {SUFFIX}; see `--folder`.",
        )
    return folder / f"{name}{SUFFIX}"


def list_files(folder: Path) -> list[Path]:
    """Return the files of baselines in a folder, by name."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def write_baseline(baseline: Baseline, path: Path) -> str:
    """Write a baseline, whole or not at all, and return its hash.

    Raises:
        UsageError: If the file cannot be written.
    """
    lines = list(_lines(baseline))
    header = _Header(
        name=baseline.name,
        reason=baseline.reason,
        accepted=baseline.accepted,
        harness=baseline.harness,
        environment=baseline.environment,
    )
    header = header.model_copy(update={"sha256": _hash(header, lines)})
    try:
        _replace(path, [_dump(header), *lines])
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}.", "Give a `--folder` that you may write."
        ) from error
    return header.sha256


def read_baseline(path: Path) -> Baseline:
    """Read a baseline and check that it is whole.

    Raises:
        DataError: If the file cannot be read, is no baseline or a newer one.
        IntegrityError: If it is not what was accepted.
    """
    try:
        first, *lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise DataError(f"{path} cannot be read: {reason}.", _ACCEPT_AGAIN) from error
    header = _read_header(first, path)
    if header.sha256 != _hash(header, lines):
        raise IntegrityError(
            f"{path} is not what was accepted: its content has another hash than its header says.",
            _ACCEPT_AGAIN,
        )
    empty = Baseline(
        name=header.name,
        reason=header.reason,
        accepted=header.accepted,
        harness=header.harness,
        environment=header.environment,
        sha256=header.sha256,
    )
    return _with_lines(empty, lines, path)


def _read_header(line: str, path: Path) -> _Header:
    try:
        value = json.loads(line)
        if value["format"] != FORMAT:
            raise ValueError(value["format"])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is no baseline.", "Give a file of `harness baseline accept`."
        ) from error
    if value.get("version") != VERSION:
        raise DataError(
            f"{path} has version {value.get('version')}; this one reads {VERSION}.",
            "Run `pip install --upgrade reid-harness`.",
        )
    return _parsed(_Header, value, path)


def _with_lines(baseline: Baseline, lines: Iterable[str], path: Path) -> Baseline:
    """Return a baseline with what its lines hold."""
    found: dict[str, list[Any]] = {name: [] for name in _TYPES}
    bundle: list[str] = []
    for line in lines:
        value = json.loads(line)
        kind = _TYPES.get(value["type"])
        if bundle or kind is None:
            bundle.append(line)
        else:
            found[value["type"]].append(_parsed(kind, value, path))
    return replace(
        baseline,
        history=tuple(found["history"]),
        rows=tuple(found["row"]),
        features=tuple(found["features"]),
        evidence={each.name: each for each in found["evidence"]},
        benchmark=next(iter(found["benchmark"]), None),
        bundle=tuple(bundle),
    )


_TYPES: Mapping[str, type[Line]] = {
    "history": Acceptance,
    "row": RowEntry,
    "features": FeatureEntry,
    "evidence": FeatureEvidence,
    "benchmark": Benchmark,
}

AnyLine = TypeVar("AnyLine", bound=Line)


def _parsed(kind: type[AnyLine], value: Any, path: Path) -> AnyLine:
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        reason = error.errors()[0]
        where = ".".join(map(str, reason["loc"]))
        raise DataError(
            f"{path} has a line {value.get('type')!r} that cannot be read: {where}: "
            f"{reason['msg']}.",
            _ACCEPT_AGAIN,
        ) from error


def _lines(baseline: Baseline) -> Iterator[str]:
    """Yield all lines but the header."""
    parts = (*baseline.history, *baseline.rows, *baseline.features, *baseline.evidence.values())
    yield from map(_dump, parts)
    if baseline.benchmark is not None:
        yield _dump(baseline.benchmark)
    yield from baseline.bundle


def _dump(line: Line) -> str:
    return json.dumps(line.model_dump(mode="json"), ensure_ascii=False)


def _hash(header: _Header, lines: Iterable[str]) -> str:
    """Return the hash of a file without that which is in its header."""
    digest = hashlib.sha256()
    for line in (_dump(header.model_copy(update={"sha256": ""})), *lines):
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def _replace(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(line + "\n" for line in lines)
        os.chmod(name, 0o644)
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)
