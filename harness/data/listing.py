"""A data set as a list of files: a CSV with a line for each image.

    path,pid,camid,subset,r,sha256
    cam_a/001_45.bmp,1,1,,1,9f86d0...

`path` is relative to the data set's folder and is the record's id. `subset` and `r` may be missing:
`r` is 1, or `native` where an image is of low resolution as captured. `sha256` may be missing too;
with it `harness data check` finds a file that changed. Other columns are passed over.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TypeVar

from harness.errors import DataError
from harness.types import Record
from harness.types.data import Subset

V = TypeVar("V")

WHOLE = re.compile(r"-?[0-9]{1,9}")  # what is longer is no number but a name

COLUMNS = ("path", "pid", "camid", "subset", "r", "sha256")
SPLIT = "split"  # another word for subset, where a CSV has it

SUBSETS: Mapping[str, Subset | None] = {
    "": None,
    "train": "train",
    "bounding_box_train": "train",
    "query": "query",
    "probe": "query",
    "gallery": "gallery",
    "test": "gallery",
    "bounding_box_test": "gallery",
}
"""The words for a subset; `test` and Market-1501's folders are read too."""

RATES: Mapping[str, int | None] = {"": 1, "1": 1, "native": None}
"""What may stand in the column r."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a CSV, as text.

    Attributes:
        file: The CSV.
        number: Of the line in it, from 1.
        cells: By column, without blanks at either end; a column that is not there is not in it.
    """

    file: Path
    number: int
    cells: Mapping[str, str]

    def get(self, column: str) -> str:
        """Return a cell; empty where there is no such column."""
        return self.cells.get(column, "")

    def choose(self, column: str, words: Mapping[str, V]) -> V:
        """Return what a cell's word means.

        Raises:
            DataError: If it is none of the words.
        """
        word = self.get(column)
        if word not in words:
            known = ", ".join(known for known in words if known)
            raise self.refusal(f"{column} is {word!r}", f"Write one of: {known}.")
        return words[word]

    def refusal(self, what: str, next_step: str) -> DataError:
        """Return an error that names the line."""
        return DataError(f"{self.file}, line {self.number}: {what}.", next_step)


@dataclass(frozen=True, slots=True)
class Listed:
    """A record, and the SHA-256 that its file had when it was listed, where that is known."""

    record: Record
    sha256: str | None


def read_listing(file: Path) -> tuple[Record, ...]:
    """Return the records of a listing, in its order; raises as `read_listed`."""
    return tuple(listed.record for listed in read_listed(file))


def read_listed(file: Path) -> tuple[Listed, ...]:
    """Return what a listing holds, in its order.

    Raises:
        DataError: If there is no such file, it is no CSV in UTF-8, lacks one of the columns path,
            pid and camid, lists a file twice, or a cell is not what its column asks for.
    """
    lines = read_lines(file, needed=("path", "pid", "camid"))
    return tuple(_listed(line) for line in lines)


def read_lines(file: Path, needed: Sequence[str]) -> tuple[Line, ...]:
    """Return the lines of a CSV that has a `path` in each.

    Args:
        file: The CSV: a line of names, then one for each image.
        needed: The columns that it must have.

    Raises:
        DataError: If there is no such file, it is no CSV in UTF-8, lacks a column or has it twice,
            or a path is empty, leads out of the folder or is there twice.
    """
    lines = []
    first: dict[str, int] = {}
    for line in _lines(file, needed):
        given = line.get("path")
        path = PurePosixPath(given).as_posix()  # ./a.png is a.png
        inside = not PurePosixPath(path).is_absolute() and ".." not in PurePosixPath(path).parts
        if not given or not inside:
            raise line.refusal(
                f"path is {given!r}", "Write it relative to the folder of the images (`--root`)."
            )
        if path in first:
            raise line.refusal(
                f"{path} is on line {first[path]} already", "Keep one of the two lines."
            )
        first[path] = line.number
        lines.append(replace(line, cells={**line.cells, "path": path}))
    return tuple(lines)


def write_listing(listed: Sequence[Listed]) -> str:
    """Return the text of a listing, sorted by path."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in sorted(listed, key=lambda one: one.record.path):
        r = one.record
        rate = "native" if r.r is None else r.r
        writer.writerow([r.path, r.pid, r.camid, r.subset or "", rate, one.sha256 or ""])
    return out.getvalue()


def _lines(file: Path, needed: Sequence[str]) -> Iterator[Line]:
    try:
        text = file.read_text(encoding="utf-8-sig")
        rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        header = [name.strip() for name in next(rows, [])]
        _check_header(file, header, needed)
        for cells in rows:
            if cells:
                yield _line(Line(file, rows.line_num, {}), header, cells)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(
            f"{file} cannot be read: {reason}.", "Give a CSV file in UTF-8, with commas."
        ) from error


def _line(line: Line, header: Sequence[str], cells: Sequence[str]) -> Line:
    if len(cells) != len(header):
        raise line.refusal(
            f"it has {len(cells)} cells, and there are {len(header)} columns",
            'Write one cell for each column; quote one that holds a comma: "a,b".',
        )
    return replace(line, cells=dict(zip(header, map(str.strip, cells), strict=True)))


def _check_header(file: Path, header: Sequence[str], needed: Sequence[str]) -> None:
    missing = [name for name in needed if name not in header]
    if missing:
        raise DataError(
            f"{file} has no column {missing[0]!r}; its columns are {', '.join(header) or 'none'}.",
            f"Name the columns in the first line, with commas: {','.join(needed)}.",
        )
    twice = [name for name in (*COLUMNS, SPLIT) if header.count(name) > 1]
    if twice:
        raise DataError(
            f"{file} has two columns {twice[0]!r}.", "Take out one of them, or rename it."
        )


def _listed(line: Line) -> Listed:
    path = line.get("path")
    return Listed(
        Record(
            id=path,
            path=path,
            pid=_whole(line, "pid", -1),
            camid=_whole(line, "camid", 1),
            r=line.choose("r", RATES),
            subset=line.choose("subset", SUBSETS),
        ),
        line.get("sha256") or None,
    )


def _whole(line: Line, column: str, lowest: int) -> int:
    text = line.get(column)
    if not WHOLE.fullmatch(text) or int(text) < lowest:
        raise line.refusal(f"{column} is {text!r}", f"Write a whole number from {lowest}.")
    return int(text)
