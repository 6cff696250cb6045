"""Time and memory of ranking: `pytest benchmarks --benchmark-only`.

Each round of ours follows a round of the plain float32 product of the same size, and of
Torchreid's distance and Cython evaluation where HARNESS_TORCHREID names a checkout, so that a ratio
is of neighbours in one run. `extra_info` holds, as medians over the rounds:

- `ratio_to_product`: our seconds over those of the product;
- `speedup_over_torchreid`: Torchreid's seconds over ours;
- `reference_seconds`: of the product, round by round; `harness check --benchmark` divides by them;
- `peak_mb`: growth of a fresh process beyond the features;
- `reference_share`: comparisons of a negative with a true match that the error bound left in doubt.

Nothing here fails for being slow.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.checkouts import torchreid_evaluation
from benchmarks.peak import peak_mb, peak_mb_on_device
from benchmarks.ranking import Rivals, product, score
from benchmarks.scenes import (
    DISTRACTOR_SIZES,
    MARKET,
    SCENES,
    Scene,
    cosine_moments,
    matches_per_query,
    on_cuda,
)
from harness.gate.timings import REFERENCE

ROUNDS = 5

pytestmark = pytest.mark.timeout(0)  # some of these take minutes


def made(name: str) -> Scene:
    """Return the scene of that name, or skip."""
    try:
        return SCENES[name]()
    except FileNotFoundError as error:
        pytest.skip(str(error))


def record(benchmark: Any, name: str, scene: Scene, *, single_shot: bool = False) -> None:
    """Time a scene beside its rivals, measure its peak, and keep both.

    Args:
        benchmark: The fixture of pytest-benchmark, whose methods have no types.
        name: Of the scene.
        scene: Its features.
        single_shot: Whether the exact single-shot numbers are computed too.
    """
    query, gallery = (torch.as_tensor(side.features) for side in scene)
    rivals = Rivals({"product": lambda: product(query, gallery)})
    checkout = os.environ.get("HARNESS_TORCHREID")
    if checkout and not query.is_cuda and len(gallery) <= MARKET:
        rivals.runs["torchreid"] = torchreid_evaluation(Path(checkout), *scene)
    ranked = benchmark.pedantic(
        score,
        args=(scene,),
        kwargs={"single_shot": single_shot},
        setup=rivals,
        rounds=ROUNDS,
        warmup_rounds=1,
    )
    ours = list(benchmark.stats.stats.data)
    info = benchmark.extra_info
    info["ratio_to_product"] = round(rivals.ratio("product", ours), 3)
    info[REFERENCE] = rivals.times["product"][-len(ours) :]
    if "torchreid" in rivals.runs:
        info["speedup_over_torchreid"] = round(1 / rivals.ratio("torchreid", ours), 2)
    info["reference_share"] = ranked.referred / ranked.compared
    info["features_mb"] = round(scene.megabytes)
    info["peak_mb"] = (
        peak_mb_on_device(scene) if query.is_cuda else peak_mb(name, single_shot=single_shot)
    )


def test_rank_market_clustered(benchmark: BenchmarkFixture) -> None:
    """Market-1501's size, 2,048 dimensions, features as of a good network."""
    scene = made("market-clustered")
    moments = cosine_moments(scene)
    assert moments["match"] == pytest.approx((0.6, 0.1), abs=0.01)
    assert moments["other"] == pytest.approx((0.2, 0.1), abs=0.01)
    assert matches_per_query(scene) == pytest.approx(15, abs=1)
    record(benchmark, "market-clustered", scene)


def test_rank_random(benchmark: BenchmarkFixture) -> None:
    """The same with features that know nothing."""
    record(benchmark, "market-random", made("market-random"))


def test_rank_real(benchmark: BenchmarkFixture) -> None:
    """Features of 2,000 real images by real weights."""
    record(benchmark, "market-real", made("market-real"))


@pytest.mark.parametrize("name", ["caviar", "market-clustered"], ids=["small", "full"])
def test_rank_single_shot(benchmark: BenchmarkFixture, name: str) -> None:
    """What `harness run` computes: the exact single-shot numbers too."""
    record(benchmark, name, made(name), single_shot=True)


@pytest.mark.parametrize("size", DISTRACTOR_SIZES)
def test_rank_distractors_500k(benchmark: BenchmarkFixture, size: int) -> None:
    """Market-1501 with distractors at 512 dimensions: four sizes, each twice the one before."""
    record(benchmark, f"distractors-{size}", made(f"distractors-{size}"))


def test_rank_msmt17_cuda(benchmark: BenchmarkFixture) -> None:
    """MSMT17's size on a GPU, the features there from the start."""
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    record(benchmark, "msmt17", on_cuda(made("msmt17")))
