"""Uncertainty of re-ID results; the unit of resampling is an identity, never a query."""
