"""Agreement with the evaluators of Torchreid, FastReID and layumi, each rule walked naively.

Each walks down the ranking of a query. They differ in what they pass over, in AP, and in what a
query without a match counts:

    Torchreid   passes over images of the query's identity by its camera; AP is the mean of the
                precisions at the matches; queries without a match are dropped. Its `cuhk03` rule
                draws one image of each identity for CMC and keeps AP on the full gallery.
    FastReID    as Torchreid, and INP = matches / rank of the last one.
    layumi      passes over identity -1 too; AP is the trapezoid one; the sums over queries with a
                match are divided by all queries.

All sort by an unstable argsort, so what they say of ties depends on the order in which equal
distances happen to come. Here the order within a tie is a parameter of the walk.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.definitions import find_or_raise
from harness.definitions.measure import measure
from harness.definitions.rules import RULES
from harness.evaluation.inputs import Labels
from harness.evaluation.ranks import evaluate_distances
from harness.evaluation.rows import MatrixRows
from harness.models.weights import load_backbone, resolve_weights
from harness.nn import ResNet50, normalise
from harness.pixels import read_image, resize
from harness.types import Evidence

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=40, deadline=None)

TieBreak = Callable[[bool], float]
"""Where an image stands among those at its distance, by whether it is a match."""


def matches_last(match: bool) -> float:
    return float(match)


def matches_first(match: bool) -> float:
    return -float(match)


@dataclass
class Scene:
    """A distance matrix and its labels."""

    distances: np.ndarray
    query: Labels
    gallery: Labels


# The rules of the others


def hits(scene: Scene, q: int, within_tie: TieBreak, *, knows_junk: bool) -> list[tuple[bool, int]]:
    """Walk down the ranking of a query: whether each image that counts is a match, and whose."""
    seen = []
    for g, distance in enumerate(scene.distances[q]):
        match = scene.gallery.pids[g] == scene.query.pids[q]
        if match and scene.gallery.camids[g] == scene.query.camids[q]:
            continue
        if knows_junk and scene.gallery.pids[g] == -1:
            continue
        seen.append((float(distance), within_tie(match), bool(match), int(scene.gallery.pids[g])))
    seen.sort(key=lambda one: one[:2])
    return [(match, pid) for _, _, match, pid in seen]


def positions(walk: list[tuple[bool, int]]) -> list[int]:
    """Return the ranks of the matches, counted from 1."""
    return [rank for rank, (match, _) in enumerate(walk, start=1) if match]


def torchreid(scene: Scene, within_tie: TieBreak = matches_last) -> dict[str, float]:
    """Walk by the rule `market1501`; FastReID's, with mINP, is the same walk."""
    rank1, ap, inp = [], [], []
    for q in range(len(scene.distances)):
        at = positions(hits(scene, q, within_tie, knows_junk=False))
        if at:
            rank1.append(at[0] == 1)
            ap.append(sum(i / rank for i, rank in enumerate(at, start=1)) / len(at))
            inp.append(len(at) / at[-1])
    return {"rank1": fmean(rank1), "mAP": fmean(ap), "mINP": fmean(inp)}


def layumi(scene: Scene, within_tie: TieBreak = matches_last) -> dict[str, float]:
    """Walk by the rule of layumi's baseline."""
    rank1, total = 0, 0.0
    for q in range(len(scene.distances)):
        at = positions(hits(scene, q, within_tie, knows_junk=True))
        rank1 += bool(at) and at[0] == 1
        for i, rank in enumerate(at):  # i matches lie before
            before = i / (rank - 1) if rank > 1 else 1.0
            total += (before + (i + 1) / rank) / 2 / len(at)
    return {"rank1": rank1 / len(scene.distances), "mAP": total / len(scene.distances)}


def cuhk03_draws(scene: Scene, q: int) -> Iterator[bool]:
    """Yield for every draw of one image of each identity whether the match comes first."""
    walk = hits(scene, q, matches_last, knows_junk=False)
    places: dict[int, list[int]] = {}
    for place, (_, pid) in enumerate(walk):
        places.setdefault(pid, []).append(place)
    for draw in itertools.product(*places.values()):
        yield walk[min(draw)][0]


def cuhk03(scene: Scene) -> float:
    """Walk by Torchreid's rule `cuhk03`: rank-1 over all draws instead of ten random ones."""
    return fmean(
        fmean(cuhk03_draws(scene, q))
        for q in range(len(scene.distances))
        if positions(hits(scene, q, matches_last, knows_junk=False))
    )


# Scenes


def labels(rng: np.random.Generator, images: int, lowest: int, people: int) -> Labels:
    return Labels(rng.integers(lowest, people + 1, images), rng.integers(1, 3, images))


def with_a_match(query: Labels, gallery: Labels) -> tuple[Labels, Labels]:
    """Make the first gallery image a match of the first query."""
    gallery.pids[0], gallery.camids[0] = query.pids[0], query.camids[0] + 1
    return query, gallery


Kind = Literal["random", "clustered", "tied"]


def scene(kind: Kind, seed: int, *, queries: int = 12, images: int = 40, lowest: int = 0) -> Scene:
    """Return a scene with queries without a match, and junk where `lowest` is -1."""
    rng = np.random.default_rng(seed)
    query, gallery = with_a_match(labels(rng, queries, 1, 12), labels(rng, images, lowest, 9))
    people = rng.normal(size=(14, 8)) * (kind != "random")
    u, v = (people[side.pids] + rng.normal(size=(len(side.pids), 8)) for side in (query, gallery))
    cosine = u @ v.T / np.linalg.norm(u, axis=1)[:, None] / np.linalg.norm(v, axis=1)
    distances = (1 - cosine).astype(np.float32)
    return Scene(np.round(4 * distances) / 4 if kind == "tied" else distances, query, gallery)


kinds: st.SearchStrategy[Kind] = st.sampled_from(["random", "clustered", "tied"])


def ours(scene: Scene, rule: str = "market1501") -> Evidence:
    rows = MatrixRows(scene.distances)
    return evaluate_distances(rows, scene.query, scene.gallery, rule=RULES[rule])


def value(evidence: Evidence, name: str, k: int | None = None, **conventions: Any) -> float:
    measured = measure(find_or_raise(name), evidence, k, **conventions).value
    assert measured is not None
    return measured


# Agreement


def assert_torchreid_and_fastreid_agree(scene: Scene) -> None:
    evidence = ours(scene)
    for ties, order in (("pessimistic", matches_last), ("optimistic", matches_first)):
        theirs = torchreid(scene, order)
        assert value(evidence, "cmc_multi@1", 1, ties=ties) == pytest.approx(theirs["rank1"])
        found = value(evidence, "map_sum_precision@1", ties=ties)
        assert found == pytest.approx(theirs["mAP"], abs=1e-9)
        assert value(evidence, "minp@1", ties=ties) == pytest.approx(theirs["mINP"], abs=1e-9)


def assert_layumi_agrees(scene: Scene) -> None:
    evidence = ours(scene)
    for ties, order in (("pessimistic", matches_last), ("optimistic", matches_first)):
        theirs = layumi(scene, order)
        rule: dict[str, Any] = {"ties": ties, "without_match": "all"}
        assert value(evidence, "cmc_multi@1", 1, **rule) == pytest.approx(theirs["rank1"])
        found = value(evidence, "map_trapezoid@1", **rule)
        assert found == pytest.approx(theirs["mAP"], abs=1e-9)


@given(kinds, seeds)
@few
def test_torchreid_and_fastreid(kind, seed):
    """On one matrix rank-1, mAP and mINP are theirs, under the order of ties that is ours."""
    assert_torchreid_and_fastreid_agree(scene(kind, seed))


@given(kinds, seeds)
@few
def test_layumi(kind, seed):
    """On one matrix rank-1 and trapezoid mAP over all queries are layumi's, junk passed over."""
    assert_layumi_agrees(scene(kind, seed, lowest=-1))


@given(kinds, seeds)
@few
def test_torchreid_cuhk03(kind, seed):
    """Single-shot rank-1 is the mean over all draws that Torchreid takes ten of."""
    small = scene(kind, seed, queries=6, images=14, lowest=1)
    evidence = ours(small, "cuhk03")
    assert value(evidence, "cmc_single@1", 1) == pytest.approx(cuhk03(small), abs=1e-9)
    theirs = torchreid(small)  # AP stays on the full gallery
    assert value(evidence, "map_sum_precision@1") == pytest.approx(theirs["mAP"], abs=1e-9)


@given(seeds, seeds)
@few
def test_any_order_of_ties_lies_between_ours(seed, order):
    """However an unstable sort leaves equal distances, the number lies in our range."""
    tied = scene("tied", seed, lowest=-1)
    rng = np.random.default_rng(order)
    theirs = layumi(tied, lambda _: rng.random())
    evidence = ours(tied)
    for name, k, found in (
        ("cmc_multi@1", 1, theirs["rank1"]),
        ("map_trapezoid@1", None, theirs["mAP"]),
    ):
        low, high = (
            value(evidence, name, k, ties=ties, without_match="all")
            for ties in ("pessimistic", "optimistic")
        )
        assert low - 1e-12 <= found <= high + 1e-12


def test_tied_scenes_have_ties():
    """The scenes that are called tied hold matches that tie with negatives."""
    assert sum(int(ours(scene("tied", seed)).equal.sum()) for seed in range(5)) > 20


def test_query_without_a_match_under_three_denominators():
    """With AP 1/2 for one query and no match for the other: 1/2 of one, 1/4 and 1/4 of two."""
    query, gallery = Labels(*np.array([[1, 9], [1, 1]])), Labels(*np.array([[2, 1], [2, 2]]))
    evidence = ours(Scene(np.array([[1.0, 2], [1, 2]], np.float32), query, gallery))
    found = [
        value(evidence, "map_sum_precision@1", without_match=rule)
        for rule in ("matched", "all", "oml")
    ]
    assert found == [0.5, 0.25, 0.25]


# Real features


@pytest.fixture(scope="module")
def viper(real_data, real_weights) -> Scene:
    """Return the distances of 40 real people between two cameras, by real weights."""
    network = ResNet50(last_stride=1).eval()
    file = real_weights / "resnet50-market1501.safetensors"
    load_backbone(network, resolve_weights(str(file), base_width=64, explicit=True))
    pids = np.arange(1, 41)
    features = []
    for camera in ("cam_a", "cam_b"):
        files = sorted((real_data / "VIPeR" / camera).glob("*.bmp"))[: len(pids)]
        images = np.stack([resize(read_image(file), 64, 32) for file in files])
        with torch.inference_mode():
            pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
            features.append(network(normalise(pixels)).f5.mean(dim=(2, 3)))
    u, v = (torch.nn.functional.normalize(one) for one in features)
    sides = [Labels(pids, np.full(len(pids), camera)) for camera in (1, 2)]
    return Scene((1 - u @ v.T).numpy(), *sides)


def test_real_features(viper):
    """On distances of real images the numbers are those of all three."""
    assert 0 < torchreid(viper)["rank1"] < 1
    assert_torchreid_and_fastreid_agree(viper)
    assert_layumi_agrees(viper)
    assert value(ours(viper, "cuhk03"), "cmc_single@1", 1) == pytest.approx(cuhk03(viper))
