"""What a gate says: a verdict, one check for each row and metric; frozen, with a JSON Schema.

Numbers here are those of the edge: fractions in per cent and their differences in points, other
units as they are. `Verdict.model_json_schema()` is the schema of `verdict.json`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from harness.errors import Inconclusive, IntegrityError, RegressionFound
from harness.types import Interval
from harness.types.metric import Unit

FORMAT_VERSION = 1

Outcome = Literal["pass", "fail", "inconclusive", "missing", "refused"]
Tier = Literal["integrity", "numeric", "checkpoint", "method", "speed"]

_WORST_FIRST: tuple[Outcome, ...] = ("refused", "fail", "missing", "inconclusive", "pass")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class IntervalJson(_Frozen):
    """A number with its uncertainty, as the JSON of every command has it."""

    value: float | None
    """The point estimate; None where it is not defined."""
    low: float | None
    """Lower end; None where not computed."""
    high: float | None
    """Upper end; None where not computed."""
    unit: str
    """`%` for a fraction, whose differences are in points; else the unit of the metric."""
    level: float
    """Coverage, in (0, 1)."""
    method: str
    """How it was computed."""
    n_identities: int
    """Identities that enter."""
    n_trials: int
    """Trials (split and seed) that enter."""
    n_seeds: int
    """Different seeds among them."""

    @classmethod
    def of(cls, interval: Interval, unit: Unit) -> Self:
        """Return the form at the edge of an interval in the unit of its metric."""
        return cls(**interval.as_json(unit))


class Check(_Frozen):
    """One question that a gate asked: one row by one metric."""

    row: str
    """The row, by the words that tell it from the others; or the name of a feature file, or of
    a benchmark."""
    dataset: str
    """The data set; of a feature file the name of the file, of a benchmark empty."""
    metric: str
    """The short name ("rank1"); `ranks` where all ranks of all queries are held against others,
    `all` where the row is missing or refused as a whole; of speed `time` with its unit, as
    `time [s]`."""
    tier: Tier
    """Which question was asked: are the ranks the same, the numbers within the noise, the model
    not worse, the method not worse, the code not slower?"""
    outcome: Outcome
    """What came out."""
    baseline: float | None = None
    """The number of the baseline."""
    new: float | None = None
    """The number that is held against it."""
    delta: IntervalJson | None = None
    """New - baseline, with its interval where the tier has one; of speed new / baseline, in `x`."""
    margin: float | None = None
    """The largest loss that passes; of the numeric tier the noise floor, of speed the largest
    ratio."""
    p: float | None = None
    """Probability of such a loss or a larger one if the true loss were the margin, adjusted after
    Holm over all checks of a verdict that have one."""
    detectable: float | None = None
    """The smallest true loss that this check would find with a power of 80 %."""
    what: str
    """What was found, in a sentence."""
    next_step: str = ""
    """What to do next, in a sentence; empty where there is nothing to do."""


class Verdict(_Frozen):
    """What a gate says of a store held against a baseline."""

    version: int = FORMAT_VERSION
    """Of this format."""
    baseline: str
    """The name of the baseline."""
    reason: str
    """Why the baseline was accepted."""
    created: str
    """When the verdict was made, UTC in ISO form."""
    outcome: Outcome
    """The worst of the checks."""
    strict: bool = False
    """Whether undecided was asked to be an error."""
    exit_code: int = Field(ge=0)
    """0 nothing found, 1 a loss or a vanished row, 4 ranks that differ or rows that cannot be
    compared, 5 undecided where that was asked to be an error."""
    checks: tuple[Check, ...]
    """In the order of the baseline."""
    new_rows: tuple[str, ...] = ()
    """Rows that the store has and the baseline does not; they fail nothing."""
    baseline_environment: Mapping[str, Any] = Field(default_factory=dict)
    """Where the baseline was accepted."""
    environment: Mapping[str, Any] = Field(default_factory=dict)
    """Where the verdict was made."""
    notes: tuple[str, ...] = ()
    """What else a reader should know, a sentence each."""

    def where(self, *outcomes: Outcome) -> list[Check]:
        """Return the checks of these outcomes, in their order."""
        return [check for check in self.checks if check.outcome in outcomes]

    def raise_if_red(self) -> None:
        """Raise what the exit code stands for; of the checks, the first that gave it is told.

        Raises:
            IntegrityError: If ranks differ, or something cannot be compared.
            RegressionFound: If there is a loss, or a row has vanished.
            Inconclusive: If the evidence does not decide, and that was asked to be an error.
        """
        kinds = {4: IntegrityError, 1: RegressionFound, 5: Inconclusive}
        if self.exit_code in kinds:
            first = next(c for c in self.checks if code_of(c, strict=True) == self.exit_code)
            raise kinds[self.exit_code](
                f"{first.row}, {first.metric}: {first.what}", first.next_step
            )


def worst_outcome(checks: Iterable[Check]) -> Outcome:
    """Return the worst outcome of some checks; `pass` where there is none."""
    return min((check.outcome for check in checks), key=_WORST_FIRST.index, default="pass")


def worst_code(checks: Iterable[Check], *, strict: bool) -> int:
    """Return the exit code of some checks: 4 before 1 before 5 before 0.

    Args:
        checks: All of a verdict.
        strict: Whether an undecided check is an error.
    """
    codes = {code_of(check, strict=strict) for check in checks}
    return next((code for code in (4, 1, 5) if code in codes), 0)


def code_of(check: Check, *, strict: bool) -> int:
    """Return the exit code that a check alone would give."""
    if check.outcome == "refused" or (check.outcome == "fail" and check.tier == "integrity"):
        return IntegrityError.exit_code
    if check.outcome in ("fail", "missing"):
        return RegressionFound.exit_code
    return Inconclusive.exit_code if check.outcome == "inconclusive" and strict else 0
