"""How values read on a page: per cent and points with one decimal, times, counts.

Each function is a filter of the templates. Fractions come in, per cent goes out. What is absent
reads as an en dash; a negative number has a minus sign, not a hyphen.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from harness.types import Trial

ABSENT = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"


def percent(fraction: float | None) -> str:
    """Return a fraction in per cent.

    >>> percent(0.3175)
    '31.8'
    """
    return ABSENT if fraction is None else _signed(100 * fraction, "")


def points(fraction: float | None) -> str:
    """Return a difference of fractions in percentage points, with its sign.

    >>> points(0.0342), points(-0.0004)
    ('+3.4', '0.0')
    """
    return ABSENT if fraction is None else _signed(100 * fraction, "+")


def count(number: float | None) -> str:
    """Return a count with thousands apart.

    >>> count(6016.0)
    '6,016'
    """
    return ABSENT if number is None else f"{number:,.0f}"


def decimal(number: float | None) -> str:
    """Return a number with three significant digits, as for losses and speeds.

    >>> decimal(71.26), decimal(0.012345)
    ('71.3', '0.0123')
    """
    return ABSENT if number is None else f"{number:.3g}".replace("-", MINUS)


def duration(seconds: float | None) -> str:
    """Return a time span in the unit that fits.

    >>> duration(8.53), duration(85), duration(510), duration(9000)
    ('8.5 s', '85 s', '8.5 min', '2.5 h')
    """
    if seconds is None:
        return ABSENT
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def moment(stored: str | None) -> str:
    """Return a time of the store, UTC in ISO form, to the second.

    >>> moment("2026-01-31T12:00:00.123456+00:00")
    '2026-01-31T12:00:00Z'
    """
    return ABSENT if stored is None else f"{stored[:19]}Z"


def metric_title(key: str) -> str:
    """Return the title of a metric's short name.

    >>> metric_title("rank5"), metric_title("map_unknown")
    ('rank-5', 'mAP, definition not stated')
    """
    if key == "map_unknown":
        return "mAP, definition not stated"
    return f"rank-{key[4:]}" if key.startswith("rank") else key.replace("_", " ")


def plural(number: int, one: str) -> str:
    """Return a number with its noun.

    >>> plural(1, "split"), plural(2, "split")
    ('1 split', '2 splits')
    """
    return f"{number:,} {one}" if number == 1 else f"{number:,} {one}s"


def trials_in_words(trials: Collection[Trial], splits: int) -> str:
    """Return how much of a protocol was run.

    Args:
        trials: Splits with seeds.
        splits: How many splits the protocol has; 0 where that is not known.

    >>> trials_in_words([Trial(0, 1), Trial(1, 1), Trial(0, 2)], 10)
    '3 trials: 2 of 10 splits, 2 seeds'
    """
    run = len({trial.split for trial in trials})
    seeds = len({trial.seed for trial in trials})
    of_splits = f"{run} of {plural(splits, 'split')}" if splits else plural(run, "split")
    if run * seeds == len(trials):
        return f"{of_splits} \N{MULTIPLICATION SIGN} {plural(seeds, 'seed')}"
    return f"{len(trials)} trials: {of_splits}, {plural(seeds, 'seed')}"


def facts(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return a JSON object as names and texts; names of nested objects are joined by a space.

    >>> facts({"python": "3.11", "git": {"dirty": False}, "set": [], "seed": 1})
    [('python', '3.11'), ('git dirty', 'no'), ('set', 'none'), ('seed', '1')]
    """
    listed = []
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            listed += [(f"{name} {inner}", text) for inner, text in facts(value)]
        else:
            listed.append((name, _text(value)))
    return listed


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(_text(item) for item in value) or "none"
    return "none" if value is None or value == {} else str(value)


def _signed(number: float, sign: str) -> str:
    rounded = round(number, 1) + 0.0  # adding zero turns -0.0 into 0.0
    return f"{rounded:{sign if rounded else ''}.1f}".replace("-", MINUS)
