"""All papers at hand: those that ship with the harness, and those that plugins bring."""

from __future__ import annotations

from collections.abc import Iterable

from harness.errors import PluginError
from harness.specs.paper import PaperSpec, list_papers, load_paper, parse_paper


def all_papers(of_plugins: Iterable[str] = ()) -> dict[str, PaperSpec]:
    """Return the papers that ship with the harness and those of plugins, by key.

    Args:
        of_plugins: The YAML texts that plugins registered.

    Raises:
        PluginError: If a plugin brings a key that is there already.
    """
    papers = {key: load_paper(key) for key in list_papers()}
    for text in of_plugins:
        paper = parse_paper(text, "a plugin's paper")
        if paper.key in papers:
            raise PluginError(
                f"A plugin brings a paper {paper.key!r}, which is there already.",
                "Give it another key, or uninstall the plugin.",
            )
        papers[paper.key] = paper
    return papers
