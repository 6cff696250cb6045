"""Checks of a method's training step: gradients where they belong, losses that are numbers."""

from __future__ import annotations

import math

from harness.testing.briefly import train_briefly
from harness.testing.check import Broken
from harness.testing.subjects import Subject, need


def trains_what_it_names(subject: Subject) -> str:
    """Train two steps of each stage, and look at losses, gradients and the other networks."""
    bench = subject.bench
    method = bench.build()
    reports = list(train_briefly(bench, method))
    need(reports, "it trains nothing")
    for report in reports:
        stage = f"stage {report.name!r}"
        if not report.losses:
            raise Broken(f"{stage} returns no loss")
        odd = [f"{k} = {v}" for k, v in report.losses.items() if not math.isfinite(v)]
        if odd:
            raise Broken(f"{stage}: {', '.join(odd)}")
        if report.without_gradient:
            names = ", ".join(report.without_gradient)
            raise Broken(f"{stage} names {names} in `trains`, but no loss reaches it")
        if report.touched:
            raise Broken(f"{stage} changes {report.touched[0]}, which it does not train")
    return "; ".join(f"{report.name}: {', '.join(report.trains)}" for report in reports)
