"""Lists the images of a CSV, or of a folder by a pattern, with who and by which camera.

Identities and cameras may be numbers or names. Numbers stay as they are; where one is a name, all
are numbered from 1 in the order of their names. A data set that is added again keeps the number of
each name, and gives none anew: the weights that it trained know identities by number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.data.listing import RATES, SPLIT, SUBSETS, WHOLE, Line, read_lines
from harness.errors import DataError, UsageError
from harness.types import Record
from harness.types.data import Subset

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
"""What the name of an image ends in."""

ONE_CAMERA = "1"  # of all images, where the user says that there is one only


LOWEST_PID, LOWEST_CAMID = -1, 1  # 0 is a distractor and -1 junk


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers that names have already, where a data set is added again.

    Attributes:
        people: The number of each identity that has, or had, a name; empty where all are numbers;
            None where the data set is new.
        cameras: The same of cameras.
    """

    people: Mapping[str, int] | None = None
    cameras: Mapping[str, int] | None = None


NEW = Numbers()


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a CSV or a folder says of its images, before one is opened.

    Attributes:
        root: The folder that the paths are relative to.
        records: One for each image, sorted by id.
        people: The number of each identity that has a name; empty where all are numbers.
        cameras: The number of each camera that has a name; empty where all are numbers.
        passed_over: Images in the folder that the pattern does not match, sorted.
        pattern: The pattern; None for a CSV.
    """

    root: Path
    records: tuple[Record, ...]
    people: Mapping[str, int]
    cameras: Mapping[str, int]
    passed_over: tuple[str, ...] = ()
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class _Image:
    """An image with the labels that it was given, as text."""

    path: str
    pid: str
    camid: str
    subset: Subset | None
    r: int | None


def gather_csv(
    file: Path, root: Path | None, *, single_camera: bool, known: Numbers = NEW
) -> Gathered:
    """Return the images that a CSV lists.

    Args:
        file: With the columns path, pid, camid, and where the user has them subset (or split) and
            r; others are passed over.
        root: The folder that the paths are relative to; None is the folder of the file.
        single_camera: Whether all images are by one camera, so that camid may be missing.
        known: The numbers that names have already.

    Raises:
        DataError: If the folder or the file is not there, the file cannot be read as that, or names
            came to a data set of numbers.
    """
    folder = _folder(root or file.expanduser().parent)
    columns = ("path", "pid") if single_camera else ("path", "pid", "camid")
    lines = read_lines(file.expanduser(), columns)
    if not lines:
        raise DataError(f"{file} lists no image.", "Write a line for each image.")
    return _gathered(folder, [_listed_image(line, single_camera) for line in lines], known)


def gather_folder(
    folder: Path, pattern: str, *, single_camera: bool, known: Numbers = NEW
) -> Gathered:
    """Return the images of a folder whose whole path below it matches a pattern.

    Args:
        folder: Searched with all of its folders, but for hidden ones.
        pattern: A regular expression with the groups pid and camid, and, where the layout divides
            the data set, subset.
        single_camera: Whether all images are by one camera, so that camid may be missing.
        known: The numbers that names have already.

    Raises:
        UsageError: If the pattern is no regular expression, or lacks a group.
        DataError: If the folder is not there, no image matches, the name of one cannot stand in a
            list, a subset has another name, or names came to a data set of numbers.
    """
    expression = _compiled(pattern, single_camera=single_camera)
    root = _folder(folder)
    paths = list_images(root)
    _refuse_odd_names(paths)
    matches = {path: expression.fullmatch(path) for path in paths}
    images = [_matched_image(path, match) for path, match in matches.items() if match]
    if not images:
        raise _no_match(root, expression, paths)
    passed_over = tuple(path for path, match in matches.items() if match is None)
    return _gathered(root, images, known, passed_over, pattern)


def list_images(root: Path) -> list[str]:
    """Return the images below a folder, relative to it, sorted; what is hidden is passed over."""
    found = (path.relative_to(root) for path in root.rglob("*") if path.suffix.lower() in SUFFIXES)
    shown = (path for path in found if not any(part.startswith(".") for part in path.parts))
    return sorted(path.as_posix() for path in shown if (root / path).is_file())


def number_labels(
    labels: Iterable[str], lowest: int, known: Mapping[str, int] | None = None
) -> dict[str, int]:
    """Return a number for each label: its own where all are numbers that may stay.

    Args:
        labels: As they were given.
        lowest: The lowest number that may stay as it is.
        known: The numbers that names have already: these stay, and other names get those above.
            Empty where all were numbers so far; None where there is nothing to keep.

    Raises:
        DataError: If all were numbers so far, and one is none now.
    """
    distinct = set(labels)
    if known:
        new = enumerate(sorted(distinct - set(known)), start=max(known.values()) + 1)
        numbers = dict(known) | {label: number for number, label in new}
        return {label: numbers[label] for label in distinct}
    whole = all(WHOLE.fullmatch(label) for label in distinct)
    if whole and all(int(label) >= lowest for label in distinct):
        return {label: int(label) for label in distinct}
    if known is not None:
        name = min(distinct, key=lambda label: (WHOLE.fullmatch(label) is not None, label))
        raise DataError(
            f"So far all were numbers, and {name!r} is no number from {lowest}: all would be "
            "numbered anew.",
            "Write a number that nobody has, or add the data set under another name.",
        )
    ordered = sorted(distinct, key=int) if whole else sorted(distinct)
    return {label: number for number, label in enumerate(ordered, start=1)}


def _gathered(
    root: Path,
    images: Sequence[_Image],
    known: Numbers,
    passed_over: tuple[str, ...] = (),
    pattern: str | None = None,
) -> Gathered:
    for image in images:
        if WHOLE.fullmatch(image.pid) and int(image.pid) < LOWEST_PID:
            raise DataError(
                f"{image.path} has the identity {image.pid}.",
                "Number people from 1; 0 is a distractor and -1 junk.",
            )
    people = number_labels((image.pid for image in images), LOWEST_PID, known.people)
    cameras = number_labels((image.camid for image in images), LOWEST_CAMID, known.cameras)
    records = [
        Record(i.path, i.path, people[i.pid], cameras[i.camid], i.r, subset=i.subset)
        for i in images
    ]
    return Gathered(
        root=root,
        records=tuple(sorted(records, key=lambda record: record.id)),
        people=_renamed(people, known.people),
        cameras=_renamed(cameras, known.cameras),
        passed_over=passed_over,
        pattern=pattern,
    )


def _renamed(numbers: Mapping[str, int], known: Mapping[str, int] | None) -> dict[str, int]:
    """Return the numbers of labels that are called otherwise."""
    kept = not known and all(
        WHOLE.fullmatch(label) and int(label) == n for label, n in numbers.items()
    )
    return {} if kept else dict(sorted(numbers.items(), key=lambda item: item[1]))


def _listed_image(line: Line, single_camera: bool) -> _Image:
    for column in ("pid",) if single_camera else ("pid", "camid"):
        if not line.get(column):
            raise line.refusal(f"{column} is empty", f"Write the {column} of each image.")
    column = "subset" if "subset" in line.cells else SPLIT
    return _Image(
        path=line.get("path"),
        pid=line.get("pid"),
        camid=line.get("camid") or ONE_CAMERA,
        subset=line.choose(column, SUBSETS),
        r=line.choose("r", RATES),
    )


def _matched_image(path: str, match: re.Match[str]) -> _Image:
    groups = match.groupdict(default="")
    subset = groups.get("subset", "")
    if subset not in SUBSETS:
        known = ", ".join(word for word in SUBSETS if word)
        raise DataError(
            f"The pattern finds the subset {subset!r} in {path}.",
            f"Let the group subset match one of: {known}.",
        )
    labels = (groups["pid"], groups.get("camid", ONE_CAMERA))
    if not all(labels):
        raise DataError(
            f"The pattern finds no pid or no camid in {path}.",
            "Let both groups match at least one character, or make the pattern pass it over.",
        )
    return _Image(path, *labels, SUBSETS[subset], 1)


def _compiled(pattern: str, *, single_camera: bool) -> re.Pattern[str]:
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise UsageError(
            f"The pattern '{pattern}' is no regular expression: {error}.",
            r"Write one such as '(?P<pid>\d+)_c(?P<camid>\d+).*\.jpg', in single quotes.",
        ) from error
    for group in ("pid",) if single_camera else ("pid", "camid"):
        if group not in expression.groupindex:
            one = "; or say --single-camera if all images are by one" if group == "camid" else ""
            raise UsageError(
                f"The pattern '{pattern}' has no group {group}.",
                rf"Name what tells the {group}, e.g. '(?P<{group}>\d+)'{one}.",
            )
    return expression


def _folder(folder: Path) -> Path:
    root = folder.expanduser().absolute()
    if not root.is_dir():
        raise DataError(f"There is no folder {root}.", "Give the folder that holds the images.")
    return root


def _refuse_odd_names(paths: Iterable[str]) -> None:
    for path in paths:
        is_text = path.encode(errors="ignore").decode() == path
        if not is_text or path != path.strip() or len(path.splitlines()) > 1:
            raise DataError(
                f"The name {path!r} cannot stand in a list: it is no UTF-8, has more than one "
                "line, or a blank at an end.",
                "Rename the file, or take it out of the folder.",
            )


def _no_match(root: Path, expression: re.Pattern[str], paths: Sequence[str]) -> DataError:
    if not paths:
        return DataError(
            f"There is no image in {root}.",
            f"Give a folder that has some; names end in {', '.join(sorted(SUFFIXES))}.",
        )
    found = ((path, expression.search(path)) for path in paths)
    path, part = next(((path, m) for path, m in found if m), (paths[0], None))
    return DataError(
        f"The pattern '{expression.pattern}' matches none of the {len(paths):,} images in {root}; "
        f"one of them is {path}.",
        "It must match the whole path below the folder. "
        + (_widened(expression, part) if part else "Try it on this name first."),
    )


def _widened(expression: re.Pattern[str], part: re.Match[str]) -> str:
    """Return advice to a pattern that matches a part of a path."""
    before, after = part.string[: part.start()], part.string[part.end() :]
    lead = "" if not before else "(?:.*/)?" if before.endswith("/") else ".*?"
    tail = ".*" if after else ""
    return f"It matches a part of it: try '{lead}{expression.pattern}{tail}'."
