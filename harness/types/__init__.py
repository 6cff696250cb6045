"""The values that pass between the parts of the harness; none of them imports torch."""

from harness.types.address import ModelAddress, is_address
from harness.types.data import (
    Counts,
    DatasetCard,
    DatasetSpec,
    Record,
    Split,
    Subset,
    Trial,
)
from harness.types.method import (
    Adversary,
    Augment,
    Distance,
    EmbedBatch,
    FitContext,
    Method,
    MethodConfig,
    MethodSpec,
    Recipe,
    Restores,
    Stage,
    Stream,
    TrainBatch,
    Update,
)
from harness.types.metric import MetricInput, MetricSpec, RestoredBatch, Unit
from harness.types.results import Evidence, Interval, Variant

__all__ = [
    "Adversary",
    "Augment",
    "Counts",
    "DatasetCard",
    "DatasetSpec",
    "Distance",
    "EmbedBatch",
    "Evidence",
    "FitContext",
    "Interval",
    "Method",
    "MethodConfig",
    "MethodSpec",
    "MetricInput",
    "MetricSpec",
    "ModelAddress",
    "Recipe",
    "Record",
    "RestoredBatch",
    "Restores",
    "Split",
    "Stage",
    "Stream",
    "Subset",
    "TrainBatch",
    "Trial",
    "Unit",
    "Update",
    "Variant",
    "is_address",
]
