"""Apply metrics to evidence: values of each query, their mean, and a note.

Those of input COUNTS are computed from the ranks, under a rule of ties and a rule of queries
without a match (`harness.definitions.conventions`); what is stored is under the first of each.
Those of input RESTORED were computed when the images were there, and are read back from the
evidence.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from harness.definitions.conventions import TIES, WITHOUT_MATCH, Ties, WithoutMatch
from harness.definitions.counts import has_match, match_ranks
from harness.errors import PluginError, UnknownName, UsageError
from harness.types import Evidence, MetricInput, MetricSpec

Float = npt.NDArray[np.float64]

NO_ORIGINAL = "No query has a high-resolution original to compare with."


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric of one score.

    Attributes:
        name: The full name of the metric.
        k: The rank, or None where the metric has none.
        values: (Q,), one for each query in the unit of the metric, NaN where the query has none;
            all NaN where the metric is not defined for the score.
        value: The mean over the queries that have one, or None where it is not defined.
        note: Why there is no value, or None.
    """

    name: str
    k: int | None
    values: npt.NDArray[np.float64]
    value: float | None
    note: str | None


def measure(
    spec: MetricSpec,
    evidence: Evidence,
    k: int | None = None,
    *,
    ties: Ties = "pessimistic",
    without_match: WithoutMatch = "matched",
) -> Measured:
    """Return a metric of a score.

    Args:
        spec: The metric, of input COUNTS or RESTORED.
        evidence: What the score left behind.
        k: One of `spec.ranks`, or None where the metric has no ranks.
        ties: The rule of ties, a key of `TIES`; of no effect on restored images.
        without_match: What a query without a match counts, a key of `WITHOUT_MATCH`; of no effect
            on restored images and on an open set.

    Raises:
        UsageError: If the evidence does not hold it, k is none of its ranks, or there is no such
            rule.
        PluginError: If its formula cannot be imported or returns something else than Q fractions.
    """
    _check_request(spec, evidence, k)
    _check_rules(ties, without_match)
    if spec.input is MetricInput.RESTORED:
        return _recorded(spec, evidence)
    values = _under(ties, spec, evidence, k)
    matched = has_match(evidence)
    why = _why_undefined(spec, evidence, k, ties, np.isnan(values) & matched)
    if why is not None:
        return Measured(spec.name, k, np.full(evidence.queries, np.nan), None, why)
    if not spec.needs:
        values = np.where(matched, values, _without_match(evidence, without_match))
    return Measured(spec.name, k, values, float(np.nanmean(values)), None)


def measure_all(
    evidence: Evidence,
    specs: Iterable[MetricSpec],
    *,
    ties: Ties = "pessimistic",
    without_match: WithoutMatch = "matched",
) -> list[Measured]:
    """Return every metric that is measurable at every one of its ranks; others are left out.

    Args:
        evidence: What the score left behind.
        specs: The metrics.
        ties: The rule of ties, a key of `TIES`.
        without_match: What a query without a match counts, a key of `WITHOUT_MATCH`.

    Raises:
        UsageError: If there is no such rule.
        PluginError: If a formula cannot be imported or returns something else than Q fractions.
    """
    return [
        measure(spec, evidence, k, ties=ties, without_match=without_match)
        for spec in specs
        if is_measurable(spec, evidence)
        for k in (spec.ranks or (None,))
    ]


def is_measurable(spec: MetricSpec, evidence: Evidence) -> bool:
    """Return whether a metric is computed from counts, or its values are in the evidence.

    One of an open set is measurable where some query has no match.
    """
    if spec.needs and has_match(evidence).all():
        return False
    return _is_held(spec, evidence)


def _is_held(spec: MetricSpec, evidence: Evidence) -> bool:
    return spec.input is MetricInput.COUNTS or (
        spec.input is MetricInput.RESTORED and spec.name in evidence.measured
    )


def _check_request(spec: MetricSpec, evidence: Evidence, k: int | None) -> None:
    if not _is_held(spec, evidence):
        raise UsageError(
            f"The metric {spec.name} is computed from {spec.input}, not from evidence.",
            "Ask for it when the model is scored.",
        )
    if k not in (spec.ranks or (None,)):
        allowed = f"one of {', '.join(map(str, spec.ranks))}" if spec.ranks else "no k"
        raise UsageError(f"The metric {spec.name} has no k = {k}.", f"Give {allowed}.")


def _check_rules(ties: str, without_match: str) -> None:
    if ties not in TIES:
        raise UnknownName("rule of ties", ties, TIES)
    if without_match not in WITHOUT_MATCH:
        raise UnknownName("rule of queries without a match", without_match, WITHOUT_MATCH)


def _recorded(spec: MetricSpec, evidence: Evidence) -> Measured:
    """Return what was measured on the restored images."""
    values = evidence.measured[spec.name]
    missing = np.isnan(values)
    if missing.all():
        return Measured(spec.name, None, values, None, NO_ORIGINAL)
    note = f"{missing.sum()} of {len(values)} queries have no high-resolution original."
    return Measured(
        spec.name, None, values, float(np.nanmean(values)), note if missing.any() else None
    )


def _under(ties: Ties, spec: MetricSpec, evidence: Evidence, k: int | None) -> Float:
    """Return the value of each query under a rule of ties, (Q,).

    Without a match that ties all rules agree; with one, a metric of no known expectation has no
    value but the pessimistic one.
    """
    if ties == "pessimistic":
        return _compute(spec, spec.compute, evidence, k)
    if spec.expected is None:
        values = _compute(spec, spec.compute, evidence, k)
        return np.where(_has_tie(evidence), np.nan, values)
    if ties == "optimistic":
        without = replace(evidence, equal=np.zeros_like(evidence.equal))
        return _compute(spec, spec.compute, without, k)
    return _compute(spec, spec.expected, evidence, k)


def _has_tie(evidence: Evidence) -> npt.NDArray[np.bool_]:
    """Return whether a true match of each query ties with a negative, (Q,)."""
    has_tie = np.zeros(evidence.queries, dtype=np.bool_)
    has_tie[match_ranks(evidence)[0][evidence.equal > 0]] = True
    return has_tie


def _without_match(evidence: Evidence, rule: WithoutMatch) -> Float:
    """Return what each query would count if it had no match, (Q,)."""
    if rule == "matched":
        return np.full(evidence.queries, np.nan)
    if rule == "all":
        return np.zeros(evidence.queries)
    return np.where(evidence.valid == 0, 1.0, 0.0)


def _why_undefined(
    spec: MetricSpec,
    evidence: Evidence,
    k: int | None,
    ties: Ties,
    missing: npt.NDArray[np.bool_],
) -> str | None:
    """Return why a metric has no value for the score, or None where it has one.

    Args:
        spec: The metric.
        evidence: What the score left behind.
        k: The rank, or None.
        ties: The rule of ties.
        missing: (Q,), queries with a match and no value.
    """
    matched = np.count_nonzero(has_match(evidence))
    unknown = evidence.queries - matched
    if not matched:
        return "No query has a match."
    if unknown < spec.needs:
        return (
            f"{spec.title} needs {spec.needs} queries without a match, the unknown "
            f"probes; there are {unknown}."
        )
    if not missing.any():
        return None
    share = f"{missing.sum()} of {matched} queries with a match"
    what = spec.name if k is None else f"Rank-{k}"
    if ties != "pessimistic" and spec.expected is None and (missing & _has_tie(evidence)).any():
        return f"{what} is known under pessimistic ties only, and {share} have ties."
    why = "" if k is None else f": fewer than {k} candidates"
    return f"{what} is not defined for {share}{why}."


def _compute(spec: MetricSpec, address: str, evidence: Evidence, k: int | None) -> Float:
    """Call a formula, which may be a plugin's, and hold it to its contract."""
    try:
        formula = pkgutil.resolve_name(address)
    except (ImportError, AttributeError, ValueError) as error:
        raise PluginError(
            f"The metric {spec.name} cannot be imported from {address}: {error}.",
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
