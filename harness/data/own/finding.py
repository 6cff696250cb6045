"""What the doctor of a data set found, and the words for how many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Level = Literal["error", "warning", "note"]

SHOWN = 5  # examples of a finding


@dataclass(frozen=True, slots=True)
class Finding:
    """Something odd.

    Attributes:
        key: What it is, in a word or two: the name in JSON.
        level: `error`, `warning` or `note`.
        what: What is so, with how many.
        change: What to change.
        examples: The first few images or identities that it is about.
    """

    key: str
    level: Level
    what: str
    change: str
    examples: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the finding as JSON."""
        return asdict(self) | {"examples": list(self.examples)}


def first(pids: Iterable[int]) -> tuple[str, ...]:
    """Return the first few identities, as text."""
    return tuple(str(pid) for pid in list(pids)[:SHOWN])


def count(number: int, noun: str) -> str:
    """Return a number with its noun: "1 identity", "1,204 images"."""
    plural = noun.removesuffix("y") + "ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def be(things: Sequence[object]) -> str:
    """Return "is" or "are"."""
    return "is" if len(things) == 1 else "are"


def have(things: Sequence[object]) -> str:
    """Return "has" or "have"."""
    return "has" if len(things) == 1 else "have"
