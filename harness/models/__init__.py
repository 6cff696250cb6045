"""Weights that a fit starts from, and models that it leaves."""

from harness.models.files import load_model, save_model
from harness.models.weights import InitialWeights, load_backbone, resolve_weights

__all__ = ["InitialWeights", "load_backbone", "load_model", "resolve_weights", "save_model"]
