"""The card of a registered model, in Markdown: what it is, its numbers, whom it has seen.

The same store gives the same card. What comes from users, plugins and data sets is escaped.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harness.loader import Registry
from harness.run.numbers import intervals
from harness.specs import PaperSpec, all_papers
from harness.store import FitView, ModelVersionView, Store
from harness.store.drafts import ProtocolInfo

TEMPLATES = Path(__file__).parent / "templates"
_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#&])")


class Written(str):
    """Text that is Markdown already."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class NumbersTable:
    """The numbers of one score.

    Attributes:
        protocol: Under which they were measured.
        split: Of the protocol.
        variant: The feature and what else tells how the model was scored.
        numbers: Each metric in its JSON form, by short name.
        method: How the intervals were computed.
        identities: How many were resampled.
    """

    protocol: ProtocolInfo
    split: int
    variant: str
    numbers: Mapping[str, Mapping[str, Any]]
    method: str
    identities: int


def model_card(version: ModelVersionView, store: Store, registry: Registry) -> str:
    """Return the card of a version.

    Args:
        version: The version.
        store: With its fit and scores.
        registry: Knows the data set, the metrics and the papers.
    """
    fit = store.models.find_fit(version)
    said = fit.provenance.get("description", {}) if fit else {}
    dataset = registry.datasets.get(version.dataset)
    seen = Counter(entry.rpartition(":")[0] for entry in version.trained_on or ())
    environment = fit.provenance.get("environment", {}) | {"device": fit.device} if fit else None
    return (
        _environment()
        .get_template("model_card.md.j2")
        .render(
            version=version,
            summary=_summary(version, said, all_papers(registry.papers)),
            recipe=_recipe(fit) if fit else None,
            trained_on=dataset.card.title if dataset else version.dataset,
            tables=number_tables(version, store, registry),
            count=f"{sum(seen.values()):,}",
            identities=", ".join(f"{count:,} of {key}" for key, count in sorted(seen.items())),
            datasets=", ".join(sorted({version.dataset, *seen})),
            notes=dataset.card.notes if dataset else (),
            departures=said.get("departures", ()),
            config=_as_code(version.config),
            environment=_as_code(environment) if environment else "The fit is not in this store.",
        )
    )


def number_tables(
    version: ModelVersionView, store: Store, registry: Registry
) -> list[NumbersTable]:
    """Return the numbers of each done score of a version, the oldest first."""
    tables = []
    for score, protocol in store.models.where_scores(version):
        numbers = intervals(store, [score], protocol.headline, registry.metrics)
        variant = score.variant
        shown = (variant.feature, variant.distance, variant.precision, variant.rerank)
        tables.append(
            NumbersTable(
                protocol=protocol,
                split=score.split,
                variant=", ".join(part for part in shown if part),
                numbers=numbers,
                method=", ".join(sorted({number["method"] for number in numbers.values()})),
                identities=max((n["n_identities"] for n in numbers.values()), default=0),
            )
        )
    return tables


def _summary(
    version: ModelVersionView, said: Mapping[str, Any], papers: Mapping[str, PaperSpec]
) -> str:
    key: str = said.get("paper") or ""
    parts = [f"{said.get('title', version.method)}.", said.get("summary", "")]
    if key:
        parts.append(f"Paper: {_citation(papers[key]) if key in papers else f'{key}.'}")
    return " ".join(part for part in parts if part)


def _citation(paper: PaperSpec) -> str:
    authors = ", ".join(paper.authors)
    return f"{authors}: {paper.title}. {paper.venue} {paper.year}. {paper.url}"


def _recipe(fit: FitView) -> str:
    return f"{fit.recipe} ({fit.narrowed})" if fit.narrowed else fit.recipe


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        finalize=_finalised,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"code": code, "figure": figure}
    return environment


def _finalised(value: Any) -> str:
    return value if isinstance(value, Written) else escaped(str(value))


def escaped(text: str) -> str:
    r"""Return a text in one line in which nothing is Markdown or HTML.

    >>> print(escaped("a|b <i> @x"))
    a\|b \<i\> @x
    """
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def code(text: str) -> Written:
    """Return a text as a span of code, also within a table."""
    text = " ".join(str(text).split()).replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    space = " " if longest else ""
    return Written(f"{fence}{space}{text}{space}{fence}")


def figure(value: float | None) -> str:
    """Return a number with one decimal, or a dash where it is not defined."""
    return "-" if value is None else f"{value:.1f}"


def _as_code(value: Mapping[str, Any]) -> Written:
    """Return JSON as an indented block, which nothing within it can end."""
    lines = json.dumps(value, indent=2, sort_keys=True).splitlines()
    return Written("\n".join(f"    {line}" for line in lines))
