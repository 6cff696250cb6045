"""The promises of `harness leaderboard build`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from typer.testing import CliRunner

from harness.errors import UsageError
from leaderboard import cli
from tests.leaderboard.pages import read_page

runner = CliRunner()

LIGHT_IMPORT = """
import sys
import leaderboard.cli
heavy = {"torch", "numpy", "scipy", "sqlalchemy", "jinja2"} & set(sys.modules)
assert not heavy, heavy
"""


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def pages(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.html"))


def check_links(site: Path) -> int:
    """Check every link of a site, and return how many there are."""
    links = [(page, a) for page in pages(site) for a in read_page(page).all("a", "link")]
    for page, link in links:
        target = urlsplit(link.attributes["href"])
        if target.scheme in ("https", "data"):
            continue
        assert not target.scheme, link
        assert not target.path.startswith("/"), link
        found = (page.parent / unquote(target.path)).resolve() if target.path else page
        assert found.is_file(), (page, link.attributes["href"])
        assert found.is_relative_to(site.resolve())
        if target.fragment:
            ids = {element.attributes.get("id") for element in read_page(found).all()}
            assert target.fragment in ids, (page, link.attributes["href"])
    return len(links)


def test_every_link_resolves(built):
    """Every link is relative to its page and leads to a file and an element that are there."""
    assert check_links(built.site) > 50


def test_every_page_is_reachable(built):
    """From the overview, links lead to every page of the site."""
    seen: set[Path] = set()
    waiting = [built.site / "index.html"]
    while waiting:
        page = waiting.pop().resolve()
        if page in seen:
            continue
        seen.add(page)
        hrefs = [a.attributes["href"] for a in read_page(page).all("a")]
        waiting += [
            page.parent / unquote(urlsplit(href).path)
            for href in hrefs
            if not urlsplit(href).scheme and urlsplit(href).path
        ]
    assert seen == {page.resolve() for page in pages(built.site)}


def test_each_page_is_a_whole_document(built):
    """Each page has a language, a title of its own, one h1, a skip link and a main part."""
    titles = set()
    for page in pages(built.site):
        document = read_page(page)
        (html,) = document.all("html")
        assert html.attributes["lang"] == "en"
        assert len(document.all("h1")) == 1
        (skip,) = [a for a in document.all("a") if a.has("skip")]
        (main,) = document.all("main")
        assert skip.attributes["href"] == f"#{main.attributes['id']}"
        titles.add(document.all("title")[0].text)
    assert len(titles) == len(pages(built.site))


def test_ids_are_unique(built):
    """No page has two elements of one id."""
    for page in pages(built.site):
        ids = [e.attributes["id"] for e in read_page(page).all() if "id" in e.attributes]
        assert len(ids) == len(set(ids)), page


def test_nothing_runs_and_nothing_is_inline(built):
    """The policy forbids scripts and inline style, and no page has any."""
    for page in pages(built.site):
        document = read_page(page)
        (policy,) = [
            meta.attributes["content"]
            for meta in document.all("meta")
            if meta.attributes.get("http-equiv") == "Content-Security-Policy"
        ]
        assert policy.startswith("default-src 'none';")
        assert "unsafe" not in policy
        assert not document.all("script", "style", "img")
        for element in document.all():
            assert not [name for name in element.attributes if name.startswith(("on", "style"))]


def test_tables_are_semantic(built):
    """Every table has a caption, and every header says what it heads."""
    for page in pages(built.site):
        for table in read_page(page).all("table"):
            assert table.all("caption")[0].text
            scopes = {th.attributes["scope"] for th in table.all("th")}
            assert scopes <= {"col", "row", "colgroup"}
            widths = {
                sum(int(cell.attributes.get("colspan", 1)) for cell in row.all("th", "td"))
                for row in table.all("tr")
            }
            assert len(widths) == 1, (page, table.all("caption")[0].text, widths)


def test_the_same_store_gives_the_same_bytes(built, tmp_path, monkeypatch):
    """A second build into another folder gives the same files, and JSON that counts them."""
    monkeypatch.setenv("HARNESS_HOME", str(built.home))
    done = runner.invoke(cli.app, ["build", "--out", str(tmp_path / "again"), "--json"])
    assert files(tmp_path / "again") == files(built.site)
    assert json.loads(done.stdout) == {
        "index": str(tmp_path / "again" / "index.html"),
        "pages": len(pages(built.site)),
        "written": len(files(built.site)),
        "datasets": 5,
        "rows": 4,
        "runs": 5,
    }


def test_what_did_not_change_is_left_alone(home):
    """A second build into the same folder writes what differs, and nothing else."""
    runner.invoke(cli.app, ["build"])
    assert "0 files written" in runner.invoke(cli.app, ["build"]).stdout
    (home / "site" / "index.html").write_text("half a page")
    assert "1 files written" in runner.invoke(cli.app, ["build"]).stdout
    assert "</html>" in (home / "site" / "index.html").read_text()
    assert not [name for name in files(home / "site") if Path(name).name.startswith(".")]


def test_no_torch(built):
    """The command, in a fresh process, imports neither torch nor what comes with it."""
    assert not {"torch", "torchvision", "kornia", "accelerate"} & set(built.modules)


def test_the_command_is_light_to_import(home):
    """Help does not wait for a database or a template engine."""
    subprocess.run([sys.executable, "-c", LIGHT_IMPORT], check=True, timeout=60)


def test_an_empty_store_says_how_to_begin(home):
    """Without a run the overview shows the command of the first one, and all links work."""
    done = runner.invoke(cli.app, ["build"])
    index = home / "site" / "index.html"
    assert done.stdout.splitlines()[-1] == str(index)
    first = "harness run --plugin baseline-hr --dataset synthped --recipe smoke"
    assert first in read_page(index).text
    assert first in read_page(home / "site" / "runs" / "index.html").text
    check_links(home / "site")


def test_open_shows_the_overview(built):
    """--open gives the address of the overview to the browser."""
    assert built.opened == (built.site / "index.html").as_uri()


def test_a_file_in_the_way_is_told(home, tmp_path):
    """An output folder that cannot be written is an error with a next step."""
    (tmp_path / "file").write_text("")
    done = runner.invoke(cli.app, ["build", "--out", str(tmp_path / "file" / "site")])
    assert isinstance(done.exception, UsageError)
    assert "cannot be written: Not a directory" in done.exception.what
    assert "--out" in done.exception.next_step


@pytest.mark.parametrize("option", ["--out", "--open", "--json"])
def test_help(option):
    """Help names every option and has an example."""
    text = runner.invoke(cli.app, ["build", "--help"]).output
    assert option in text
    assert "harness leaderboard build" in text
