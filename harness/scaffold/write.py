"""Writes a new plugin: every file rendered first, then the whole folder put in place at once.

The templates are under `templates`: `every` has what all plugins have, and a folder for each kind
the rest. A template's path is the file's, with `__package__` and `__key__` in it for the names, and
`dot_` for a leading dot.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harness import __version__
from harness.errors import UsageError
from harness.loader import Registry
from harness.scaffold.naming import Kind, Names, check_classes, check_free, make_names

TEMPLATES = Path(__file__).parent / "templates"
SUFFIX = ".j2"


@dataclass(frozen=True, slots=True)
class Written:
    """A plugin that was written.

    Attributes:
        names: What it is called.
        kind: What it brings.
        folder: Where it lies.
        files: Its files, relative to the folder, sorted.
    """

    names: Names
    kind: Kind
    folder: Path
    files: tuple[str, ...]


def write_plugin(name: str, kind: Kind, folder: Path | None, registry: Registry) -> Written:
    """Write an installable plugin of a kind into a new folder.

    Args:
        name: The key of its method, data set or metric.
        kind: What it brings.
        folder: A folder that is not there yet; None is `reid-NAME` where the command runs.
        registry: What is installed, whose names are taken.

    Raises:
        UsageError: If the name cannot be used or is taken, or the folder is there already or
            cannot be written.
    """
    names = make_names(name)
    check_classes(names, kind)
    check_free(names, kind, registry)
    target = (folder or Path(names.distribution)).expanduser().absolute()
    texts = render(names, kind)
    _put_in_place(texts, target)
    return Written(names, kind, target, tuple(sorted(texts)))


def render(names: Names, kind: Kind) -> dict[str, str]:
    """Return the text of every file of a new plugin, by its path in the plugin's folder."""
    words: Mapping[str, Any] = {"names": names, "kind": kind, "harness_version": __version__}
    texts: dict[str, str] = {}
    for part in ("every", kind):
        templates = Environment(
            loader=FileSystemLoader(TEMPLATES / part),
            undefined=StrictUndefined,
            keep_trailing_newline=True,
            trim_blocks=True,
            autoescape=False,  # the files are no HTML
        )
        for template in templates.list_templates(extensions=[SUFFIX.removeprefix(".")]):
            texts[_path_of(template, names)] = templates.get_template(template).render(words)
    return texts


def _path_of(template: str, names: Names) -> str:
    """Return the path of the file that a template becomes.

    >>> _path_of("dot_github/__package__/__key__.yml.j2", Names("my-idea"))
    '.github/reid_my_idea/my-idea.yml'
    """
    path = template.removesuffix(SUFFIX)
    path = path.replace("__package__", names.package).replace("__key__", names.key)
    return "/".join(
        f".{part.removeprefix('dot_')}" if part.startswith("dot_") else part
        for part in path.split("/")
    )


def _put_in_place(texts: Mapping[str, str], target: Path) -> None:
    """Write the files beside the target and rename the folder: it is there whole, or not at all."""
    if target.exists() or target.is_symlink():
        raise UsageError(
            f"{target} is there already, and nothing of yours is overwritten.",
            "Give a folder that is not there yet with `--out FOLDER`.",
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".reid-", dir=target.parent) as scratch:
            whole = Path(scratch) / target.name
            for path, text in texts.items():
                file = whole / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
            whole.rename(target)
    except OSError as error:
        raise UsageError(
            f"The folder {target} cannot be written: {error.strerror or error}.",
            "Give a folder that can be with `--out FOLDER`.",
        ) from error
