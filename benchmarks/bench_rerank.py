"""Time and memory of k-reciprocal re-ranking: `pytest benchmarks/bench_rerank.py --benchmark-only`.

A round is a process of its own, from its start: it makes clustered features, re-ranks them as
`paper` with (20, 6, 0.3), and ranks all queries. `python -m benchmarks.bench_rerank N D` is one
round. `extra_info` holds, of N images with 3,368 queries among them:

- `peak_mb`: the highest that the whole process ever was, features, libraries and all;
- `features_mb`: its features;
- `dense_mb`: one float32 matrix of N x N, of which the released codes hold about six;
- `neighbours_s`, `rows_s`: seconds to find and encode neighbours, and to rank the queries' rows.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
import typer

from harness.evaluation.inputs import Side
from harness.evaluation.ranks import evaluate_distances
from harness.evaluation.rerank.reranked import Reranked
from harness.evaluation.rerank.variants import VARIANTS

QUERIES = 3368
IMAGES_EACH = 15  # of a person
NOISE = 16  # dimensions in which the images of a person differ

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.timeout(0)  # the large ones take minutes


@pytest.mark.parametrize("dimensions", [512, 2048])
@pytest.mark.parametrize("images", [20_000, 100_000])
def test_rerank(benchmark: Any, images: int, dimensions: int) -> None:
    """Re-rank a gallery once, whatever it takes."""
    info = benchmark.pedantic(measure, args=(images, dimensions), rounds=1)
    benchmark.extra_info.update(info)


def made(images: int, dimensions: int) -> tuple[Side, Side]:
    """Return queries and a gallery without importing torch, which is larger than the features.

    Cosines of a person's images are about 0.6, of others 0.2, as in `benchmarks.scenes`.

    Args:
        images: N.
        dimensions: d.
    """
    rng = np.random.default_rng(1501)
    people = rng.standard_normal((-(-images // IMAGES_EACH), dimensions), dtype=np.float32)
    people *= np.sqrt(0.4 / dimensions)
    people += rng.standard_normal(dimensions, dtype=np.float32) * np.sqrt(0.2 / dimensions)
    noise = rng.standard_normal((NOISE, dimensions), dtype=np.float32) / np.sqrt(dimensions)
    pids = rng.integers(0, len(people), images)
    sides: list[Side] = []
    for of_side in np.split(pids, [QUERIES]):
        features = np.empty((len(of_side), dimensions), dtype=np.float32)
        for at in range(0, len(of_side), 4096):
            some = of_side[at : at + 4096]
            weights = rng.standard_normal((len(some), NOISE), dtype=np.float32)
            weights *= np.sqrt(0.4) / np.linalg.norm(weights, axis=1, keepdims=True)
            np.add(people[some], weights @ noise, out=features[at : at + 4096])
        sides.append(Side(features, of_side + 1, np.full(len(of_side), len(sides))))
    query, gallery = sides
    return query, gallery


def measure(images: int, dimensions: int) -> dict[str, Any]:
    """Return what a process of its own measures of itself.

    Args:
        images: N.
        dimensions: d.
    """
    command = [sys.executable, "-m", "benchmarks.bench_rerank", str(images), str(dimensions)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return dict(json.loads(done.stdout))


def main(
    images: Annotated[int, typer.Argument(help="N, queries and gallery.")],
    dimensions: Annotated[int, typer.Argument(help="d.")],
    variant: str = "paper",
) -> None:
    """Re-rank once and print seconds and megabytes as JSON."""
    query, gallery = made(images, dimensions)
    start = time.perf_counter()
    reranked = Reranked(query, gallery, variant=VARIANTS[variant], distance="cosine")
    encoded = time.perf_counter()
    evaluate_distances(reranked, query.labels, gallery.labels, single_shot=False)
    found = {
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
        "features_mb": 4 * images * dimensions / 1e6,
        "dense_mb": 4 * images**2 / 1e6,
        "neighbours_s": encoded - start,
        "rows_s": time.perf_counter() - encoded,
    }
    typer.echo(json.dumps({name: round(value, 1) for name, value in found.items()}))


if __name__ == "__main__":
    typer.run(main)
