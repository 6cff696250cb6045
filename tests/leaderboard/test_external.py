"""External numbers on the pages: shown as that, and never among our rows."""

from __future__ import annotations

import pytest

from harness.store import MetricValue
from leaderboard.external import make_externals
from leaderboard.library import read
from leaderboard.site import build
from leaderboard.wording import ABSENT
from tests.leaderboard.conftest import HOSTILE
from tests.leaderboard.pages import read_page, table_of
from tests.leaderboard.shelf import Shelf
from tests.store.test_external import external


@pytest.fixture
def page(store, tmp_path):
    """The page of a data set with a run and with two external entries, one of a hostile name."""
    Shelf(store).run("baseline-hr")
    store.externals.add(external(dataset="caviar"))
    store.externals.add(external(dataset="caviar", name=HOSTILE, file=HOSTILE))
    build(store, tmp_path, lambda _done, _of: None)
    return read_page(tmp_path / "datasets" / "caviar.html")


def test_section_of_their_own(page):
    """They stand in a section that says external and unverified, with how they were evaluated."""
    (section,) = [s for s in page.all("section") if "External, unverified" in s.text]
    cells = table_of(section, "External and unverified").rows()["Their net"]

    assert "not compared with the rows above" in section.text
    assert [cell.text for cell in cells[:4]] == ["50.0", ABSENT, ABSENT, ABSENT]
    assert "rule market1501, cosine distance" in cells[7].text
    assert "3 queries, 1 without a match; 9 gallery images" in cells[7].text
    assert "features.npz" in cells[8].text


def test_not_among_our_rows(page):
    """No table of results holds them."""
    results = [table for table in page.all("table") if table.has("results")]

    assert results
    assert not any("Their net" in table.text for table in results)


def test_hostile_name_is_text(page):
    """A name is shown as it was written, whatever it holds."""
    assert HOSTILE in page.text
    assert not page.all("img")


def test_no_section_without_them(store, tmp_path):
    """A data set without external numbers has no such section."""
    Shelf(store).run("baseline-hr")
    build(store, tmp_path, lambda _done, _of: None)

    assert "External" not in read_page(tmp_path / "datasets" / "caviar.html").text


def test_data_set_of_its_own(store, tmp_path):
    """A data set that only an external entry knows has a page."""
    store.externals.add(external(dataset="msmt17"))
    build(store, tmp_path, lambda _done, _of: None)

    assert "Their net" in read_page(tmp_path / "datasets" / "msmt17.html").text


def test_newest_of_each_way(store):
    """Of one name and one way of evaluating, the newest file is shown; ways stand side by side."""
    store.externals.add(external(sha256="1" * 64))
    newest = store.externals.add(external(sha256="2" * 64))
    settings = {"rule": "cuhk03", "distance": None, "rerank": "paper", "multi_query": True}
    more = {"as": "torchreid", "tie_rule": "expected", "without_match": "all"}
    metrics = (MetricValue("cmc_single@1", 1, 0.25),)
    store.externals.add(
        external(settings=settings | more, headline="cmc_single@1", metrics=metrics)
    )
    ours = make_externals(read(store).externals, "market1501")

    assert [row.made for row in ours] == [
        "rule cuhk03, its own distances, multi-query, re-ranked (paper), as torchreid, "
        "ties: expected, queries without a match: all",
        "rule market1501, cosine distance",
    ]
    assert ours[1].entry.id == newest
    assert ours[0].values == {"rank1": 0.25}
