"""A benchmark harness for person re-identification: the public names for plugins.

Importing this package does not import torch. Networks and losses to build methods from are in
`harness.nn`.
"""

from harness.errors import (
    DataError,
    DeviceError,
    HarnessError,
    Inconclusive,
    IntegrityError,
    Interrupted,
    PluginError,
    RegressionFound,
    StoreError,
    TrainingError,
    UnknownName,
    UsageError,
    WeightsError,
)
from harness.hookspecs import hookimpl
from harness.types import (
    Adversary,
    Augment,
    Counts,
    DatasetCard,
    DatasetSpec,
    Distance,
    EmbedBatch,
    FitContext,
    Method,
    MethodConfig,
    MethodSpec,
    MetricInput,
    MetricSpec,
    Recipe,
    Record,
    Restores,
    Stage,
    Stream,
    TrainBatch,
    Update,
)

__version__ = "0.1.0"

__all__ = [
    "Adversary",
    "Augment",
    "Counts",
    "DataError",
    "DatasetCard",
    "DatasetSpec",
    "DeviceError",
    "Distance",
    "EmbedBatch",
    "FitContext",
    "HarnessError",
    "Inconclusive",
    "IntegrityError",
    "Interrupted",
    "Method",
    "MethodConfig",
    "MethodSpec",
    "MetricInput",
    "MetricSpec",
    "PluginError",
    "Recipe",
    "Record",
    "RegressionFound",
    "Restores",
    "Stage",
    "StoreError",
    "Stream",
    "TrainBatch",
    "TrainingError",
    "UnknownName",
    "Update",
    "UsageError",
    "WeightsError",
    "hookimpl",
]
