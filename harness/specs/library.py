"""All papers and protocols at hand: those that ship with the harness, and those of plugins.

A plugin registers each as a YAML text (`register_papers`, `register_protocols`); the texts that
the loader collected are what `of_plugins` means here. The loader reads those of each plugin on its
own first (`read_papers`, `read_protocols`), so that a wrong one is the problem of its plugin alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

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
    shipped = {key: load_paper(key) for key in list_papers()}
    return shipped | read_papers(of_plugins, "a plugin's paper")


def all_protocols(of_plugins: Iterable[str] = ()) -> dict[str, ProtocolSpec]:
    """Return the protocols that ship with the harness and those of plugins, by key.

    Args:
        of_plugins: The YAML texts that plugins registered; one may take the splits of an earlier.

    Raises:
        PluginError: If a plugin brings a key that is there already.
    """
    shipped = {key: load_protocol(key) for key in list_protocols()}
    return shipped | read_protocols(of_plugins, "a plugin's protocol", shipped)


def read_papers(texts: Iterable[str], origin: str) -> dict[str, PaperSpec]:
    """Return the papers of YAML texts, by key.

    Args:
        texts: As plugins register them.
        origin: What one is called in messages.

    Raises:
        UsageError: If a text is no paper.
        PluginError: If the key of one ships with the harness, or is there twice.
    """
    shipped = list_papers()
    papers: dict[str, PaperSpec] = {}
    for text in texts:
        paper = parse_paper(text, origin)
        if paper.key in shipped or paper.key in papers:
            raise _refusal("paper", paper.key)
        papers[paper.key] = paper
    return papers


def read_protocols(
    texts: Iterable[str],
    origin: str,
    known: Mapping[str, ProtocolSpec] = MappingProxyType({}),
) -> dict[str, ProtocolSpec]:
    """Return the protocols of YAML texts, by key.

    Args:
        texts: As plugins register them; one may take the splits of an earlier.
        origin: What one is called in messages.
        known: Others whose splits they may take.

    Raises:
        UsageError: If a text is no protocol.
        UnknownName: If one takes the splits of a protocol that is not there.
        PluginError: If the key of one ships with the harness, or is there twice.
    """
    shipped = list_protocols()
    protocols: dict[str, ProtocolSpec] = {}
    for text in texts:
        protocol = parse_protocol(text, origin, {**known, **protocols})
        if protocol.key in shipped or protocol.key in protocols:
            raise _refusal("protocol", protocol.key)
        protocols[protocol.key] = protocol
    return protocols


def _refusal(kind: str, key: str) -> PluginError:
    return PluginError(
        f"A plugin brings a {kind} {key!r}, which is there already.",
        "Give it another key, or uninstall the plugin.",
    )
