"""What a result records of where it was made: versions, code, machine; nothing of the user."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness import __version__
from harness.loader import Origin
from harness.types import MethodSpec, Recipe

PACKAGES = ("torch", "torchvision", "accelerate", "kornia", "numpy", "pillow", "scipy")
GIT_TIMEOUT = 5.0  # [s]


def describe_environment() -> dict[str, Any]:
    """Return versions, machine, and the git state of this code where it is a checkout."""
    return {
        "harness": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": {name: _version(name) for name in PACKAGES},
        "git": _git_state(Path(__file__).parents[2]),
    }


def describe_provenance(origin: Origin, address: str) -> dict[str, Any]:
    """Return where a method's code comes from.

    Args:
        origin: Of its plugin.
        address: `module:attribute` of the method.
    """
    return {
        "plugin": origin.name,
        "distribution": origin.distribution,
        "version": origin.version,
        "code_sha256": hash_package(address.partition(":")[0].partition(".")[0]),
    }


def describe_method(spec: MethodSpec, recipe: Recipe) -> dict[str, Any]:
    """Return what a method says of itself, for pages that are built without its plugin."""
    return {
        "title": spec.title,
        "summary": spec.summary,
        "paper": spec.paper,
        "departures": list(spec.departures),
        "recipe": recipe.summary,
    }


def hash_package(name: str) -> str | None:
    """Return the SHA-256 over a package's Python files, or None where it has none."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        return None
    source = Path(spec.origin)
    files = sorted(source.parent.rglob("*.py")) if source.name == "__init__.py" else [source]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.relative_to(source.parent).as_posix().encode() + b"\0")
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git_state(folder: Path) -> dict[str, Any] | None:
    """Return commit and whether files differ from it, or None outside a checkout."""
    top = _git(folder, "rev-parse", "--show-toplevel")
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None or top is None or Path(top).resolve() != folder.resolve():
        return None  # no checkout, or somebody else's around an installed copy
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": bool(changed)}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=GIT_TIMEOUT,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
