"""Weights that a fit starts from, and models that it leaves."""

from harness.models.files import load_model, load_state, save_model
from harness.models.weights import (
    InitialWeights,
    load_backbone,
    refuse_unknown,
    resolve_weights,
)

__all__ = [
    "InitialWeights",
    "load_backbone",
    "load_model",
    "load_state",
    "refuse_unknown",
    "resolve_weights",
    "save_model",
]
