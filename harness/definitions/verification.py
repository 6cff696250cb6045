"""The words of the metrics of pairs; the formulas are in `harness.evaluation.verification`.

Every valid pair of a query and a gallery image is a comparison: *genuine* where the image is a true
match, *impostor* where it is a negative. A pair is accepted where its distance is at most the
threshold. TAR is the share of genuine pairs that are accepted (FRR = 1 - TAR), FAR the share of
impostor pairs that are accepted. Every pair weighs the same, so that a query with many matches
weighs more than one with few.

- TAR at FAR f is the largest TAR at a threshold whose FAR is at most f. With I impostor pairs FAR
  comes in steps of 1 / I, so a level below 1 / I cannot be measured and has no value.
- EER: the operating points (FAR, FRR) of all thresholds, in order from (0, 1), are joined by
  straight lines; EER is where that line crosses FAR = FRR. It crosses once, since FAR only rises
  and FRR only falls.
- The other way round (accept what is far, count what is rejected) gives another number for the same
  name: FastReID's "TPR at FPR" is the share of impostors rejected where 1 in so many genuine pairs
  is.
"""

from __future__ import annotations

from harness.types import MetricInput, MetricSpec

_SOURCE = "ISO/IEC 19795-1 (FMR, FNMR); NIST FRVT 1:1."


def _tar(digits: int) -> MetricSpec:
    """Return TAR at FAR = 10 to the power of -digits."""
    return MetricSpec(
        key=f"tar_at_far_1e-{digits}",
        version=1,
        title=f"TAR at FAR {100 / 10**digits:g} %",
        definition="The largest share of genuine pairs at a threshold of the distance that "
        f"accepts at most 1 in {10**digits} impostor pairs.",
        source=_SOURCE,
        input=MetricInput.BLOCKS,
        compute=f"harness.evaluation.verification:tar_at_far_1e{digits}",
        needs=10**digits,
    )


PAIRS: tuple[MetricSpec, ...] = (
    *(_tar(digits) for digits in (2, 3, 4)),
    MetricSpec(
        key="eer",
        version=1,
        title="EER",
        definition="The error where as large a share of impostor pairs is accepted as of genuine "
        "pairs rejected, on straight lines between the operating points.",
        source=_SOURCE,
        input=MetricInput.BLOCKS,
        compute="harness.evaluation.verification:eer",
        higher_is_better=False,
        needs=1,
    ),
)
