"""What `harness evaluate` says of a file: numbers, and all that they were made under."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.evaluation.breakdown import Part
from harness.run.file_request import Choices
from harness.types import Interval, Unit

_DIGITS = 9  # of per cent in JSON: what is compared with another tool is not cut short


@dataclass(frozen=True, slots=True)
class FileMetric:
    """One number.

    Attributes:
        name: The short name ("rank1").
        metric: The full name of the definition ("cmc_multi@1").
        title: The name in tables.
        k: The rank, or None where the metric has none.
        value: In its unit, or None where it is not defined.
        unit: Of the value.
        note: Why it is not defined, or None.
    """

    name: str
    metric: str
    title: str
    k: int | None
    value: float | None
    unit: Unit
    note: str | None

    @property
    def outer(self) -> float | None:
        """The value as JSON has it: a fraction in per cent."""
        return percent(self.value) if self.unit == "fraction" else self.value


def percent(fraction: float | None) -> float | None:
    """Return a fraction in per cent, as JSON has it.

    >>> percent(2 / 3), percent(None)
    (66.666666667, None)
    """
    return None if fraction is None else round(100 * fraction, _DIGITS)


@dataclass(frozen=True, slots=True)
class Price:
    """What ranking took.

    Attributes:
        compared: Comparisons of a negative and a match, over all queries.
        referred: Those of them that the product left in doubt.
    """

    compared: int
    referred: int

    @property
    def share(self) -> float | None:
        """The fraction that was too close for float32; None where there was nothing to compare."""
        return self.referred / self.compared if self.compared else None

    def as_json(self) -> dict[str, Any]:
        """Return the price as JSON has it, the share in per cent."""
        return {
            "compared": self.compared,
            "referred": self.referred,
            "reference_share": percent(self.share),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """The numbers of a file.

    Attributes:
        path: Of the file.
        choices: What they were made under.
        queries: Number of queries.
        queries_without_match: How many of them have no match.
        gallery: Number of gallery images.
        junk: How many of them have the identity -1.
        distractors: How many of them have the identity 0.
        ties: Share of the true matches that tie with a negative.
        metrics: The numbers.
        intervals: Of some of them, by short name.
        breakdowns: The same numbers by what was asked for, part by part.
        remarks: What a reader should know, each a sentence.
        unprinted: Why it is not known what the tool that was asked for would print, or None.
        price: What ranking took; None where the file has distances.
        seconds: Ranking and measuring.
    """

    path: Path
    choices: Choices
    queries: int
    queries_without_match: int
    gallery: int
    junk: int
    distractors: int
    ties: float
    metrics: Sequence[FileMetric]
    intervals: Mapping[str, Interval]
    breakdowns: Mapping[str, Sequence[Part]]
    remarks: Sequence[str]
    unprinted: str | None
    price: Price | None
    seconds: float

    @property
    def printed(self) -> dict[str, float | None] | None:
        """What the tool that was asked for would print, by its labels; None if it is not known."""
        tool = self.choices.tool
        if tool is None or self.unprinted is not None:
            return None
        found = {metric.name: metric.outer for metric in self.metrics}
        return {label: found[key if k is None else f"{key}{k}"] for label, key, k in tool.prints}

    def as_json(self) -> dict[str, Any]:
        """Return the report as one JSON object; fractions are in per cent."""
        tool = self.choices.tool
        notes = {metric.name: metric.note for metric in self.metrics if metric.note}
        return {
            "file": self.path.name,
            "metrics": {metric.name: metric.outer for metric in self.metrics},
            "notes": notes | ({"prints": self.unprinted} if self.unprinted else {}),
            "queries": self.queries,
            "queries_without_match": self.queries_without_match,
            "gallery": self.gallery,
            "junk": self.junk,
            "distractors": self.distractors,
            "ties": percent(self.ties),
            **self.choices.as_json(),
            "definitions": {metric.name: metric.metric for metric in self.metrics},
            "intervals": {
                name: interval.as_json("fraction") for name, interval in self.intervals.items()
            },
            "breakdown": {
                by: [part.as_json(self.choices.rule.headline) for part in parts]
                for by, parts in self.breakdowns.items()
            },
            **({"prints": self.printed, "words": tool.words} if tool else {}),
            "remarks": list(self.remarks),
            "engine": self.price.as_json() if self.price else None,
            "seconds": round(self.seconds, 3),
        }
