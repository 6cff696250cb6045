"""Building blocks for method files: the backbone, mining, schedules, normalisation.

Public for plugins. A loss that belongs to one paper stands in that paper's file, not here.
"""

from harness.nn.backbone import ResNet50, StageOutputs
from harness.nn.batches import full_steps, normalise
from harness.nn.mining import batch_hard, pairwise_distance
from harness.nn.schedules import constant, multistep, warmup_cosine

__all__ = [
    "ResNet50",
    "StageOutputs",
    "batch_hard",
    "constant",
    "full_steps",
    "multistep",
    "normalise",
    "pairwise_distance",
    "warmup_cosine",
]
