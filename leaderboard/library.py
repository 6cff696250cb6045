"""What the pages are made of, read once: rows and runs of the store, published cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.specs import Cell, PaperSpec, all_papers
from harness.store import ExternalView, ProtocolInfo, Row, RunView, Store

FLOOR = "initial-weights"
"""Key of the method that is not trained: the floor of every table."""


@dataclass(frozen=True)
class Library:
    """All that more than one page needs.

    Attributes:
        rows: The leaderboard rows, in the order of the store.
        runs: All runs, the newest first.
        papers: By key, the oldest first.
        cells: Every published cell, in the order of the papers.
        externals: The numbers of files that other tools wrote.
    """

    rows: Sequence[Row]
    runs: Sequence[RunView]
    papers: Mapping[str, PaperSpec]
    cells: Sequence[Cell]
    externals: Sequence[ExternalView]

    @property
    def datasets(self) -> list[str]:
        """Keys of the data sets that have a row, a run or a number from elsewhere, sorted."""
        elsewhere = {cell.dataset for cell in self.cells} | {e.dataset for e in self.externals}
        reproduced = {row.dataset for row in self.rows}
        return sorted(elsewhere | reproduced | {run.dataset for run in self.runs})

    @property
    def methods(self) -> list[str]:
        """Keys of the methods that have a row, a run or a published number, sorted."""
        published = {cell.method for cell in self.cells if cell.method is not None}
        reproduced = {row.method for row in self.rows}
        return sorted(published | reproduced | {run.method for run in self.runs})

    @property
    def protocols(self) -> dict[str, ProtocolInfo]:
        """The protocols that have a row, by id."""
        return {row.protocol.id: row.protocol for row in self.rows}

    def method_title(self, key: str) -> str:
        """Return what tables call a method: its row in a paper, its own title, or its key."""
        if key == FLOOR:
            return "Initial weights, no training"
        own = self.description(key).get("title", key)
        return next((cell.title for cell in self.cells if cell.method == key), own)

    def description(self, key: str) -> Mapping[str, Any]:
        """Return what a method said of itself with its newest fit; empty where none stored it."""
        fits = (trial.fit for row in self.rows if row.method == key for trial in row.trials)
        said = [fit for fit in fits if "description" in fit.provenance]
        newest = max(said, key=lambda fit: fit.created, default=None)
        return newest.provenance["description"] if newest else {}


def read(store: Store, of_plugins: Iterable[str] = ()) -> Library:
    """Read rows, runs and papers.

    Args:
        store: What was run.
        of_plugins: The papers that plugins registered, each a YAML text.

    Raises:
        PluginError: If a plugin brings a paper that is there already.
        UsageError: If such a text is not a paper.
    """
    papers = sorted(all_papers(of_plugins).values(), key=lambda paper: (paper.year, paper.key))
    return Library(
        rows=store.where_rows(),
        runs=store.where_runs(),
        papers={paper.key: paper for paper in papers},
        cells=[cell for paper in papers for cell in paper.cells()],
        externals=store.externals.where(),
    )
