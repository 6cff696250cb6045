"""All papers and protocols at hand: those that ship with the harness, and those of plugins.

A plugin registers each as a YAML text (`register_papers`, `register_protocols`); the texts that
the loader collected are what `of_plugins` means here.
"""

from __future__ import annotations

from collections.abc import Iterable

from harness.errors import PluginError
from harness.specs.paper import PaperSpec, list_papers, load_paper, parse_paper
from harness.specs.protocol import ProtocolSpec, list_protocols, load_protocol, parse_protocol


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
            raise _refusal("paper", paper.key)
        papers[paper.key] = paper
    return papers


def all_protocols(of_plugins: Iterable[str] = ()) -> dict[str, ProtocolSpec]:
    """Return the protocols that ship with the harness and those of plugins, by key.

    Args:
        of_plugins: The YAML texts that plugins registered; one may take the splits of an earlier.

    Raises:
        PluginError: If a plugin brings a key that is there already.
    """
    protocols = {key: load_protocol(key) for key in list_protocols()}
    for text in of_plugins:
        protocol = parse_protocol(text, "a plugin's protocol", protocols)
        if protocol.key in protocols:
            raise _refusal("protocol", protocol.key)
        protocols[protocol.key] = protocol
    return protocols


def _refusal(kind: str, key: str) -> PluginError:
    return PluginError(
        f"A plugin brings a {kind} {key!r}, which is there already.",
        "Give it another key, or uninstall the plugin.",
    )
