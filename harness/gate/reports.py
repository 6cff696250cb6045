"""A verdict as files, for whoever or whatever reads it next.

verdict.json    all of it; the schema is `harness check --schema`
junit.xml       for the page of test results of a continuous integration
comment.md      for a pull request, with a hidden line to find it again by
summary.md      the same with every check in sight
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile

from harness.errors import UsageError
from harness.gate.junit import junit_xml
from harness.gate.markdown import comment, summary
from harness.gate.verdict import Verdict


def write_reports(verdict: Verdict, folder: Path) -> list[Path]:
    """Write the files, replacing those of an earlier verdict.

    Args:
        verdict: Of a gate.
        folder: Where to; it is made if it is not there.

    Returns:
        The files.

    Raises:
        UsageError: If one cannot be written.
    """
    contents: Mapping[str, bytes] = {
        "verdict.json": f"{verdict.model_dump_json(indent=2)}\n".encode(),
        "junit.xml": junit_xml(verdict),
        "comment.md": comment(verdict).encode(),
        "summary.md": summary(verdict).encode(),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            _replace(folder / name, content)
    except OSError as error:
        raise UsageError(
            f"The reports cannot be written to {folder}: {error.strerror or error}.",
            "Give another folder with --out.",
        ) from error
    return [folder / name for name in contents]


def _replace(path: Path, content: bytes) -> None:
    """Write beside the file and put it in its place in one step."""
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as draft:
        try:
            draft.write(content)
            draft.flush()
            os.fchmod(draft.fileno(), 0o644)  # a temporary file is for its owner only
            os.replace(draft.name, path)
        except BaseException:
            os.unlink(draft.name)
            raise
