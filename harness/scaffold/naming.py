"""What a new plugin is called, everywhere: checked once, derived from one name.

NAME              my-idea        the key on the command line, the entry point
distribution      reid-my-idea   what pip installs
package           reid_my_idea   what Python imports
stem              my_idea        in file names and in the key of a metric
class             MyIdea         the start of its classes
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Container
from dataclasses import dataclass
from importlib.metadata import distributions
from typing import Literal

import harness
from harness.errors import UsageError
from harness.loader import Registry
from harness.specs import all_papers, all_protocols

Kind = Literal["method", "dataset", "metric"]

PATTERN = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
ENDINGS = ("Config", "Method")  # of the classes of a method
LONGEST = 30  # characters; a name stands in file names, in table cells and in lines of code


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a new plugin.

    Attributes:
        key: The one that was chosen.
    """

    key: str

    @property
    def distribution(self) -> str:
        """What pip installs."""
        return f"reid-{self.key}"

    @property
    def stem(self) -> str:
        """The key as part of a Python name."""
        return self.key.replace("-", "_")

    @property
    def package(self) -> str:
        """What Python imports."""
        return f"reid_{self.stem}"

    @property
    def title(self) -> str:
        """What tables call it, until its author knows better."""
        return self.key.replace("-", " ").capitalize()

    @property
    def class_name(self) -> str:
        """The start of the names of its classes."""
        return "".join(part.capitalize() for part in self.key.split("-"))


def make_names(name: str) -> Names:
    """Return the names of a plugin that is to be called `name`.

    Raises:
        UsageError: If it is not lower case words with hyphens, is too long, or is a word of Python.
    """
    if not PATTERN.fullmatch(name) or len(name) > LONGEST:
        raise UsageError(
            f"{name!r} cannot be the name of a plugin.",
            f"Use lower-case letters and digits, words joined by hyphens, at most {LONGEST} "
            "characters, the first a letter: `my-idea`.",
        )
    if keyword.iskeyword(name):
        raise UsageError(
            f"{name!r} is a word of Python and cannot be the name of a plugin.",
            f"Add a word to it: `{name}-net`.",
        )
    return Names(name)


def check_classes(names: Names, kind: Kind) -> None:
    """Refuse a name whose classes would be taken for something else.

    Args:
        names: Of the new plugin.
        kind: What it brings; only a method has classes.

    Raises:
        UsageError: If a class would be called as one that it is made from, or as a test.
    """
    classes = [names.class_name + ending for ending in ENDINGS] if kind == "method" else []
    met = next((name for name in classes if name in harness.__all__), None)
    advice = f"Put a word before it: `my-{names.key}`."
    if met is not None:
        raise UsageError(
            f"A method {names.key!r} would have a class {met}, and harness has one.", advice
        )
    if any(name.startswith("Test") for name in classes):
        raise UsageError(
            f"A method {names.key!r} would have a class {classes[0]}, a test to pytest.",
            advice,
        )


def check_free(names: Names, kind: Kind, registry: Registry) -> None:
    """Refuse a name that something installed has already.

    Args:
        names: Of the new plugin.
        kind: What it brings.
        registry: What is installed.

    Raises:
        UsageError: If a plugin, a method, a data set, a metric, a distribution, or the paper or
            protocol that comes with it has the name.
    """
    taken = _holder(names, kind, registry)
    if taken is not None:
        advice = " To reproduce that paper, name it in your MethodSpec." if "paper" in taken else ""
        raise UsageError(
            f"There is {taken} already.",
            f"Choose another name than {names.key!r}, such as `{names.key}-2`.{advice}",
        )


def _holder(names: Names, kind: Kind, registry: Registry) -> str | None:
    """Say what has the name, or None."""
    plugins = {o.name for o in registry.loaded} | {p.origin.name for p in registry.problems}
    metrics = {metric.key for metric in registry.metrics.values()}
    installed = {found.name for found in distributions()}
    papers = all_papers(registry.papers) if kind == "method" else {}
    protocols = all_protocols(registry.protocols) if kind == "dataset" else {}
    holders: tuple[tuple[str, str, Container[str]], ...] = (
        ("a plugin", names.key, plugins),
        ("a method", names.key, registry.methods),
        ("a data set", names.key, registry.datasets),
        ("a metric", names.stem, metrics),
        ("a paper", names.key, papers),
        ("a protocol", names.key, protocols),
        ("a distribution", names.distribution, installed),
    )
    return next((f"{what} {name!r}" for what, name, known in holders if name in known), None)
