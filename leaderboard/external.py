"""What other tools' files gave, on the page of their data set: apart from every row of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.definitions import short_name
from harness.store import ExternalView

COLUMNS = ("rank1", "rank5", "rank10", "rank20", "map_sum_precision", "map_trapezoid", "minp")
"""The numbers that are shown, by short name; rank-k is that of the entry's rule."""


@dataclass(frozen=True, slots=True)
class ExternalRow:
    """The numbers of one file.

    Attributes:
        entry: As it is stored.
        values: Fractions by short name, None where not defined.
        made: How the file was evaluated, in words.
    """

    entry: ExternalView
    values: Mapping[str, float | None]
    made: str


def make_externals(entries: Sequence[ExternalView], dataset: str) -> list[ExternalRow]:
    """Return the rows of a data set by name; of one name and one way, the newest."""
    newest = {
        (entry.name, _made(entry)): entry
        for entry in sorted(entries, key=lambda entry: entry.created)
        if entry.dataset == dataset
    }
    return [
        ExternalRow(
            entry,
            {short_name(one.name, one.k, entry.headline): one.value for one in entry.metrics},
            made,
        )
        for (_, made), entry in sorted(newest.items())
    ]


def _made(entry: ExternalView) -> str:
    """Return how a file was evaluated; what is as by default is left out."""
    settings = entry.settings
    distance = settings.get("distance")
    parts = [
        f"rule {settings.get('rule')}",
        f"{distance} distance" if distance else "its own distances",
        "multi-query" if settings.get("multi_query") else "",
        f"re-ranked ({settings['rerank']})" if settings.get("rerank") else "",
        f"as {settings['as']}" if settings.get("as") else "",
        _unless(settings.get("tie_rule"), "pessimistic", "ties"),
        _unless(settings.get("without_match"), "matched", "queries without a match"),
    ]
    return ", ".join(part for part in parts if part)


def _unless(value: object, default: str, what: str) -> str:
    return "" if value in (None, default) else f"{what}: {value}"
