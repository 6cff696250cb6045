"""Real features: pooled ResNet-50 of real images, extracted once and kept in a temporary folder.

Images and weights are looked for as the tests look for them: in HARNESS_TEST_DATA and
HARNESS_TEST_WEIGHTS, else in `data` and `weights` of a folder `shared` beside the checkout.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from harness.models.weights import load_backbone, resolve_weights
from harness.nn import ResNet50, normalise
from harness.pixels import read_image, resize

Dataset = Literal["market1501", "viper"]

ROOT = Path(__file__).resolve().parents[1]
WEIGHTS = "resnet50-market1501.safetensors"
SIZE = (128, 64)  # height, width [pixels]
IMAGES = 2000  # at most, so that extraction takes a minute or two
BATCH = 50


class Labelled(NamedTuple):
    """Features (N, d) with their identities and cameras, each (N,)."""

    features: npt.NDArray[np.float32]
    pids: npt.NDArray[np.int64]
    camids: npt.NDArray[np.int64]


def real_features(dataset: Dataset) -> Labelled:
    """Return features of up to 2,000 images, of whole identities.

    Raises:
        FileNotFoundError: If the images or the weights are not at hand.
    """
    data, weights = _folder("DATA"), _folder("WEIGHTS") / WEIGHTS
    if not weights.is_file():
        raise FileNotFoundError(f"there are no weights {weights}")
    images = list(_images(dataset, data))[:IMAGES]
    if not images:
        raise FileNotFoundError(f"there are no images of {dataset} in {data}")
    key = hashlib.sha256(repr((weights.stat().st_size, SIZE, images)).encode()).hexdigest()[:16]
    cache = Path(tempfile.gettempdir()) / f"harness-bench-{dataset}-{key}.npz"
    if not cache.is_file():
        features = _extract([path for path, _, _ in images], weights)
        part = cache.with_suffix(f".{os.getpid()}.npz")
        np.savez(part, features=features)
        part.replace(cache)
    with np.load(cache) as kept:
        features = kept["features"]
    return Labelled(
        features,
        np.array([pid for _, pid, _ in images], dtype=np.int64),
        np.array([camid for _, _, camid in images], dtype=np.int64),
    )


def _folder(what: Literal["DATA", "WEIGHTS"]) -> Path:
    named = os.environ.get(f"HARNESS_TEST_{what}")
    folder = Path(named) if named else ROOT.parent / "shared" / what.lower()
    if not folder.is_dir():
        raise FileNotFoundError(f"HARNESS_TEST_{what} is not set and there is no {folder}")
    return folder


def _images(dataset: Dataset, data: Path) -> Iterator[tuple[Path, int, int]]:
    """Yield file, identity and camera, identity by identity."""
    if dataset == "viper":
        pairs = [(p, int(p.name[:3]) + 1) for p in data.glob("VIPeR/cam_?/*.bmp")]
        for path, pid in sorted(pairs, key=lambda pair: (pair[1], pair[0].parent.name)):
            yield path, pid, 1 if path.parent.name == "cam_a" else 2
        return
    for path in sorted(data.glob("Market-1501-train/bounding_box_train/*.jpg"), reverse=True):
        # From the highest identity down: the weights have not seen the last hundred.
        found = re.match(r"(\d{4})_c(\d)", path.name)
        if found:
            yield path, int(found[1]), int(found[2])


def _extract(paths: list[Path], weights: Path) -> npt.NDArray[np.float32]:
    network = ResNet50(last_stride=1).eval()
    load_backbone(network, resolve_weights(str(weights), base_width=64, explicit=True))
    parts = []
    with torch.inference_mode():
        for start in range(0, len(paths), BATCH):
            images = [resize(read_image(path), *SIZE) for path in paths[start : start + BATCH]]
            pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
            f5 = network(normalise(pixels)).f5
            parts.append(functional.adaptive_avg_pool2d(f5, 1).flatten(1))
    return np.ascontiguousarray(torch.cat(parts).numpy())
