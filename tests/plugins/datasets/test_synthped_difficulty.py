"""`synthped` is neither trivial nor hopeless: how well features find people that nobody trained."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from harness.definitions.counts import cmc_single
from harness.evaluation.inputs import Side
from harness.evaluation.ranks import evaluate
from harness.nn import ResNet50, normalise
from harness.pixels import read_image, resize
from harness.specs import load_protocol
from harness_datasets.synthped import read

Images = npt.NDArray[np.uint8]  # (256, 96, 48, 3), four of each identity, in the order of PIDS
Features = npt.NDArray[np.floating]  # (256, d)

PIDS = np.repeat(np.arange(1, 65), 4)
CHANCE = 1 / 32
NEAR, FAR, SIDE = 1, 2, 3  # the HR gallery, the LR queries, HR queries from another viewpoint


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Compute on one thread: where others compute too, two of them wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def images(synthped: Path) -> dict[int, Images]:
    """Return the images of each camera."""

    def of(camera: int) -> Images:
        paths = [synthped / r.path for r in read(synthped) if r.camid == camera]
        return np.stack([resize(read_image(path), 96, 48) for path in paths])

    return {camera: of(camera) for camera in (NEAR, FAR, SIDE)}


def rank1(query: Features, gallery: Features) -> float:
    """Return rank-1, single-shot, over the four splits, as a fraction."""
    values = []
    for split in load_protocol("synthped").splits:
        rows = np.isin(PIDS, split.test)
        camera = np.ones(rows.sum(), np.int64)
        evidence = evaluate(
            Side(query[rows], PIDS[rows], 2 * camera),
            Side(gallery[rows], PIDS[rows], camera),
            distance="cosine",
        )
        values.append(cmc_single(evidence, 1).mean())
    return float(np.mean(values))


def untrained(images: Images, seed: int) -> Features:
    """Return the pooled features of a narrow ResNet-50 with random weights."""
    torch.manual_seed(seed)
    network = ResNet50(width=16, last_stride=1).eval().to(memory_format=torch.channels_last)
    pixels = normalise(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255)
    with torch.no_grad():
        pooled = [network(batch).f5.mean(dim=(2, 3)) for batch in torch.split(pixels, 64)]
    return torch.cat(pooled).numpy()


def stripes(images: Images) -> Features:
    """Return the roots of 8 x 8 x 8 RGB histograms of six stripes, so that cosine is Hellinger."""
    histograms = []
    for image in images:
        cells = (image // 32).astype(np.int64) @ np.array([64, 8, 1])  # (96, 48), 0 to 511
        for stripe in np.array_split(cells, 6):
            histograms.append(np.bincount(stripe.ravel(), minlength=512))
    counts = np.array(histograms, dtype=np.float32).reshape(len(images), -1)
    return np.sqrt(counts)


def test_an_untrained_network_is_above_chance_and_below_60_percent(
    images: dict[int, Images],
) -> None:
    """Over three seeds, rank-1 of LR queries is between 3 x chance and 60 %."""
    values = [
        rank1(untrained(images[FAR], seed), untrained(images[NEAR], seed)) for seed in range(3)
    ]
    assert 3 * CHANCE < np.mean(values) < 0.60


def test_a_colour_histogram_stays_below_60_percent(images: dict[int, Images]) -> None:
    """It is no lookup of colours, neither from the far camera nor from the near one."""
    near = stripes(images[NEAR])
    assert rank1(stripes(images[FAR]), near) < 0.60
    assert rank1(stripes(images[SIDE]), near) < 0.60


def test_low_resolution_costs_more_than_10_points(images: dict[int, Images]) -> None:
    """A colour histogram finds LR queries at least 10 points less often than HR queries."""
    near = stripes(images[NEAR])
    assert rank1(stripes(images[FAR]), near) <= rank1(stripes(images[SIDE]), near) - 0.10


def test_identity_survives_the_far_camera(images: dict[int, Images]) -> None:
    """Once each camera's own mean is taken off, more is found: there is something to learn."""
    near, far = stripes(images[NEAR]), stripes(images[FAR])
    centred = rank1(far - far.mean(axis=0), near - near.mean(axis=0))
    assert centred > rank1(far, near) + 0.05
