"""The context of a method's page: its paper's tables, published beside reproduced, and its rows.

What a method says of itself comes with its fits; of a method that was never run only papers speak.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.specs import Cell, PaperSpec, Table
from harness.store import Row
from harness.store.scrub import scrub
from harness.types import Interval, Trial
from leaderboard.comparison import Reproduction, compare, not_run
from leaderboard.estimates import Estimates, MetricAt
from leaderboard.library import Library
from leaderboard.printed import PrintedTable, print_table
from leaderboard.published import Assumption, PublishedRow, assumptions, gather
from leaderboard.reproduced import anchor_of
from leaderboard.wording import trials_in_words


@dataclass(frozen=True, slots=True)
class Compared:
    """A published row on one data set, with what was reproduced of it.

    Attributes:
        published: The row.
        dataset: The data set.
        reproductions: Those that are compared first; one without a row where nothing was run.
    """

    published: PublishedRow
    dataset: str
    reproductions: Sequence[Reproduction]


@dataclass(frozen=True, slots=True)
class MethodTable:
    """One table of a paper that has a row of the method.

    Attributes:
        anchor: Its id in the page.
        printed: In the paper's own layout.
        compared: The method's own rows, number by number.
        assumptions: Under which protocols its numbers are compared.
        notes: The method's cells that are not as printed, or of which more must be known.
    """

    anchor: str
    printed: PrintedTable
    compared: Sequence[Compared]
    assumptions: Sequence[Assumption]
    notes: Sequence[Cell]


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row of the store, in the list of all.

    Attributes:
        row: The row.
        anchor: Its id in the page of its data set.
        trials: How much of the protocol was run, in words.
        rank1: The headline metric at rank 1.
    """

    row: Row
    anchor: str
    trials: str
    rank1: Interval


@dataclass(frozen=True, slots=True)
class MethodPage:
    """The context of `methods/<key>.html`.

    Attributes:
        key: Key of the method.
        title: What tables call it.
        summary: What it says of itself; None where no fit has stored it.
        departures: Where its code leaves the paper; None where no fit has stored it.
        versions: Its versions that were run.
        papers: The papers with a row of it, the oldest first.
        tables: Their tables with a row of it.
        stored: All its rows of the store.
    """

    key: str
    title: str
    summary: str | None
    departures: Sequence[str] | None
    versions: Sequence[int]
    papers: Sequence[PaperSpec]
    tables: Sequence[MethodTable]
    stored: Sequence[StoredRow]


def make_method(library: Library, estimates: Estimates, key: str) -> MethodPage:
    """Return the context of the page of a method."""
    rows = [row for row in library.rows if row.method == key]
    said = scrub(library.description(key))
    papers = [
        paper
        for paper in library.papers.values()
        if any(cell.method == key for cell in paper.cells())
    ]
    return MethodPage(
        key=key,
        title=library.method_title(key),
        summary=said.get("summary"),
        departures=said.get("departures"),
        versions=sorted({row.method_version for row in rows}),
        papers=papers,
        tables=[
            _table(estimates, paper, table, key, rows)
            for paper in papers
            for table in paper.tables
            if any(row.method == key for row in table.rows)
        ],
        stored=[_stored(estimates, row) for row in rows],
    )


def _table(
    estimates: Estimates, paper: PaperSpec, table: Table, method: str, rows: Sequence[Row]
) -> MethodTable:
    """Return a table of a paper with all that was reproduced of the method's rows in it."""
    cells = [c for c in paper.cells() if (c.table, c.method) == (table.key, method)]
    published = [
        (dataset, row)
        for dataset in table.datasets
        for row in gather([c for c in cells if c.dataset == dataset], {paper.key: paper})
    ]
    others = _substitutes([row for _, row in published], rows) if len(table.datasets) == 1 else ()
    compared = [
        Compared(row, dataset, _reproductions(estimates, row, rows, {dataset, *others}))
        for dataset, row in published
    ]
    return MethodTable(
        anchor=f"{paper.key}-{table.key}",
        printed=print_table(paper, table, method, [r for c in compared for r in c.reproductions]),
        compared=compared,
        assumptions=assumptions(cells, {paper.key: paper}),
        notes=[cell for cell in cells if cell.flag != "verbatim" or cell.note],
    )


def _substitutes(published: Sequence[PublishedRow], rows: Sequence[Row]) -> set[str]:
    """Return the data sets on which several rows of a table were run, so that they have an order.

    A table of one data set is an ablation: which of its rows is ahead can be seen on another.
    """
    run: dict[str, set[int]] = {}
    for row in rows:
        places = [
            i for i, published_row in enumerate(published) if published_row.is_reproduced_by(row)
        ]
        run.setdefault(row.dataset, set()).update(places)
    return {dataset for dataset, places in run.items() if len(places) > 1}


def _reproductions(
    estimates: Estimates, published: PublishedRow, rows: Sequence[Row], datasets: set[str]
) -> list[Reproduction]:
    """Return what was reproduced of a row on some data sets; what is compared comes first."""
    cells = list(published.cells.values())
    same = [row for row in rows if row.dataset in datasets and published.is_reproduced_by(row)]
    found = [compare(estimates, cells, row) for row in same]
    return sorted(found, key=lambda one: one.otherwise is not None) or [not_run(cells)]


def _stored(estimates: Estimates, row: Row) -> StoredRow:
    scores = [trial.score for trial in row.trials]
    trials = [Trial(score.split, score.seed) for score in scores]
    return StoredRow(
        row=row,
        anchor=anchor_of(row),
        trials=trials_in_words(trials, len(row.protocol.spec.get("splits", ()))),
        rank1=estimates.of(scores, MetricAt(row.protocol.headline, 1)),
    )
