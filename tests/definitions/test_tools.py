"""The words of other tools: every name in them is one that exists."""

from __future__ import annotations

import pytest

from harness.definitions import METRICS
from harness.definitions.conventions import WITHOUT_MATCH
from harness.definitions.rules import RULES
from harness.definitions.tools import TOOLS, find_tool
from harness.errors import UnknownName
from harness.evaluation.rerank.variants import VARIANTS

KEYS = {metric.key: metric for metric in METRICS}


@pytest.mark.parametrize("tool", TOOLS.values(), ids=list(TOOLS))
def test_names(tool):
    """Rules, re-ranking, denominators and metrics of a tool are those of this harness."""
    assert set(tool.rules) <= set(RULES)
    assert tool.rerank in VARIANTS
    assert tool.without_match in WITHOUT_MATCH
    for _label, key, k in tool.prints:
        for headline in (RULES[rule].headline for rule in tool.rules):
            spec = KEYS[headline.partition("@")[0] if key == "rank" else key]
            assert k in (spec.ranks or (None,))


def test_unknown():
    """A tool that is not known is refused, and the nearest is offered."""
    assert find_tool("layumi").title.startswith("layumi")
    with pytest.raises(UnknownName, match=r"no tool called 'fastried'.*'fastreid'"):
        find_tool("fastried")
