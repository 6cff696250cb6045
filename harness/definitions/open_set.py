"""The words of the metrics of an open set; the formulas are in `harness.definitions.counts`.

A query with a match is a *mated* probe, a query without one an *unknown* probe: nobody valid in the
gallery is its identity. A probe is accepted at a threshold where its nearest valid image is at that
distance or nearer. FPIR is the share of unknown probes that are accepted, FNIR the share of mated
probes whose nearest valid image is no true match or is not accepted.

The threshold is the largest at which FPIR is at most the stated one. With U unknown probes FPIR
comes in steps of 1 / U, so a level below 1 / U cannot be measured and has no value.
"""

from __future__ import annotations

from harness.types import MetricInput, MetricSpec


def _fnir(digits: int) -> MetricSpec:
    """Return FNIR at FPIR = 10 to the power of -digits."""
    return MetricSpec(
        key=f"fnir_at_fpir_1e-{digits}",
        version=1,
        title=f"FNIR at FPIR {100 / 10**digits:g} %",
        definition="Share of queries with a match whose nearest image is not a true match or lies "
        "beyond the largest distance at which the nearest image of at most "
        f"1 in {10**digits} queries without a match lies.",
        source="ISO/IEC 19795-1; NIST FRVT 1:N (NISTIR 8271), FNIR(N, R = 1, T).",
        input=MetricInput.COUNTS,
        compute=f"harness.definitions.counts:fnir_1e{digits}",
        expected=f"harness.definitions.ties:fnir_1e{digits}",
        higher_is_better=False,
        needs=10**digits,
    )


OPEN_SET: tuple[MetricSpec, ...] = tuple(_fnir(digits) for digits in (1, 2, 3))
