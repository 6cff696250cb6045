"""Finds the folder of data files: inside the installed package, or beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

from harness.errors import UnknownName, UsageError

PACKAGE = Path(__file__).resolve().parents[1]


def specs_folder(package: Path = PACKAGE) -> Path:
    """Return the folder with `papers`, `protocols` and `hashes`.

    Args:
        package: The folder of the package `harness`.

    Raises:
        UsageError: If neither a wheel's nor a checkout's folder is there.
    """
    for folder in (package / "_specs", package.parent / "specs"):
        if folder.is_dir():
            return folder
    raise UsageError(
        f"The data files of the harness are not beside {package}.",
        "Install reid-harness again, or run it from a complete checkout.",
    )


def list_keys(kind: str) -> tuple[str, ...]:
    """Return the keys of the YAML files of a kind (`papers`, `protocols`), sorted."""
    return tuple(sorted(path.stem for path in (specs_folder() / kind).glob("*.yaml")))


def find_or_raise(kind: str, key: str) -> Path:
    """Return the YAML file of that kind and key.

    Raises:
        UnknownName: If there is none.
    """
    known = list_keys(kind)
    if key not in known:
        raise UnknownName(kind.removesuffix("s"), key, known)
    return specs_folder() / kind / f"{key}.yaml"
