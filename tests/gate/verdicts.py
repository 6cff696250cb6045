"""Verdicts made by hand, for tests of what is made of them."""

from __future__ import annotations

from typing import Any

from harness.gate.verdict import Check, IntervalJson, Verdict, worst_code, worst_outcome


def points(value: float, low: float | None, high: float | None) -> IntervalJson:
    return IntervalJson(
        value=value,
        low=low,
        high=high,
        unit="%",
        level=0.95,
        method="BCa over identities",
        n_identities=25,
        n_trials=5,
        n_seeds=1,
    )


def check(outcome: Any = "pass", **named: Any) -> Check:
    values: dict[str, Any] = {
        "row": "baseline-hr/caviar",
        "dataset": "caviar",
        "metric": "rank1",
        "tier": "checkpoint",
        "outcome": outcome,
        "baseline": 44.1,
        "new": 42.9,
        "delta": points(-1.2, -2.0, -0.6),
        "margin": 0.5,
        "what": "It is worse by more than 0.5 points.",
        "next_step": "Look at the change, or accept the new numbers with a reason.",
    }
    return Check(**{**values, **named})


def verdict(*checks: Check, strict: bool = False, **named: Any) -> Verdict:
    values: dict[str, Any] = {
        "baseline": "main",
        "reason": "First numbers.",
        "created": "2026-01-31T12:00:00Z",
        "outcome": worst_outcome(checks),
        "strict": strict,
        "exit_code": worst_code(checks, strict=strict),
        "checks": checks,
    }
    return Verdict(**{**values, **named})


PASSED = check("pass", row="intact/caviar", what="It is not worse.", next_step="")
FAILED = check("fail")
MISSING = check(
    "missing", row="osnet/viper", metric="all", baseline=None, new=None, delta=None, margin=None
)
REFUSED = check("refused", row="rain/viper", metric="all", delta=None)
UNDECIDED = check("inconclusive", metric="map_sum_precision", delta=points(-0.4, -0.9, 0.1))
EVERY = (PASSED, FAILED, MISSING, REFUSED, UNDECIDED)
