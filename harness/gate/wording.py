"""How a check reads, wherever it is printed: its numbers, its outcome, the count of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from harness.gate.verdict import Check, Outcome, Verdict

IN_WORDS: Mapping[Outcome, str] = {
    "refused": "not comparable",
    "fail": "failed",
    "missing": "missing",
    "inconclusive": "undecided",
    "pass": "passed",
}
"""What came out, the worst first."""

OF_VERDICT: Mapping[Outcome, str] = {
    "refused": "not comparable",
    "fail": "a loss was found",
    "missing": "a row is missing",
    "inconclusive": "undecided",
    "pass": "no loss",
}


def headline(verdict: Verdict) -> str:
    """Return how a verdict came out, in a line."""
    return f"{OF_VERDICT[verdict.outcome]}, held against the baseline {verdict.baseline}"


def counted(checks: Iterable[Check]) -> str:
    """Return how many checks came out how: "1 failed, 7 passed of 8 checks"."""
    found = Counter(check.outcome for check in checks)
    parts = [f"{found[one]} {words}" for one, words in IN_WORDS.items() if found[one]]
    total = found.total()
    return f"{', '.join(parts) or 'nothing'} of {total} {'check' if total == 1 else 'checks'}"


def worst_first(checks: Iterable[Check]) -> list[Check]:
    """Return checks by outcome, the worst first, and of one outcome the largest loss first."""
    order = list(IN_WORDS)
    return sorted(checks, key=lambda check: (order.index(check.outcome), -_loss(check)))


def _loss(check: Check) -> float:
    """Return the loss in the unit of the metric; 0 where there is no number."""
    if check.delta is None or check.delta.value is None:
        return 0.0
    return check.delta.value if check.tier == "speed" else -check.delta.value


def number(value: float | None) -> str:
    """Return a number as tables have it.

    >>> number(44.126), number(0.00123), number(None)
    ('44.13', '0.00123', '-')
    """
    if value is None:
        return "-"
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3g}"


def change(check: Check) -> str:
    """Return the difference from the baseline and its interval, as far as there are any.

    Of speed the ratio: 1.20 is a fifth slower.

    >>> from harness.gate.verdict import IntervalJson
    >>> of = {"level": 0.95, "method": "BCa", "n_identities": 25, "n_trials": 1, "n_seeds": 1}
    >>> delta = IntervalJson(value=-1.204, low=-2.0, high=0.0, unit="%", **of)
    >>> said = {"row": "r", "dataset": "d", "metric": "rank1", "outcome": "fail", "what": "A loss."}
    >>> change(Check(tier="checkpoint", delta=delta, **said))
    '-1.20 [-2.00, 0.00]'
    >>> change(Check(tier="integrity", **said))
    '-'
    """
    delta = check.delta
    if delta is None or delta.value is None:
        return "-"
    written = _ratio if check.tier == "speed" else _signed
    if delta.low is None or delta.high is None:
        return written(delta.value)
    return f"{written(delta.value)} [{written(delta.low)}, {written(delta.high)}]"


def _ratio(value: float) -> str:
    return f"{value:.2f}"


def _signed(value: float) -> str:
    """Return a difference with its sign, and zero without."""
    text = f"{value:+.2f}"
    return text if text.strip("+-0.") else text[1:]
