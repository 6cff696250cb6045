"""The trainer: stages, batches, checkpoints, and the device they run on."""

from harness.training.checkpoint import (
    Checkpoint,
    CheckpointPlace,
    find_checkpoint,
    write_checkpoint,
)
from harness.training.device import Device, choose_device
from harness.training.stopping import StopRequest
from harness.training.trainer import Observer, Trainer, TrainingSummary

__all__ = [
    "Checkpoint",
    "CheckpointPlace",
    "Device",
    "Observer",
    "StopRequest",
    "Trainer",
    "TrainingSummary",
    "choose_device",
    "find_checkpoint",
    "write_checkpoint",
]
