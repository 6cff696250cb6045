"""The catalogue of built-in metrics: a name with a version, and what one value of it means.

This module holds words only and imports neither numpy nor torch. The formulas are in
`harness.definitions.counts`, and `harness.definitions.measure` applies them to evidence. What is
measured on restored images is in `harness.definitions.quality`, on all pairs of a query and a
gallery image in `harness.definitions.verification`, on an open set in
`harness.definitions.open_set`; the choices that a number is made under are in
`harness.definitions.conventions` and `harness.definitions.rules`.

Three rules hold for every stored metric of ranks; the first two can be measured otherwise:

- Ties never help. The rank of the i-th nearest true match is i + (negatives nearer) + (negatives
  at the same distance), so features that are all equal score like the worst ranking and not 100 %.
- A query without a match has no value (NaN); averages are over the queries with a match.
- Rank-k needs k candidates. Where a query with a match has fewer (valid images for `cmc_multi`,
  identities for `cmc_single`, negatives and one match for `cmc_all_shots`), the metric has no
  value for the score, and a note says so.
"""

from __future__ import annotations

from harness.definitions.open_set import OPEN_SET
from harness.definitions.quality import QUALITY
from harness.definitions.verification import PAIRS
from harness.errors import UnknownName
from harness.types import MetricInput, MetricSpec, Unit

CMC_RANKS = (1, 5, 10, 20)

METRICS: tuple[MetricSpec, ...] = (
    MetricSpec(
        key="cmc_single",
        version=1,
        title="CMC, single-shot",
        definition="Probability that the true match is among the k nearest when one image of each "
        "gallery identity is drawn uniformly: the exact expectation over all draws, no sampling. "
        "A distractor image (identity 0) is an identity of its own and is in every draw.",
        source="Li et al., DeepReID, CVPR 2014 (CUHK03), who sample the draws.",
        input=MetricInput.COUNTS,
        compute="harness.definitions.counts:cmc_single",
        ranks=CMC_RANKS,
    ),
    MetricSpec(
        key="cmc_multi",
        version=1,
        title="CMC, multi-shot",
        definition="Whether the nearest true match is among the k nearest images of the full "
        "gallery.",
        source="Zheng et al., Scalable Person Re-identification, ICCV 2015 (Market-1501).",
        input=MetricInput.COUNTS,
        compute="harness.definitions.counts:cmc_multi",
        expected="harness.definitions.ties:cmc_multi",
        ranks=CMC_RANKS,
    ),
    MetricSpec(
        key="map_sum_precision",
        version=1,
        title="mAP, sum of precisions",
        definition="Mean over queries of (1/n) sum of i / rank_i over the n true matches in the "
        "full gallery.",
        source="Torchreid and FastReID; in information retrieval, non-interpolated AP.",
        input=MetricInput.COUNTS,
        compute="harness.definitions.counts:map_sum_precision",
        expected="harness.definitions.ties:map_sum_precision",
    ),
    MetricSpec(
        key="map_trapezoid",
        version=1,
        title="mAP, trapezoid",
        definition="Mean over queries of (1/n) sum of (p_old + p_i) / 2 over the n true matches in "
        "the full gallery, with p_i = i / rank_i and p_old = (i - 1) / (rank_i - 1), or 1 where "
        "rank_i is 1.",
        source="The Matlab evaluation of Market-1501 (Zheng et al., ICCV 2015); DG-Net's code.",
        input=MetricInput.COUNTS,
        compute="harness.definitions.counts:map_trapezoid",
        expected="harness.definitions.ties:map_trapezoid",
    ),
    MetricSpec(
        key="map_single",
        version=1,
        title="mAP, single-shot",
        definition="Expected reciprocal rank of the true match over the draws of `cmc_single`.",
        source="AP with one relevant image; the draws as in `cmc_single`.",
        input=MetricInput.COUNTS,
        compute="harness.definitions.counts:map_single",
    ),
    MetricSpec(
        key="minp",
        version=1,
        title="mINP",
        definition="Mean over queries of n / rank_n: the number of true matches over the rank of "
        "the hardest of them.",
        source="Ye et al., Deep Learning for Person Re-identification: A Survey and Outlook, "
        "TPAMI 2022.",
        input=MetricInput.COUNTS,
        compute="harness.definitions.counts:minp",
        expected="harness.definitions.ties:minp",
    ),
    MetricSpec(
        key="cmc_all_shots",
        version=1,
        title="CMC, all shots",
        definition="Share of a query's true matches in the full gallery that have fewer than k "
        "negatives before them; its other matches are not counted.",
        source="open-reid, `cmc` with neither single_gallery_shot nor first_match_break.",
        input=MetricInput.COUNTS,
        compute="harness.definitions.counts:cmc_all_shots",
        expected="harness.definitions.ties:cmc_all_shots",
        ranks=CMC_RANKS,
    ),
    MetricSpec(
        key="cmc_draws",
        version=1,
        title="CMC, single-shot by draws",
        definition="As `cmc_single`, but the mean over a stated number of seeded draws: for "
        "comparison with tools that draw. Its expectation is `cmc_single`.",
        source="Torchreid draws 10 times, Li et al. (CUHK03) 100 times.",
        input=MetricInput.BLOCKS,
        compute="harness.evaluation.draws:cmc_draws",
        ranks=CMC_RANKS,
    ),
    *OPEN_SET,
    *PAIRS,
    *QUALITY,
)


def find_or_raise(name: str) -> MetricSpec:
    """Return the built-in metric of that full name.

    Args:
        name: The key with the version, "cmc_single@1".

    Raises:
        UnknownName: If there is none; the nearest name is offered.
    """
    known = {metric.name: metric for metric in METRICS}
    if name not in known:
        raise UnknownName("metric", name, known)
    return known[name]


def short_name(name: str, k: int | None, headline: str) -> str:
    """Return the name of a value in JSON and in tables.

    The CMC that the protocol names as its headline is plainly `rank<k>`; every other CMC keeps its
    key, so that two kinds of rank-1 never share a name.

    Args:
        name: The full name of the metric, "cmc_multi@1".
        k: The rank, or None where the metric has none.
        headline: The full name of the protocol's headline metric.

    >>> short_name("cmc_single@1", 5, headline="cmc_single@1")
    'rank5'
    >>> short_name("cmc_multi@1", 5, headline="cmc_single@1")
    'cmc_multi_rank5'
    >>> short_name("map_trapezoid@1", None, headline="cmc_single@1")
    'map_trapezoid'
    """
    key = name.partition("@")[0]
    if k is None:
        return key
    return f"rank{k}" if name == headline else f"{key}_rank{k}"


def in_unit(value: float | None, unit: Unit) -> str:
    """Return a value as tables print it, in per cent where it is a fraction.

    >>> in_unit(0.44, "fraction"), in_unit(24.306, "dB"), in_unit(0.8124, "index")
    ('44.0', '24.31', '0.812')
    """
    if value is None:
        return "-"
    if unit == "fraction":
        return f"{100 * value:.1f}"
    return f"{value:.2f}" if unit == "dB" else f"{value:.3f}"
