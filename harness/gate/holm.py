"""Holm's correction for asking many questions at once.

With 20 rows and 2 metrics at 5 %, two false alarms are to be expected in each check where nothing
changed. Holm (A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of
Statistics 6, 1979) keeps the probability of any at 5 %, whatever the tests have to do with each
other; metrics of one row have much.
"""

from __future__ import annotations

from collections.abc import Sequence


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number, in their order.

    Of K sorted p-values the i-th, from 0, becomes the largest of (K - j) p_j over j <= i, or 1.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted = [1.0] * len(p)
    least = 0.0
    for rank, index in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        least = max(least, min(1.0, (len(p) - rank) * p[index]))
        adjusted[index] = least
    return adjusted
