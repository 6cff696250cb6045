"""The papers and protocols at hand are those that ship and those that plugins bring."""

from __future__ import annotations

import pytest

from harness.errors import PluginError
from harness.specs import all_protocols, list_protocols

PROTOCOL = """
key: {key}
dataset: village
title: one camera against the other
source: made up
query: {{cameras: [1]}}
gallery: {{cameras: [2]}}
junk: same-camera
degradation: null
headline: cmc_single@1
splits:
  - train: [1]
    test: [2]
"""


def test_a_protocol_of_a_plugin_stands_beside_those_that_ship():
    """Protocols of plugins are found by key, after those that ship."""
    found = all_protocols([PROTOCOL.format(key="village")])

    assert set(found) == {*list_protocols(), "village"}
    assert found["village"].dataset == "village"


@pytest.mark.parametrize("texts", [["viper"], ["village", "village"]])
def test_a_protocol_that_is_there_already_is_refused(texts):
    """A key of the harness or of another plugin is refused: it would change what a number means."""
    with pytest.raises(PluginError, match=f"a protocol '{texts[0]}', which is there already"):
        all_protocols([PROTOCOL.format(key=key) for key in texts])
