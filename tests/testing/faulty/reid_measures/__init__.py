"""A plugin of a sound metric and of metrics with one fault each.

It is apart from `reid_faulty`, since every run measures every metric that is installed.
"""

from __future__ import annotations

from harness import MetricInput, MetricSpec, hookimpl


def metric(key, compute=None, **changed):
    """Return the spec of rank-k, but for what is changed."""
    spec = {
        "key": key,
        "version": 1,
        "title": "Rank-k",
        "definition": "Whether the nearest match is among the k nearest.",
        "source": "These tests.",
        "input": MetricInput.COUNTS,
        "compute": f"reid_measures.formulas:{compute or 'rank'}",
        "expected": "reid_measures.formulas:rank",
        "ranks": (1, 5),
    }
    return MetricSpec(**{**spec, **changed})


@hookimpl
def register_metrics(register):
    register(metric("sound-rank"))
    for name in ("per_cent", "too_few", "by_position", "writes", "random", "zero", "raises"):
        register(metric(name, compute=name, expected=None))
    register(metric("Upper"))
    register(metric("no-source", source=""))
    register(metric("odd-ranks", ranks=(5, 1)))
    register(metric("in-decibel", unit="dB"))
    register(metric("no-formula", expected="reid_measures.formulas:WORDS"))
    register(metric("downwards", higher_is_better=False))
    register(metric("constant", compute="constant", expected=None))
    register(metric("odd-expectation", expected="reid_measures.formulas:half"))
