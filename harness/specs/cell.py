"""One published number, with all that is known of it and of the run that reproduces it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Flag = Literal["verbatim", "repaired", "inferred", "suspicious", "lost"]
ApDefinition = Literal["sum_precision", "trapezoid", "unknown"]
Settings = Mapping[str, bool | int | float | str]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a number was copied from: document, table and row, as printed."""

    document: str
    table: str
    row: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One published number with all that is known of it.

    Attributes:
        paper: Key of the paper.
        table: Key of the table.
        row: The row as printed.
        title: The row's method as we name it.
        method: Key of our method that reproduces the row, if there is one.
        settings: What the row sets of that method's config; empty where any config is meant.
        year: Of the row's method.
        dataset: Key of the data set.
        metric: "rank1", "rank5", "map".
        ap: The definition behind a `map`; None for other metrics.
        printed: The number as printed [per cent].
        value: The number as a fraction, or None where there is none.
        protocol: Key of the protocol under which it is compared, None where we ship none.
        unknown: What the paper does not say of its protocol.
        source: Where it was copied from.
        bold: Printed bold.
        underline: Printed underlined.
        flag: How sure the number is.
        note: Why, or None.
    """

    paper: str
    table: str
    row: str
    title: str
    method: str | None
    settings: Settings
    year: int
    dataset: str
    metric: str
    ap: ApDefinition | None
    printed: str
    value: float | None
    protocol: str | None
    unknown: tuple[str, ...]
    source: Source
    bold: bool
    underline: bool
    flag: Flag
    note: str | None

    def is_reproduced_by(self, method: str, config: Mapping[str, Any]) -> bool:
        """Return whether a fit of that method and config reproduces the row.

        A config without one of the row's settings does not: nobody knows what it stood at.
        """
        return method == self.method and _sets(config, self.settings)


def _sets(config: Mapping[str, Any], settings: Settings) -> bool:
    """Return whether a config has each of the settings.

    >>> _sets({"use_gan": False, "lr": 0.1}, {"use_gan": False}), _sets({}, {"use_gan": False})
    (True, False)
    """
    return all(key in config and config[key] == value for key, value in settings.items())
