"""What the benchmarks rank: features of known geometry under the labels of Market-1501's size.

Everything is drawn from fixed seeds and made in place, block by block, so that making features
takes hardly more memory than they do.

Clustered features are sums of three orthogonal unit vectors, m common to all, u of the identity
(its own for each distractor) and z of the image:

    f = sqrt(0.2) m + sqrt(0.4) u + sqrt(0.4) z,   z uniform on a sphere in NOISE dimensions,

so that the cosine is 0.2 + 0.4 u.u' + 0.4 z.z'. For two images of an identity u.u' = 1 and the mean
is 0.6; for others it is about 0 and the mean is 0.2. z.z' has mean 0 and variance 1 / NOISE: in 16
dimensions the spread of both is 0.4 / 4 = 0.1. Noise in all 2,048 dimensions would spread them by
0.01 only. The features have lengths between 10 and 30, which cosine must divide out.

Axes: N images, d dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.real import Dataset, real_features
from harness.evaluation.inputs import Side

Float32 = npt.NDArray[np.float32]
Int = npt.NDArray[np.int64]
Kind = Literal["clustered", "random"]

QUERIES = 3368
PEOPLE = 750
CAMERAS = 6
IMAGES = 13_115  # of the 750 people, in the gallery
DISTRACTORS = 2_798  # identity 0
JUNK = 3_819  # identity -1
MARKET = IMAGES + DISTRACTORS  # 15,913, the gallery as most libraries count it
MARKET_500K = MARKET + JUNK + 500_000
DISTRACTOR_SIZES = tuple(MARKET_500K // part for part in (8, 4, 2, 1))

COMMON, IDENTITY, IMAGE = 0.2, 0.4, 0.4  # shares of the squared length
NOISE = 16  # dimensions of z
BLOCK = 4096  # features made at a time


class Scene(NamedTuple):
    """A query and a gallery."""

    query: Side
    gallery: Side

    @property
    def megabytes(self) -> float:
        """Size of the features [MB]."""
        return float(self.query.features.nbytes + self.gallery.features.nbytes) / 1e6


def market(kind: Kind, gallery: int = MARKET, dimensions: int = 2048) -> Scene:
    """Return a scene as large as Market-1501.

    Args:
        kind: Of the features.
        gallery: Images; beyond 15,913 the first 3,819 are junk and the rest distractors.
        dimensions: d.
    """
    rng = np.random.default_rng(1501)
    more = max(gallery - MARKET, 0)
    people = _each_person(IMAGES, rng)
    others = np.repeat([0, -1, 0], [DISTRACTORS, min(more, JUNK), max(more - JUNK, 0)])
    gallery_pids = rng.permutation(np.concatenate([people, others]))
    query_pids = _each_person(QUERIES, rng)
    return labelled(kind, query_pids, gallery_pids, dimensions, rng)


def msmt17(kind: Kind = "clustered") -> Scene:
    """Return a scene as large as MSMT17: 11,659 queries of 3,060 people, 82,161 in the gallery."""
    rng = np.random.default_rng(17)
    query_pids, gallery_pids = rng.integers(1, 3061, 11_659), rng.integers(1, 3061, 82_161)
    return labelled(kind, query_pids, gallery_pids, 2048, rng)


def caviar(kind: Kind = "clustered") -> Scene:
    """Return a scene as large as a split of CAVIAR: 25 people, 10 images by each camera."""
    rng = np.random.default_rng(25)
    pids = np.repeat(np.arange(1, 26), 10)
    scene = labelled(kind, pids, pids, 2048, rng)
    scene.query.camids[:], scene.gallery.camids[:] = 2, 1
    return scene


def real(dataset: Dataset) -> Scene:
    """Return real features: Market training images, every fourth a query; or VIPeR, cam_a a query.

    Raises:
        FileNotFoundError: If the images or the weights are not at hand.
    """
    features, pids, camids = real_features(dataset)
    asked = np.arange(len(pids)) % 4 == 0 if dataset == "market1501" else camids == 1
    query = Side(features[asked], pids[asked], camids[asked])
    return Scene(query, Side(features[~asked], pids[~asked], camids[~asked]))


def labelled(
    kind: Kind, query_pids: Int, gallery_pids: Int, dimensions: int, rng: np.random.Generator
) -> Scene:
    """Return features for these identities, by six cameras.

    Args:
        kind: Of the features.
        query_pids: (Q,), above 0.
        gallery_pids: (G,), junk -1 and distractors 0 among them.
        dimensions: d.
        rng: Drawn from.
    """
    people = int(max(query_pids.max(), gallery_pids.max()))
    geometry = _Geometry(people, dimensions, rng)

    def side(pids: Int) -> Side:
        features = (
            geometry.features(pids, rng)
            if kind == "clustered"
            else rng.standard_normal((len(pids), dimensions), dtype=np.float32)
        )
        return Side(features, pids.astype(np.int64), rng.integers(1, CAMERAS + 1, len(pids)))

    return Scene(side(query_pids), side(gallery_pids))


SCENES: Mapping[str, Callable[[], Scene]] = {
    "market-clustered": partial(market, "clustered"),
    "market-random": partial(market, "random"),
    "market-real": partial(real, "market1501"),
    "caviar": caviar,
    "msmt17": msmt17,
    **{f"distractors-{size}": partial(market, "clustered", size, 512) for size in DISTRACTOR_SIZES},
}


def on_cuda(scene: Scene) -> Scene:
    """Return the scene with its features on the GPU."""
    query, gallery = (
        replace(side, features=torch.as_tensor(side.features).cuda()) for side in scene
    )
    return Scene(query, gallery)


def cosine_moments(scene: Scene) -> dict[str, tuple[float, float]]:
    """Return mean and standard deviation of the cosine of true matches and of other pairs.

    Those of the first 256 queries with the whole gallery, junk and the same camera left out.
    """
    query, gallery = scene.query, scene.gallery
    some = slice(256)
    unit = [
        side.features / np.linalg.norm(side.features, axis=1, keepdims=True)
        for side in (Side(query.features[some], query.pids[some], query.camids[some]), gallery)
    ]
    cosine = (unit[0] @ unit[1].T).astype(np.float64)
    same = query.pids[some, None] == gallery.pids
    match = same & (query.camids[some, None] != gallery.camids)
    other = ~same & (gallery.pids >= 0)
    return {
        "match": (float(cosine[match].mean()), float(cosine[match].std())),
        "other": (float(cosine[other].mean()), float(cosine[other].std())),
    }


def matches_per_query(scene: Scene) -> float:
    """Return the mean number of true matches of a query."""
    query, gallery = scene.query, scene.gallery
    pairs = zip(query.pids, query.camids, strict=True)
    return float(np.mean([((gallery.pids == p) & (gallery.camids != c)).sum() for p, c in pairs]))


def _each_person(images: int, rng: np.random.Generator) -> Int:
    """Return identities of so many images, each of the people at least once."""
    people = np.arange(1, PEOPLE + 1)
    return np.concatenate([people, rng.integers(1, PEOPLE + 1, images - PEOPLE)])


class _Geometry:
    """The directions of clustered features.

    Args:
        people: Identities, 1 to people.
        dimensions: d.
        rng: Drawn from.
    """

    def __init__(self, people: int, dimensions: int, rng: np.random.Generator) -> None:
        basis, _ = np.linalg.qr(rng.standard_normal((dimensions, NOISE + 1)))
        self.basis: Float32 = basis.T.astype(np.float32)  # (NOISE + 1, d): the noise, then m
        self.people = self.directions(people + 1, rng)  # (people + 1, d)

    def directions(self, count: int, rng: np.random.Generator) -> Float32:
        """Return unit vectors orthogonal to m and to the noise, (count, d)."""
        draws = rng.standard_normal((count, self.basis.shape[1]), dtype=np.float32)
        draws -= (draws @ self.basis.T) @ self.basis
        draws /= np.linalg.norm(draws, axis=1, keepdims=True)
        return draws

    def features(self, pids: Int, rng: np.random.Generator) -> Float32:
        """Return features of images of these identities, (N, d); below 1 nobody is alike."""
        out = np.empty((len(pids), self.basis.shape[1]), dtype=np.float32)
        for start in range(0, len(pids), BLOCK):
            block = pids[start : start + BLOCK]
            rows = out[start : start + BLOCK]
            known = block > 0
            rows[known] = self.people[block[known]]
            rows[~known] = self.directions(int(np.count_nonzero(~known)), rng)
            rows *= np.float32(np.sqrt(IDENTITY))
            z = rng.standard_normal((len(block), NOISE + 1), dtype=np.float32)
            z[:, :-1] *= np.sqrt(IMAGE) / np.linalg.norm(z[:, :-1], axis=1, keepdims=True)
            z[:, -1] = np.sqrt(COMMON)
            rows += z @ self.basis
            rows *= rng.uniform(10, 30, (len(block), 1)).astype(np.float32)
        return out
