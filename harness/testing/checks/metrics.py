"""Checks of a metric: its words, and its formula on rankings and images that are known."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from harness.definitions.measure import measure
from harness.errors import HarnessError
from harness.loader import resolve
from harness.testing.check import Blocked, Broken, NotRun
from harness.testing.samples import Quality, Sample, arrays_of, compute, make_sample
from harness.testing.subjects import Subject, need
from harness.types import Evidence, MetricInput, MetricSpec

NAME = re.compile(r"[a-z][a-z0-9_-]*@[1-9][0-9]*")
QUALITIES: tuple[Quality, ...] = ("good", "bad", "mixed")
ROUNDING = 1e-9


def words_are_complete(subject: Subject) -> str:
    """Look at name, version, definition, source, ranks and addresses."""
    spec = subject.metric
    if not NAME.fullmatch(spec.name):
        raise Broken(f"its name is {spec.name!r}, which is no key@version in lower case")
    empty = [name for name in ("title", "definition", "source") if not getattr(spec, name).strip()]
    if empty:
        raise Broken(f"it does not say its {', '.join(empty)}")
    if list(spec.ranks) != sorted(set(spec.ranks)) or min(spec.ranks, default=1) < 1:
        raise Broken(f"its ranks {spec.ranks} do not ascend from 1 or more")
    if spec.input is MetricInput.COUNTS and spec.unit != "fraction":
        raise Broken(f"it is computed from counts, but its unit is {spec.unit!r}, not fraction")
    for address in filter(None, (spec.compute, spec.expected)):
        if not callable(resolve(address, needed_by=f"metric {spec.name!r}")):
            raise Broken(f"{address} cannot be called")
    return f"{spec.title}, in {spec.unit}"


def values_are_in_range(subject: Subject) -> str:
    """Measure good, bad and mixed samples, and look at shape and range."""
    spec = subject.metric
    low, high = np.inf, -np.inf
    for quality in QUALITIES:
        sample = make_sample(spec, quality)
        for k in spec.ranks or (None,):
            values = _measured_here(spec, sample, k)
            fault = _fault(spec, values, _size(sample))
            if fault:
                raise Broken(f"of a {quality} sample{_at(k)}, {fault}")
            low, high = min(low, float(np.nanmin(values))), max(high, float(np.nanmax(values)))
    return f"values from {low:.3g} to {high:.3g}"


def better_is_where_it_says(subject: Subject) -> str:
    """Compare the best and the worst that can be."""
    spec = subject.metric
    good, bad = make_sample(spec, "good"), make_sample(spec, "bad")
    gaps = []
    for k in spec.ranks or (None,):
        ours, theirs = (float(np.nanmean(_values(spec, sample, k))) for sample in (good, bad))
        gaps.append((ours - theirs) if spec.higher_is_better else (theirs - ours))
        if gaps[-1] < 0:
            said = "higher" if spec.higher_is_better else "lower"
            raise Broken(f"{said} is better, but the best is {ours:.3g} and the worst {theirs:.3g}")
    if not any(gap > 0 for gap in gaps):
        raise Broken("the best and the worst have the same value")
    return f"the best and the worst are {max(gaps):.3g} apart"


def order_does_not_matter(subject: Subject) -> str:
    """Measure a sample and the same with its queries in reverse order."""
    spec = subject.metric
    forwards = make_sample(spec, "mixed")
    backwards = make_sample(spec, "mixed", backwards=True)
    for k in spec.ranks or (None,):
        ours, theirs = _values(spec, forwards, k), _values(spec, backwards, k)[::-1]
        if not np.allclose(ours, theirs, rtol=1e-5, atol=1e-6, equal_nan=True):
            other = int((~np.isclose(ours, theirs, rtol=1e-5, atol=1e-6, equal_nan=True)).sum())
            raise Broken(f"with its queries in reverse order{_at(k)}, {other} values differ")
    return "the same for each query"


def sample_stays(subject: Subject) -> str:
    """Measure twice, and look whether sample and values are the same."""
    spec = subject.metric
    sample = make_sample(spec, "mixed")
    before = {name: array.copy() for name, array in arrays_of(sample).items()}
    for k in spec.ranks or (None,):
        first, second = _values(spec, sample, k), _values(spec, sample, k)
        for name, array in arrays_of(sample).items():
            if not np.array_equal(array, before[name], equal_nan=True):
                raise Broken(f"it changes {name!r} of what it is given")
        if not np.array_equal(first, second, equal_nan=True):
            raise Broken(f"measured twice{_at(k)}, the values differ")
    return "the sample as it was, the same values twice"


def no_match_is_no_value(subject: Subject) -> str:
    """Measure queries without a match, among others and by themselves."""
    spec = subject.metric
    need(spec.input is MetricInput.COUNTS, "only rankings have queries without a match")
    sample = make_sample(spec, "mixed")
    assert isinstance(sample, Evidence)
    unmatched = np.diff(sample.offsets) == 0
    for k in spec.ranks or (None,):
        values = _values(spec, sample, k)
        if not spec.needs and not np.isnan(values[unmatched]).all():
            raise Broken(
                f"a query without a match has the value {np.nanmax(values[unmatched]):.3g}"
            )
        if np.isnan(values[~unmatched]).all():
            raise Broken(f"no query has a value{_at(k)}")
    alone = make_sample(spec, "matchless")
    assert isinstance(alone, Evidence)
    for k in spec.ranks or (None,):
        measured = measure(spec, alone, k)
        if measured.value is not None or not measured.note:
            raise Broken(f"where no query has a match it has the value {measured.value}")
    return "no value without a match, and a note"


def expectation_agrees(subject: Subject) -> str:
    """Compare the expectation over ties with the metric itself where nothing ties."""
    spec = subject.metric
    need(spec.expected, "it has no formula of the expectation over ties")
    sample = make_sample(spec, "mixed")
    assert isinstance(sample, Evidence)
    assert not sample.equal.any()
    gap = 0.0
    for k in spec.ranks or (None,):
        ours = _values(spec, sample, k)
        expected = compute(spec, sample, k, expected=True)
        gap = max(gap, float(np.nanmax(np.abs(ours - expected), initial=0.0)))
        if gap > ROUNDING or not np.array_equal(np.isnan(ours), np.isnan(expected)):
            raise Broken(f"without a tie{_at(k)}, `expected` differs by up to {gap:.3g}")
    return f"without a tie {gap:.0e} apart"


def _values(spec: MetricSpec, sample: Sample, k: int | None) -> Any:
    """Return the values of a metric whose values can be used."""
    try:
        values = _measured_here(spec, sample, k)
    except NotRun:
        raise
    except Exception as error:
        raise Blocked("its formula fails: see `metric-range`") from error
    if _fault(spec, values, _size(sample)):
        raise Blocked("its values cannot be used: see `metric-range`")
    return values


def _measured_here(spec: MetricSpec, sample: Sample, k: int | None) -> Any:
    """Return the values of a metric, where this machine has what it needs."""
    try:
        return compute(spec, sample, k)
    except HarnessError as error:
        if spec.input is MetricInput.RESTORED:  # so it says that a network of it is not here
            raise NotRun(error.what) from error
        raise


def _fault(spec: MetricSpec, values: Any, size: int) -> str | None:
    """Return why these are not the values of so many queries, or None."""
    if values.shape != (size,):
        return f"it returns an array of shape {values.shape} for {size} queries"
    known = values[~np.isnan(values)]
    if not len(known):
        return "it has no value at all"
    if not np.isfinite(known).all():
        return f"it returns {known[~np.isfinite(known)][0]}"
    if spec.unit == "fraction" and not (known.min() >= 0 and known.max() <= 1):
        return f"its values lie in [{known.min():.3g}, {known.max():.3g}], not in [0, 1]"
    return None


def _size(sample: Sample) -> int:
    return sample.queries if isinstance(sample, Evidence) else len(sample.hr)


def _at(k: int | None) -> str:
    return "" if k is None else f" at rank {k}"
