"""The same distance matrix for another library's evaluator and for ours: both numbers.

Cases: random and clustered features by cosine distance; tied distances, multiples of 1/4; a gallery
with one image of each identity, where the draws of the CUHK03 rule leave no choice; and real
features, by the reference distance and by 1 - u.v in float32, which ties often where features are
close. The synthetic ones have queries without a match, distractors and junk.

With ties a library's number depends on the order in which its unstable sort leaves equal values. So
it is compared with the range from our pessimistic to our optimistic number, and once more with each
end, on a matrix of the same order in which every true match is a hair behind or before its ties.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.checkouts import Evaluator, Matrix
from benchmarks.scenes import Scene, labelled, real
from harness.definitions import find_or_raise
from harness.definitions.conventions import Ties, WithoutMatch
from harness.definitions.measure import measure
from harness.evaluation.inputs import Labels, Side
from harness.evaluation.ranks import evaluate_distances
from harness.evaluation.rows import ExactRows, MatrixRows
from harness.types import Evidence

MULTI_SHOT = {
    "rank1": ("cmc_multi@1", 1),
    "rank5": ("cmc_multi@1", 5),
    "mAP": ("map_sum_precision@1", None),
    "mINP": ("minp@1", None),
}
TRAPEZOID = MULTI_SHOT | {"mAP": ("map_trapezoid@1", None)}
SINGLE_SHOT = MULTI_SHOT | {"rank1": ("cmc_single@1", 1), "rank5": ("cmc_single@1", 5)}

Metrics = dict[str, tuple[str, int | None]]


@dataclass(frozen=True, slots=True)
class Peer:
    """An evaluator of another library and its rule.

    Attributes:
        name: Library, implementation and rule.
        evaluate: Its evaluator.
        metrics: Our metric for each of its numbers.
        without_match: What a query without a match counts with it.
        knows_junk: Whether it passes over identity -1.
        draws: Whether its ranks are of random draws, unless the gallery leaves no choice.
    """

    name: str
    evaluate: Evaluator
    metrics: Metrics
    without_match: WithoutMatch = "matched"
    knows_junk: bool = False
    draws: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """A distance matrix with labels.

    Attributes:
        name: For the table.
        distances: (Q, G).
        query: Labels of the rows.
        gallery: Labels of the columns.
    """

    name: str
    distances: Matrix
    query: Labels
    gallery: Labels

    @property
    def one_draw(self) -> bool:
        """Whether the gallery has one image of each identity."""
        return len(np.unique(self.gallery.pids)) == len(self.gallery.pids)


@dataclass(frozen=True, slots=True)
class Row:
    """One number of a library beside ours.

    Attributes:
        case: What was ranked.
        peer: Whose number.
        metric: Its name there.
        theirs: Their number, a fraction.
        low: Ours; with ties the pessimistic one.
        high: Ours; with ties the optimistic one.
        note: What a difference may come from, or nothing.
    """

    case: str
    peer: str
    metric: str
    theirs: float
    low: float
    high: float
    note: str = ""

    @property
    def difference(self) -> float:
        """How far their number is outside ours."""
        return max(self.low - self.theirs, self.theirs - self.high, 0.0)


def agreement(peers: Sequence[Peer], cases: Sequence[Case]) -> Iterator[Row]:
    """Yield every number of every library on every case beside ours."""
    for case in cases:
        for peer in peers:
            yield from _rows(peer, _as_its_loader_would(case, peer))


def cases() -> Iterator[Case]:
    """Yield the synthetic cases, and the real ones whose images are at hand."""
    rng = np.random.default_rng(4)
    query_pids = rng.integers(1, 111, 300)  # of 110 people, 10 are not in the gallery
    gallery_pids = rng.integers(-1, 101, 1500)
    for kind in ("random", "clustered"):
        scene = labelled(kind, query_pids, gallery_pids, 256, rng)
        yield _case(kind, scene)
    case = _case("tied", scene)
    yield replace(case, distances=np.round(4 * case.distances) / np.float32(4))
    _, first = np.unique(gallery_pids, return_index=True)
    one = Side(scene.gallery.features[first], gallery_pids[first], np.zeros_like(first))
    yield _case("one image each", Scene(scene.query, one))
    for dataset in ("market1501", "viper"):
        try:
            scene = _first_people(real(dataset))
        except FileNotFoundError:
            continue
        exact = ExactRows.of(scene.query, scene.gallery, "cosine").rows(slice(None))
        case = _case(f"{dataset}, 1 - u.v", scene)
        yield case
        yield replace(case, name=f"{dataset}, reference", distances=exact)


def as_markdown(rows: Sequence[Row]) -> str:
    """Return the table; numbers as fractions."""
    lines = [
        "| case | library | metric | theirs | ours | difference | |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ours = f"{row.low:.7f}" + (f" to {row.high:.7f}" if row.high != row.low else "")
        numbers = f"{row.theirs:.7f} | {ours} | {row.difference:.1e}"
        lines.append(f"| {row.case} | {row.peer} | {row.metric} | {numbers} | {row.note} |")
    return "\n".join(lines)


def _case(name: str, scene: Scene) -> Case:
    unit = [s.features / np.linalg.norm(s.features, axis=1, keepdims=True) for s in scene]
    return Case(name, 1 - unit[0] @ unit[1].T, scene.query.labels, scene.gallery.labels)


def _first_people(scene: Scene) -> Scene:
    """Keep the first hundred people: the draws of the CUHK03 rule are slow."""
    people = np.unique(scene.query.pids)[:100]
    kept = [np.isin(side.pids, people) for side in scene]
    return Scene(
        *(Side(s.features[k], s.pids[k], s.camids[k]) for s, k in zip(scene, kept, strict=True))
    )


def _as_its_loader_would(case: Case, peer: Peer) -> Case:
    """Leave out what a library has no rule for, as its loaders do.

    That is junk where it knows none. The CUHK03 set has no distractors either, which Torchreid's
    draws would take for one identity; ours are an identity each.
    """
    lowest = -1 if peer.knows_junk else 1 if peer.draws else 0
    kept = case.gallery.pids >= lowest
    gallery = Labels(case.gallery.pids[kept], case.gallery.camids[kept])
    return replace(case, distances=np.ascontiguousarray(case.distances[:, kept]), gallery=gallery)


def _rows(peer: Peer, case: Case) -> Iterator[Row]:
    """Yield their numbers of a case beside ours, three times where a match ties with a negative."""
    rows = MatrixRows(case.distances)
    evidence = evaluate_distances(rows, case.query, case.gallery, single_shot=peer.draws)
    if not evidence.equal.any():
        yield from _beside(peer, case, evidence, ("pessimistic", "pessimistic"))
        return
    order = replace(case, distances=_dense_ranks(case.distances))
    hair = np.where(case.query.pids[:, None] == case.gallery.pids, 0.25, 0).astype(np.float32)
    last = replace(order, name=f"{case.name}, matches last", distances=order.distances + hair)
    first = replace(order, name=f"{case.name}, matches first", distances=order.distances - hair)
    as_it_falls = replace(case, name=f"{case.name}, as ties fall")
    yield from _beside(peer, last, evidence, ("pessimistic", "pessimistic"))
    if not peer.draws:  # single-shot numbers are of the pessimistic order only
        yield from _beside(peer, first, evidence, ("optimistic", "optimistic"))
        yield from _beside(peer, as_it_falls, evidence, ("pessimistic", "optimistic"))


def _beside(peer: Peer, case: Case, evidence: Evidence, ties: tuple[Ties, Ties]) -> Iterator[Row]:
    """Yield their numbers of a case beside ours of some evidence, under two rules of ties."""
    for metric, value in peer.evaluate(case.distances, case.query, case.gallery).items():
        low, high = (_ours(evidence, peer, metric, rule) for rule in ties)
        drawn = peer.draws and metric.startswith("rank") and not case.one_draw
        note = "theirs: 10 random draws; ours: all" if drawn else ""
        yield Row(case.name, peer.name, metric, value, low, high, note)


def _dense_ranks(distances: Matrix) -> Matrix:
    """Return distances of the same order and the same ties, row by row, that are 0, 1, 2, ..."""
    return np.stack([np.unique(row, return_inverse=True)[1] for row in distances]).astype(
        np.float32
    )


def _ours(evidence: Evidence, peer: Peer, metric: str, ties: Ties) -> float:
    name, k = peer.metrics[metric]
    spec = find_or_raise(name)
    value = measure(spec, evidence, k, ties=ties, without_match=peer.without_match).value
    return float("nan") if value is None else value
