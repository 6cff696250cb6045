"""Reads the SHA-256 lists of complete copies, in the format of `sha256sum`."""

from __future__ import annotations

import re

from harness.errors import UsageError
from harness.specs.folder import specs_folder

LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


def load_hashes(name: str) -> dict[str, str]:
    """Return SHA-256 by path (relative to the data set's folder) from a file of `specs/hashes`.

    Raises:
        UsageError: If the file is missing, or a line of it is not of the format.
    """
    path = specs_folder() / "hashes" / name
    if not path.is_file():
        raise UsageError(f"There is no {path}.", "Correct `hashes` in the data set's card.")
    found: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        match = LINE.fullmatch(line)
        if match is None:
            raise UsageError(
                f"{path}, line {number}: {line!r} is not `SHA-256, two spaces, path`.",
                "Write the file with `sha256sum`.",
            )
        found[match[2]] = match[1]
    return found
