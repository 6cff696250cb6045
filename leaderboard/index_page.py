"""The contexts of the overview and of the list of all runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.store import RunView
from leaderboard.library import Library

NEWEST = 20


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run in a list.

    Attributes:
        run: The run.
        method: What tables call its method.
    """

    run: RunView
    method: str


@dataclass(frozen=True, slots=True)
class ListedDataset:
    """A data set in the overview.

    Attributes:
        key: Its key.
        published: How many numbers papers published on it.
        reproduced: How many rows the store has.
        runs: How many runs the store has.
    """

    key: str
    published: int
    reproduced: int
    runs: int


@dataclass(frozen=True, slots=True)
class ListedMethod:
    """A method in the overview.

    Attributes:
        key: Its key.
        title: What tables call it.
        papers: The papers that published it, with year.
        datasets: Keys of the data sets on which it was run.
        runs: How many runs of it the store has.
    """

    key: str
    title: str
    papers: tuple[str, ...]
    datasets: tuple[str, ...]
    runs: int


@dataclass(frozen=True, slots=True)
class IndexPage:
    """The context of `index.html`.

    Attributes:
        datasets: By key.
        newest: The newest runs.
        runs: How many there are in all.
        methods: By title; those of the store and those that a paper published.
    """

    datasets: Sequence[ListedDataset]
    newest: Sequence[ListedRun]
    runs: int
    methods: Sequence[ListedMethod]


@dataclass(frozen=True, slots=True)
class RunsPage:
    """The context of `runs/index.html`: all runs, the newest first."""

    runs: Sequence[ListedRun]


def make_index(library: Library) -> IndexPage:
    """Return the context of the overview."""
    methods = [_method(library, key) for key in library.methods]
    return IndexPage(
        datasets=[_dataset(library, key) for key in library.datasets],
        newest=_listed(library, library.runs[:NEWEST]),
        runs=len(library.runs),
        methods=sorted(methods, key=lambda method: (method.title, method.key)),
    )


def make_runs(library: Library) -> RunsPage:
    """Return the context of the list of all runs."""
    return RunsPage(_listed(library, library.runs))


def _listed(library: Library, runs: Sequence[RunView]) -> list[ListedRun]:
    return [ListedRun(run, library.method_title(run.method)) for run in runs]


def _dataset(library: Library, key: str) -> ListedDataset:
    return ListedDataset(
        key=key,
        published=sum(c.dataset == key and c.value is not None for c in library.cells),
        reproduced=sum(row.dataset == key for row in library.rows),
        runs=sum(run.dataset == key for run in library.runs),
    )


def _method(library: Library, key: str) -> ListedMethod:
    sources = dict.fromkeys(cell.paper for cell in library.cells if cell.method == key)
    papers = [library.papers[source] for source in sources]
    runs = [run for run in library.runs if run.method == key]
    return ListedMethod(
        key=key,
        title=library.method_title(key),
        papers=tuple(f"{paper.name}, {paper.venue} {paper.year}" for paper in papers),
        datasets=tuple(sorted({run.dataset for run in runs})),
        runs=len(runs),
    )
