"""The pages in a real browser, from disk: links, console, network, phone width, dark, keyboard."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from harness.store import Store
from leaderboard import site
from tests.leaderboard.shelf import WHOLE, Shelf

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

WIDTHS = "[document.documentElement.scrollWidth, window.innerWidth]"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Debian's Chromium; skip where there is none, but fail in CI."""
    path = shutil.which("chromium")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("There is no chromium on this machine; CI must install it.")
        pytest.skip("There is no chromium on this machine.")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a site with a floor and two trained rows."""
    home = tmp_path_factory.mktemp("home")
    with Store.open(f"sqlite:///{home / 'harness.sqlite'}", home=home) as store:
        shelf = Shelf(store)
        shelf.run("initial-weights", noise=2.5)
        shelf.run("baseline-hr", noise=1.2)
        shelf.run("intact", noise=1.2, config=WHOLE)
        site.build(store, home / "site", lambda _done, _total: None)
    return home / "site"


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context()
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page that fails its test for a message in the console or a request beyond the disk."""
    opened = context.new_page()
    trouble: list[str] = []
    opened.on("console", lambda message: trouble.append(message.text))
    opened.on("pageerror", lambda error: trouble.append(str(error)))
    opened.on("requestfailed", lambda request: trouble.append(f"failed: {request.url}"))
    opened.on("request", lambda request: _note_foreign(request.url, trouble))
    yield opened
    assert trouble == []


def _note_foreign(url: str, trouble: list[str]) -> None:
    if not url.startswith(("file://", "data:")):
        trouble.append(f"beyond the disk: {url}")


def _pages(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.html"))


def test_click_through(page: Page, folder: Path) -> None:
    """From the overview one clicks to a data set, from there to a run, and back."""
    page.goto((folder / "index.html").as_uri())
    page.get_by_role("link", name="caviar").first.click()
    assert page.get_by_role("heading", level=1).inner_text() == "caviar"
    row = page.locator("tr.reproduced").filter(has_text="Baseline (HR)")
    row.get_by_role("link").last.click()
    assert page.get_by_role("heading", level=1).inner_text() == "Baseline (HR) on caviar"
    assert page.get_by_role("img", name="re-ID: cls").is_visible()
    page.get_by_role("link", name="reid-harness").click()
    assert page.url == (folder / "index.html").as_uri()


def test_from_a_method_to_its_numbers(page: Page, folder: Path) -> None:
    """From the overview to INTACT's page, its paper's table, a verdict and the row's data set."""
    page.goto((folder / "index.html").as_uri())
    page.get_by_role("link", name="INTACT", exact=True).click()
    assert page.get_by_role("heading", level=1).inner_text() == "INTACT"
    table = page.get_by_role("table").filter(has_text="Table 1 of INTACT as printed")
    assert table.get_by_role("columnheader", name="mlr-cuhk03").is_visible()
    assert table.locator("tr.own td").last.inner_text() == "93.9"
    verdicts = page.locator("table.verdicts").first.locator("tr.reproduced")
    assert verdicts.count() == 3
    assert "2 of 10 splits" in verdicts.first.inner_text()
    page.get_by_role("table").last.get_by_role("link", name="caviar").click()
    assert page.url.startswith((folder / "datasets" / "caviar.html").as_uri() + "#row-")
    assert "INTACT" in page.locator("tr:target").inner_text()


def test_a_method_on_paper(page: Page, folder: Path) -> None:
    """Printed, a method's page shows its tables whole, without the navigation."""
    page.goto((folder / "methods" / "intact.html").as_uri())
    page.emulate_media(media="print")
    assert not page.get_by_role("navigation").is_visible()
    box = page.locator(".scroll").first
    assert box.evaluate("e => getComputedStyle(e).overflowX") == "visible"


def test_the_style_sheet_is_used(page: Page, folder: Path) -> None:
    """The content policy lets the style sheet through, also from disk."""
    page.goto((folder / "datasets" / "caviar.html").as_uri())
    cell = page.locator("td.number").first
    assert cell.evaluate("e => getComputedStyle(e).textAlign") == "right"
    assert "tabular-nums" in cell.evaluate("e => getComputedStyle(e).fontVariantNumeric")


def test_no_page_scrolls_sideways_on_a_phone(page: Page, folder: Path) -> None:
    """At 390 px every page fits; a wide table scrolls in its own box."""
    page.set_viewport_size({"width": 390, "height": 844})
    for path in _pages(folder):
        page.goto(path.as_uri())
        content, window = page.evaluate(WIDTHS)
        assert content <= window, path
    page.goto((folder / "datasets" / "caviar.html").as_uri())
    box = page.locator(".scroll").first
    assert box.evaluate("e => e.scrollWidth > e.clientWidth")
    box.evaluate("e => e.scrollTo(e.scrollWidth, 0)")
    assert box.evaluate("e => e.scrollLeft") > 0


def test_dark(browser: Browser, folder: Path) -> None:
    """Where the system is dark, the page is dark with light text."""
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        context = browser.new_context(color_scheme=scheme)
        page = context.new_page()
        page.goto((folder / "index.html").as_uri())
        ground, text = (
            page.evaluate(f"getComputedStyle(document.body).{name}.match(/\\d+/g).map(Number)")
            for name in ("backgroundColor", "color")
        )
        assert (sum(ground) < sum(text)) is (scheme == "dark")
        context.close()


def test_keyboard(page: Page, folder: Path) -> None:
    """The first Tab reaches the skip link, which then shows and leads to the content."""
    page.goto((folder / "datasets" / "caviar.html").as_uri())
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    assert skip.evaluate("e => e === document.activeElement")
    assert skip.evaluate("e => e.getBoundingClientRect().left") >= 0
    assert skip.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert page.locator("main").evaluate("e => e === document.activeElement")
    page.keyboard.press("Tab")
    assert page.locator("main").evaluate("e => e.contains(document.activeElement)")
