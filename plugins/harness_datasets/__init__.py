"""The data sets that ship with the harness: their cards, and where their readers lie."""

from __future__ import annotations

from collections.abc import Callable

from harness import DatasetSpec, hookimpl
from harness_datasets.caviar import CAVIAR
from harness_datasets.market1501 import MARKET1501, MLR_MARKET1501
from harness_datasets.synthped_card import SYNTHPED
from harness_datasets.viper import MLR_VIPER, VIPER


@hookimpl
def register_datasets(register: Callable[[DatasetSpec], None]) -> None:
    """Register every data set, in the order in which they are listed."""
    for spec in (CAVIAR, VIPER, MLR_VIPER, MARKET1501, MLR_MARKET1501, SYNTHPED):
        register(spec)
