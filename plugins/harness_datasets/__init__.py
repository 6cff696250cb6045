"""The data sets that ship with the harness: their cards, and where their readers lie."""

from __future__ import annotations

from collections.abc import Callable

from harness import DatasetSpec, hookimpl
from harness_datasets.caviar import CAVIAR
from harness_datasets.synthped_card import SYNTHPED
from harness_datasets.viper import VIPER


@hookimpl
def register_datasets(register: Callable[[DatasetSpec], None]) -> None:
    """Register caviar, viper and synthped."""
    for spec in (CAVIAR, VIPER, SYNTHPED):
        register(spec)
