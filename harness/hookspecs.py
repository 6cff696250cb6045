"""The hooks of the harness: five, each collecting, one sentence each.

A plugin implements the ones it needs with `hookimpl` and calls `register` once for each thing.
Its package must not import torch: specs hold addresses, the loader resolves them when needed.
"""

from __future__ import annotations

from collections.abc import Callable

import pluggy

from harness.types import DatasetSpec, MethodSpec, MetricSpec

PROJECT = "reid_harness"
PLUGIN_GROUP = "reid_harness.plugins"
COMMAND_GROUP = "reid_harness.commands"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_methods(register: Callable[[MethodSpec], None]) -> None:
    """Call `register` with each method of the plugin."""


@hookspec
def register_datasets(register: Callable[[DatasetSpec], None]) -> None:
    """Call `register` with each data set of the plugin."""


@hookspec
def register_metrics(register: Callable[[MetricSpec], None]) -> None:
    """Call `register` with each metric of the plugin."""


@hookspec
def register_protocols(register: Callable[[str], None]) -> None:
    """Call `register` with the text (YAML) of each protocol of the plugin's data sets."""


@hookspec
def register_papers(register: Callable[[str], None]) -> None:
    """Call `register` with the text (YAML) of each paper whose published tables are shipped."""
