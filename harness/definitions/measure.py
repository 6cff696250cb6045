"""Apply metrics to evidence: values of each query, their mean, and a note.

Those of input COUNTS are computed from the ranks. Those of input RESTORED were computed when the
images were there, and are read back from the evidence.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.errors import PluginError, UsageError
from harness.types import Evidence, MetricInput, MetricSpec

NO_ORIGINAL = "No query has a high-resolution original to compare with."


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric of one score.

    Attributes:
        name: The full name of the metric.
        k: The rank, or None where the metric has none.
        values: (Q,), one for each query in the unit of the metric, NaN where the query has none;
            all NaN where the metric is not defined for the score.
        value: The mean over the queries with a value, or None where it is not defined.
        note: Why there is no value, or None.
    """

    name: str
    k: int | None
    values: npt.NDArray[np.float64]
    value: float | None
    note: str | None


def measure(spec: MetricSpec, evidence: Evidence, k: int | None = None) -> Measured:
    """Return a metric of a score.

    Args:
        spec: The metric, which `is_measurable`.
        evidence: What the score left behind.
        k: One of `spec.ranks`, or None where the metric has no ranks.

    Raises:
        UsageError: If the evidence does not hold it, or k is none of its ranks.
        PluginError: If its formula cannot be imported or returns something else than Q fractions.
    """
    _check_request(spec, evidence, k)
    if spec.input is MetricInput.RESTORED:
        return _recorded(spec, evidence)
    values = _compute(spec, evidence, k)
    has_match = np.diff(evidence.offsets) > 0
    missing = has_match & np.isnan(values)
    if not has_match.any():
        return _undefined(spec, evidence, k, "No query has a match.")
    if missing.any():
        what = spec.name if k is None else f"Rank-{k}"
        why = "" if k is None else f": fewer than {k} candidates"
        share = f"{missing.sum()} of {has_match.sum()} queries with a match"
        return _undefined(spec, evidence, k, f"{what} is not defined for {share}{why}.")
    return Measured(spec.name, k, values, float(np.nanmean(values)), None)


def measure_all(evidence: Evidence, specs: Iterable[MetricSpec]) -> list[Measured]:
    """Return every metric that is measurable at every one of its ranks; others are left out."""
    return [
        measure(spec, evidence, k)
        for spec in specs
        if is_measurable(spec, evidence)
        for k in (spec.ranks or (None,))
    ]


def is_measurable(spec: MetricSpec, evidence: Evidence) -> bool:
    """Return whether a metric is computed from counts, or its values are in the evidence."""
    return spec.input is MetricInput.COUNTS or (
        spec.input is MetricInput.RESTORED and spec.name in evidence.measured
    )


def _check_request(spec: MetricSpec, evidence: Evidence, k: int | None) -> None:
    if not is_measurable(spec, evidence):
        raise UsageError(
            f"The metric {spec.name} is computed from {spec.input}, not from evidence.",
            "Ask for it when the model is scored.",
        )
    if k not in (spec.ranks or (None,)):
        allowed = f"one of {', '.join(map(str, spec.ranks))}" if spec.ranks else "no k"
        raise UsageError(f"The metric {spec.name} has no k = {k}.", f"Give {allowed}.")


def _recorded(spec: MetricSpec, evidence: Evidence) -> Measured:
    """Return what was measured on the restored images."""
    values = evidence.measured[spec.name]
    missing = np.isnan(values)
    if missing.all():
        return _undefined(spec, evidence, None, NO_ORIGINAL)
    note = f"{missing.sum()} of {len(values)} queries have no high-resolution original."
    return Measured(
        spec.name, None, values, float(np.nanmean(values)), note if missing.any() else None
    )


def _compute(spec: MetricSpec, evidence: Evidence, k: int | None) -> npt.NDArray[np.float64]:
    """Call the formula, which may be a plugin's, and hold it to its contract."""
    try:
        formula = pkgutil.resolve_name(spec.compute)
    except (ImportError, AttributeError, ValueError) as error:
        raise PluginError(
            f"The metric {spec.name} cannot be imported from {spec.compute}: {error}.",
            "Run `harness plugins doctor`, or reinstall the plugin.",
        ) from error
    values = np.asarray(formula(evidence, k), dtype=np.float64)
    fractions = np.isnan(values) | ((values >= 0) & (values <= 1))
    if values.shape != (evidence.queries,) or not fractions.all():
        raise PluginError(
            f"The metric {spec.name} returned an array of shape {values.shape} with values from "
            f"{np.nanmin(values, initial=np.inf):g} to {np.nanmax(values, initial=-np.inf):g} "
            f"for {evidence.queries} queries.",
            "A metric of input COUNTS returns one fraction in [0, 1] or NaN for each query.",
        )
    return values


def _undefined(spec: MetricSpec, evidence: Evidence, k: int | None, note: str) -> Measured:
    return Measured(spec.name, k, np.full(evidence.queries, np.nan), None, note)
