"""The whole site: read the store and the papers, make contexts, render, write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from harness.settings import Settings
from harness.store import Store
from leaderboard import addresses
from leaderboard.dataset_page import make_dataset
from leaderboard.estimates import Estimates
from leaderboard.index_page import make_index, make_runs
from leaderboard.library import Library, read
from leaderboard.method_page import make_method
from leaderboard.pictures import Album, remove_pictures
from leaderboard.render import Renderer
from leaderboard.run_page import make_run
from leaderboard.writing import write_if_changed

ASSETS = Path(__file__).parent / "assets"


@dataclass(frozen=True, slots=True)
class Built:
    """A site that was built.

    Attributes:
        index: The overview, absolute.
        pages: How many pages it has.
        written: How many files changed.
        datasets: How many data sets it shows.
        rows: How many reproduced rows.
        runs: How many runs.
    """

    index: Path
    pages: int
    written: int
    datasets: int
    rows: int
    runs: int


@dataclass(frozen=True, slots=True)
class Page:
    """A page before it is made.

    Attributes:
        address: Where it will lie in the site.
        template: The name of its template.
        make: Returns its context.
    """

    address: str
    template: str
    make: Callable[[], Any]


def build(
    store: Store,
    folder: Path,
    advance: Callable[[int, int], None],
    settings: Settings | None = None,
    papers: Iterable[str] = (),
) -> Built:
    """Build the site of a store.

    The same store gives the same bytes; files that would not change are left alone.

    Args:
        store: What to show.
        folder: Where to write; made if it is not there.
        advance: Called after each page with the number of pages done and of all pages.
        settings: Names the folders of the data sets, whose images are shown beside restored ones;
            None leaves all images of people out, and removes those of an earlier build.
        papers: Those that plugins registered, each a YAML text.

    Raises:
        PluginError: If a plugin brings a paper that is there already.
        UsageError: If a page cannot be written.
    """
    library = read(store, papers)
    renderer = Renderer()
    album = None if settings is None else Album(store, folder, settings)
    pages = list(_pages(store, library, album))
    written = _copy_assets(folder)
    if album is None:
        remove_pictures(folder)
    for done, page in enumerate(pages, start=1):
        text = renderer.render(page.template, page.address, page.make())
        written += write_if_changed(folder / page.address, text.encode())
        advance(done, len(pages))
    written += album.written if album is not None else 0
    return Built(
        index=(folder / addresses.INDEX).absolute(),
        pages=len(pages),
        written=written,
        datasets=len(library.datasets),
        rows=len(library.rows),
        runs=len(library.runs),
    )


def _pages(store: Store, library: Library, album: Album | None) -> Iterator[Page]:
    """Yield every page; the overview last, so that what it links to is there before it."""
    estimates = Estimates(store)
    for run in library.runs:
        yield Page(
            addresses.run_page(run.id),
            "run.html.j2",
            partial(make_run, store, library, estimates, run, album),
        )
    for key in library.datasets:
        yield Page(
            addresses.dataset_page(key),
            "dataset.html.j2",
            partial(make_dataset, library, estimates, key),
        )
    for key in library.methods:
        yield Page(
            addresses.method_page(key),
            "method.html.j2",
            partial(make_method, library, estimates, key),
        )
    yield Page(addresses.RUNS, "runs.html.j2", partial(make_runs, library))
    yield Page(addresses.INDEX, "index.html.j2", partial(make_index, library))


def _copy_assets(folder: Path) -> int:
    """Copy what the pages share, and return how many files changed."""
    return sum(
        write_if_changed(folder / "assets" / source.name, source.read_bytes())
        for source in sorted(ASSETS.iterdir())
    )
