"""What the pages are made of: the papers that ship, and those of the plugins that are installed."""

from __future__ import annotations

import pytest

from harness.errors import PluginError
from leaderboard.library import read

PAPER = """
key: {key}
name: Village
title: People of a Village
authors: [A. Author]
venue: Somewhere
year: 2001
url: https://example.org
tables:
  - key: "1"
    printed: Table 1
    title: CMC (%)
    document: A. Author, Somewhere 2001
    ap: null
    datasets:
      caviar: {{protocol: caviar, unknown: [the splits]}}
    rows:
      - name: Village
        method: village
        cells:
          caviar: {{rank1: "12.3"}}
"""


def test_a_paper_of_a_plugin_is_among_the_others(store):
    """A plugin's paper stands by its year, and its numbers are among the published ones."""
    library = read(store, [PAPER.format(key="village")])

    assert next(iter(library.papers)) == "village"
    assert [cell.printed for cell in library.cells if cell.method == "village"] == ["12.3"]
    assert library.method_title("village") == "Village"


def test_a_paper_that_is_there_already_is_refused(store):
    """A plugin cannot put its numbers in the place of those of another paper."""
    with pytest.raises(PluginError, match="a paper 'rain', which is there already"):
        read(store, [PAPER.format(key="rain")])
