"""Make the weights that this repository's baseline extracts features with.

    python baselines/weights/make.py FOLDER

A narrow ResNet-50 (4 of 64 channels) of random numbers, under the parameter names of torchvision,
written out here: a change to the names, to the network, to what is done to pixels before it or to
how features are pooled changes ranks, or does not load. The file is committed. The rule draws from
NumPy's frozen generator (`RandomState`) and rounds to half precision, so that it makes the same
numbers anywhere; a test makes them again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

WIDTH = 4
BLOCKS = (3, 4, 6, 3)
SEED = 50

Shape = tuple[int, ...]


def convolutions() -> Iterator[tuple[str, str, Shape]]:
    """Yield name and normalisation of each convolution, and the shape of its weight."""
    yield "conv1", "bn1", (WIDTH, 3, 7, 7)
    inputs = WIDTH
    for stage, blocks in enumerate(BLOCKS):
        planes = WIDTH * 2**stage
        for block in range(blocks):
            name = f"layer{stage + 1}.{block}"
            yield f"{name}.conv1", f"{name}.bn1", (planes, inputs, 1, 1)
            yield f"{name}.conv2", f"{name}.bn2", (planes, planes, 3, 3)
            yield f"{name}.conv3", f"{name}.bn3", (4 * planes, planes, 1, 1)
            if block == 0:
                yield f"{name}.downsample.0", f"{name}.downsample.1", (4 * planes, inputs, 1, 1)
            inputs = 4 * planes


def make(folder: Path) -> None:
    """Write the file.

    Args:
        folder: Where to.
    """
    random = np.random.RandomState(SEED)
    tensors = {}
    for convolution, norm, shape in convolutions():
        scale = np.sqrt(2 / np.prod(shape[1:]))  # keeps the variance through a rectifier
        tensors[f"{convolution}.weight"] = (scale * random.standard_normal(shape)).astype(
            np.float16
        )
        for part, value in (("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1)):
            tensors[f"{norm}.{part}"] = np.full(shape[0], value, np.float16)
    told = {
        "source": "random numbers, by a fixed rule",
        "licence": "Apache-2.0",
        "trained_on": "[]",
    }
    save_file(tensors, folder / "random.safetensors", told)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
