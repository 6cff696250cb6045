"""The checks of a metric."""

from __future__ import annotations

from harness.testing.check import Check

_LOOK = "harness.testing.checks.metrics"

METRICS = (
    Check(
        name="metric-card",
        kind="metric",
        promise="It has a name with a version, a definition, a source, a unit and ranks, and its "
        "addresses lead to functions.",
        mend="Complete the MetricSpec.",
        address=f"{_LOOK}:words_are_complete",
    ),
    Check(
        name="metric-range",
        kind="metric",
        promise="It has one value for each query, finite or NaN; a fraction lies in [0, 1].",
        mend="Return an array (Q,) of fractions, and per cent nowhere.",
        address=f"{_LOOK}:values_are_in_range",
    ),
    Check(
        name="metric-direction",
        kind="metric",
        promise="The best that can be is better than the worst, in the direction that it states.",
        mend="Set `higher_is_better`, or turn the sign.",
        address=f"{_LOOK}:better_is_where_it_says",
    ),
    Check(
        name="metric-order",
        kind="metric",
        promise="The value of a query does not depend on the order of the queries.",
        mend="Compute each value from its own query.",
        address=f"{_LOOK}:order_does_not_matter",
    ),
    Check(
        name="metric-pure",
        kind="metric",
        promise="It does not change what it is given, and gives the same values again.",
        mend="Work on a copy, and draw nothing at random.",
        address=f"{_LOOK}:sample_stays",
    ),
    Check(
        name="metric-undefined",
        kind="metric",
        promise="A query without a match has no value, and where no query has one there is no "
        "number, but a note.",
        mend="Return NaN for queries without a match, never 0.",
        address=f"{_LOOK}:no_match_is_no_value",
    ),
    Check(
        name="metric-expected",
        kind="metric",
        promise="Where nothing ties, the expectation over ties is the metric itself.",
        mend="Correct `expected`; it may differ from `compute` only where `evidence.equal` is not "
        "zero.",
        address=f"{_LOOK}:expectation_agrees",
    ),
)
