"""The engine: near-ties, rules of junk, distances at hand, tensors, threads, memory."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import threadpoolctl
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.definitions import find_or_raise
from harness.definitions.measure import measure
from harness.definitions.rules import RULES
from harness.errors import DataError, UsageError
from harness.evaluation.device_product import DeviceProduct
from harness.evaluation.engine import Task, run
from harness.evaluation.inputs import Labels, Side, prepare
from harness.evaluation.matches import find_matches
from harness.evaluation.nearness import MEMORY
from harness.evaluation.ranks import evaluate, evaluate_distances, rank
from harness.evaluation.rows import ExactRows, MatrixRows
from harness.evaluation.threads import one_thread_each
from harness.types.method import Distance
from tests.conftest import REPOSITORY
from tests.evaluation.scenes import random_scene, scaled, side
from tests.evaluation.test_ranks import assert_same, tiles_of

seeds = st.integers(0, 2**32 - 1)
distances = st.sampled_from(["euclidean", "cosine"])
few = settings(max_examples=40, deadline=None)


def near_ties(seed: int, d: int) -> tuple[Side, Side]:
    """Return a scene whose gallery lies on a sphere around each query, to a few last bits.

    The images are one vector with its coordinates permuted or with one of them moved to the next
    float, so that their products with a constant query differ in the last bits or not at all.
    """
    rng = np.random.default_rng(seed)
    vector = rng.normal(size=d).astype(np.float32)
    rows = np.stack([rng.permutation(vector) for _ in range(60)])
    for row in rows[::3]:
        place = rng.integers(d)
        row[place] = np.nextafter(row[place], np.float32(rng.choice([-9, 9])))
    pids = rng.integers(0, 4, 60)
    pids[:3] = 1
    query = side(np.ones((2, d)), [1, 2], [1, 1])
    return query, side(rows, pids.tolist(), [2] * 60)


def by_reference(query: Side, gallery: Side, distance: Distance, rule: str = "market1501"):
    """Return nearer, equal and the top list by every reference distance and a plain sort."""
    matrix = ExactRows.of(query, gallery, distance).rows(slice(0, len(query.pids)))
    nearer, equal, top = [], [], []
    for q, row in enumerate(matrix):
        own = gallery.pids == query.pids[q]
        by_camera = gallery.camids == query.camids[q]
        junk = {
            "same-camera-match": own & by_camera,
            "same-camera": by_camera,
            "none": by_camera & 0,
        }
        valid = (gallery.pids >= 0) & ~junk[RULES[rule].junk].astype(bool)
        for match in np.sort(row[own & valid]):
            nearer.append(int((row[~own & valid] < match).sum()))
            equal.append(int((row[~own & valid] == match).sum()))
        index = np.flatnonzero(valid)
        top.append(index[np.lexsort((index, row[index]))][:10].tolist())
    return nearer, equal, top


# Near-ties


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
@pytest.mark.parametrize("d", [3, 64, 2048])
@pytest.mark.parametrize("seed", range(5))
def test_near_ties_are_decided_by_the_reference(seed, d, distance):
    """Where products differ in the last bits the counts and the list are the reference's."""
    query, gallery = near_ties(seed, d)
    found = rank(query, gallery, distance=distance)
    nearer, equal, top = by_reference(query, gallery, distance)
    assert found.evidence.nearer.tolist() == nearer
    assert found.evidence.equal.tolist() == equal
    listed = [[j for j in row if j >= 0] for row in found.evidence.top_index.tolist()]
    assert listed == top
    assert found.referred > 0


def test_far_comparisons_are_not_referred():
    """What the product decides is not computed again."""
    query = side(np.eye(2), [1, 2], [1, 1])
    found = rank(query, side(np.eye(2), [1, 2], [2, 2]), distance="euclidean")
    assert (found.compared, found.referred) == (2, 0)  # a match and a negative each


@given(seeds, distances, st.integers(-140, 36))
@few
def test_any_size_of_features_agrees_with_the_reference(seed, distance, exponent):
    """Features of any length have the ranks of the reference, also where it rounds to zero."""
    query, gallery = (
        Side(np.asarray(one.features, dtype=np.float64) * 10.0**exponent, one.pids, one.camids)
        for one in random_scene(seed, integers=False)
    )
    evidence = evaluate(query, gallery, distance=distance)
    assert (evidence.nearer.tolist(), evidence.equal.tolist()) == by_reference(
        query, gallery, distance
    )[:2]


@pytest.mark.parametrize("offset", [1e3, 1e6, 1e8])
@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_near_ties_far_from_the_origin_are_decided_by_the_reference(offset, distance):
    """Where a float64 product loses the difference, too, the counts are the reference's."""
    query, gallery = near_ties(2, 64)
    features = np.asarray(gallery.features, dtype=np.float64) + offset
    features[::3, 0] *= 1 + 1e-7
    gallery = Side(features, gallery.pids, gallery.camids)
    found = evaluate(query, gallery, distance=distance)
    nearer, equal, top = by_reference(query, gallery, distance)
    assert (found.nearer.tolist(), found.equal.tolist()) == (nearer, equal)
    assert [[j for j in row if j >= 0] for row in found.top_index.tolist()] == top


def test_more_equal_images_than_places_are_listed_by_index():
    """A gallery of 500 equal images lists the first ten, whatever the tiles."""
    gallery = side([2.0] * 500 + [1.0], [2] * 499 + [1, 3], [2] * 501)
    with tiles_of(50):
        evidence = evaluate(side([0.0], [1], [1]), gallery, distance="euclidean")
    assert evidence.top_index[0].tolist() == [500, *range(9)]
    assert evidence.top_distance[0].tolist() == [1, *[2] * 9]
    assert (evidence.nearer.tolist(), evidence.equal.tolist()) == ([1], [499])


# Rules of junk


@given(seeds, st.sampled_from(sorted(RULES)), distances)
@few
def test_each_rule_agrees_with_a_plain_sort(seed, rule, distance):
    """What is junk under a rule is passed over, and nothing else is."""
    query, gallery = random_scene(seed, integers=True)
    evidence = evaluate(query, gallery, distance=distance, rule=RULES[rule])
    nearer, equal, top = by_reference(query, gallery, distance, rule)
    assert evidence.nearer.tolist() == nearer
    assert evidence.equal.tolist() == equal
    assert [[j for j in row if j >= 0] for row in evidence.top_index.tolist()] == top


@given(seeds, st.sampled_from(sorted(RULES)))
@few
def test_sizes_of_the_search_agree_with_loops(seed, rule):
    """Valid images and identities of each query are those that loops count."""
    query, gallery = random_scene(seed, integers=True)
    search = find_matches(query.labels, gallery.labels, RULES[rule].junk)
    for q, (pid, camid) in enumerate(zip(query.pids, query.camids, strict=True)):
        valid = []
        for g, (other, by) in enumerate(zip(gallery.pids, gallery.camids, strict=True)):
            junk = {
                "same-camera-match": other == pid and by == camid,
                "same-camera": by == camid,
                "none": False,
            }[RULES[rule].junk]
            if other >= 0 and not junk:
                valid.append(int(other) or f"distractor {g}")
        assert search.valid[q] == len(valid)
        assert search.identities[q] == len(set(valid))
        assert search.offsets[q + 1] - search.offsets[q] == valid.count(int(pid))


def test_cross_camera_by_hand():
    """Under cross-camera a nearer stranger by the query's camera does not count."""
    gallery = side([1, 2, 3], [2, 3, 1], [1, 2, 2])
    query = side([0.0], [1], [1])
    assert evaluate(query, gallery, distance="euclidean").nearer.tolist() == [2]
    cross = evaluate(query, gallery, distance="euclidean", rule=RULES["cross-camera"])
    assert (cross.nearer.tolist(), cross.valid.tolist()) == ([1], [2])
    # Single-shot: identities 1 and 3 are left, 3 is nearer.
    assert cross.single_cmc[0, :2].tolist() == [0, 1]


def test_no_camera_by_hand():
    """Under no-camera the image by the query's camera is a match like another."""
    gallery = side([1, 2, 3], [1, 2, 1], [1, 2, 2])
    evidence = evaluate(
        side([0.0], [1], [1]), gallery, distance="euclidean", rule=RULES["no-camera"]
    )
    assert evidence.nearer.tolist() == [0, 1]


# Distances at hand


@given(seeds, distances, st.booleans(), st.sampled_from(sorted(RULES)))
@few
def test_a_distance_matrix_ranks_as_its_features(seed, distance, integers, rule):
    """The matrix of reference distances gives the evidence of the features, to the last bit."""
    query, gallery = random_scene(seed, integers=integers)
    rows = ExactRows.of(query, gallery, distance)
    matrix = MatrixRows(rows.rows(slice(0, 5)))
    found = evaluate_distances(matrix, query.labels, gallery.labels, rule=RULES[rule])
    assert_same(found, evaluate(query, gallery, distance=distance, rule=RULES[rule]))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_distance_matrix_is_not_written_to(dtype):
    """The matrix of the caller is as it was, whatever its type."""
    matrix = np.array([[3, 1, 2]], dtype=dtype)
    labels = Labels(np.array([1, 2, 3]), np.array([2, 2, 2]))
    evidence = evaluate_distances(
        MatrixRows(matrix), Labels(np.array([1]), np.array([1])), labels, max_memory=2**20
    )
    assert matrix.tolist() == [[3, 1, 2]]
    assert evidence.nearer.tolist() == [2]


def test_float64_distances_are_not_rounded():
    """Two distances that are one in float32 are no tie in float64."""
    labels = Labels(np.array([1, 2]), np.array([2, 2]))
    one = Labels(np.array([1]), np.array([1]))
    matrix = MatrixRows(np.array([[1 + 1e-12, 1.0]]))
    evidence = evaluate_distances(matrix, one, labels)
    assert (evidence.nearer.tolist(), evidence.equal.tolist()) == ([1], [0])


@pytest.mark.parametrize("dtype", [np.int64, np.dtype(">f8")])
def test_a_matrix_of_another_type_keeps_its_digits(dtype):
    """Whole numbers and foreign byte orders are ranked as they are, not rounded into ties."""
    matrix = np.array([[2**24 + 1, 2**24]], dtype=dtype)
    labels = Labels(np.array([1, 2]), np.array([2, 2]))
    one = Labels(np.array([1]), np.array([1]))
    evidence = evaluate_distances(MatrixRows(matrix), one, labels)
    assert (evidence.nearer.tolist(), evidence.equal.tolist()) == ([1], [0])


def test_float64_distances_keep_their_digits_in_the_list():
    """FNIR tells accepted from refused by the distances given, also where float32 does not."""
    queries = Labels(np.arange(1, 21), np.ones(20, dtype=np.int64))
    gallery = Labels(np.arange(1, 11), np.full(10, 2))
    matrix = np.full((20, 10), 2.0)
    matrix[np.arange(10), np.arange(10)] = 1.0
    matrix[10:, 0] = 1 + 1e-9 * np.arange(1, 11)  # nobody's, all farther than any match
    evidence = evaluate_distances(MatrixRows(matrix), queries, gallery)
    fnir = measure(find_or_raise("fnir_at_fpir_1e-1@1"), evidence)
    assert fnir.value == 0


def test_infinite_distances_are_the_farthest():
    """Plus infinity is a distance like another; equal ones are listed by index."""
    labels = Labels(np.arange(1, 301), np.full(300, 2))
    one = Labels(np.array([300]), np.array([1]))
    matrix = np.full((1, 300), np.inf)
    matrix[0, 299] = 1
    evidence = evaluate_distances(MatrixRows(matrix), one, labels)
    assert evidence.nearer.tolist() == [0]
    assert evidence.top_index[0].tolist() == [299, *range(9)]


@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_a_matrix_with_what_is_no_distance_is_refused(bad):
    """NaN and minus infinity in a matrix are an error and never a number."""
    labels = Labels(np.array([1, 2]), np.array([2, 2]))
    one = Labels(np.array([1]), np.array([1]))
    with pytest.raises(DataError, match="1 distances of queries 0 to 0 are NaN or minus infinity"):
        evaluate_distances(MatrixRows(np.array([[1.0, bad]])), one, labels)


@pytest.mark.parametrize("shape", [(1, 3), (2, 2), (0, 2), (1, 0)])
def test_a_matrix_of_another_shape_is_refused(shape):
    """A matrix needs a row for each query and a column for each gallery image."""
    labels = Labels(np.array([1, 2]), np.array([2, 2]))
    one = Labels(np.array([1]), np.array([1]))
    with pytest.raises(DataError, match="The distance matrix has shape"):
        evaluate_distances(MatrixRows(np.zeros(shape)), one, labels)


# Types, threads, memory


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_tensors_rank_as_arrays(dtype):
    """A tensor of any floating type has the ranks of its values."""
    query, gallery = random_scene(3, integers=False, gallery=40)
    tensors, arrays = [], []
    for one in (query, gallery):
        values = torch.from_numpy(np.asarray(one.features)).to(dtype)
        tensors.append(Side(values, one.pids, one.camids))
        arrays.append(Side(values.double().numpy(), one.pids, one.camids))
    assert_same(evaluate(*tensors, distance="cosine"), evaluate(*arrays, distance="cosine"))


def test_half_precision_arrays_are_widened():
    """float16 arrays have the ranks of the same values in float32."""
    query, gallery = random_scene(4, integers=False)
    values = [np.asarray(one.features, dtype=np.float16) for one in (query, gallery)]
    half, wide = (
        [
            Side(features.astype(dtype), one.pids, one.camids)
            for features, one in zip(values, (query, gallery), strict=True)
        ]
        for dtype in (np.float16, np.float32)
    )
    assert_same(evaluate(*half, distance="euclidean"), evaluate(*wide, distance="euclidean"))


def test_threads_change_nothing(monkeypatch):
    """The evidence is the same to the last bit on one thread and on three."""
    query, gallery = random_scene(5, integers=True, gallery=200)
    monkeypatch.setattr("harness.evaluation.threads.count_threads", lambda: 1)
    one = evaluate(query, gallery, distance="euclidean")
    monkeypatch.setattr("harness.evaluation.threads.count_threads", lambda: 3)
    assert_same(evaluate(query, gallery, distance="euclidean"), one)


def test_features_of_many_dimensions_keep_to_the_memory():
    """What is allocated beside the features is what is allowed, and at most a quarter more."""
    rng = np.random.default_rng(8)
    query, gallery = (
        side(rng.normal(size=(n, 20_000)), [1 + i % 9 for i in range(n)], [camera] * n)
        for n, camera in ((40, 1), (300, 2))
    )
    evaluate(query, gallery, distance="euclidean")  # compiled
    tracemalloc.start()
    evaluate(query, gallery, distance="euclidean", max_memory=8 * 2**20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * 2**20


def test_ranking_leaves_the_threads_of_training_alone():
    """Torch trains with as many threads after an evaluation as before, so to the same bits."""
    script = (
        "import numpy as np, torch; from tests.evaluation.scenes import random_scene; "
        "from harness.evaluation.ranks import evaluate; before = torch.get_num_threads(); "
        "evaluate(*random_scene(0, integers=True), distance='euclidean'); "
        "assert (before, torch.get_num_threads()) == (1, 1), torch.get_num_threads()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_overlapping_evaluations_give_the_threads_back():
    """Linear algebra has as many threads after two evaluations that overlap as before."""

    def threads() -> list[int]:
        return [library["num_threads"] for library in threadpoolctl.threadpool_info()]

    before = threads()
    first, second = one_thread_each(), one_thread_each()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert 1 in threads()
    second.__exit__(None, None, None)
    assert threads() == before


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_ranks_too(monkeypatch):
    """A worker that was forked after an evaluation evaluates as its parent does."""
    monkeypatch.setattr("harness.evaluation.threads.count_threads", lambda: 2)
    query, gallery = random_scene(9, integers=True)
    expected = evaluate(query, gallery, distance="euclidean").nearer.tolist()
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    worker = context.Process(
        target=lambda: sender.send(evaluate(query, gallery, distance="euclidean").nearer.tolist())
    )
    worker.start()
    try:
        assert receiver.poll(60), "the worker hangs"
        assert receiver.recv() == expected
    finally:
        worker.kill()
        worker.join()


def test_memory_too_small_for_one_query_is_refused():
    """A budget below the need of one query is told with the need."""
    query, gallery = random_scene(6, integers=False)
    with pytest.raises(
        UsageError, match=r"One query needs 0\.\d+ MB .* 0\.001 MB are allowed"
    ) as told:
        evaluate(query, gallery, distance="euclidean", max_memory=1000)
    assert told.value.next_step == "Allow 1 MB, which is enough."


def test_single_shot_is_left_out_where_it_is_not_asked_for():
    """Without single-shot the ranks are the same and its expectations are NaN."""
    query, gallery = random_scene(7, integers=True)
    without = evaluate(query, gallery, distance="euclidean", single_shot=False)
    whole = evaluate(query, gallery, distance="euclidean")
    assert_same(without, whole, but=("single_cmc", "single_reciprocal"))
    assert np.isnan(without.single_cmc).all()
    assert np.isnan(without.single_reciprocal).all()


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
@pytest.mark.parametrize("scale", [1.0, 1e-20])
def test_a_product_of_tensors_ranks_as_one_of_arrays(distance, scale):
    """The product of a device gives the same evidence, also where training may round products."""
    query, gallery = near_ties(0, 64)
    query, gallery = (scaled(one, scale) for one in (query, gallery))
    sides = prepare(query, "query", distance), prepare(gallery, "gallery", distance)
    task = Task(query.labels, gallery.labels, RULES["market1501"], MEMORY, single_shot=True)
    exact = ExactRows(*sides, distance)
    chosen = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        product = DeviceProduct(
            *sides, distance, MEMORY, torch.from_numpy(np.asarray(gallery.features))
        )
        found = run(product, exact, task).evidence
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(chosen)
    assert_same(found, evaluate(query, gallery, distance=distance))


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_a_product_of_half_precision_tensors_is_of_what_they_hold(kind):
    """Half precision on a device is widened, never multiplied as it is."""
    given = random_scene(10, integers=False)
    halves = [torch.from_numpy(np.asarray(one.features)).to(kind) for one in given]
    query, gallery = (
        Side(half.double().numpy(), one.pids, one.camids)
        for half, one in zip(halves, given, strict=True)
    )
    sides = (
        prepare(Side(halves[0], query.pids, query.camids), "query", "cosine"),
        prepare(Side(halves[1], gallery.pids, gallery.camids), "gallery", "cosine"),
    )
    task = Task(query.labels, gallery.labels, RULES["market1501"], MEMORY, single_shot=True)
    product = DeviceProduct(*sides, "cosine", MEMORY, halves[1])
    found = run(product, ExactRows(*sides, "cosine"), task).evidence
    assert_same(found, evaluate(query, gallery, distance="cosine"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_features_on_a_gpu_rank_as_on_the_processor():
    """Features on a GPU have the ranks that they have on the processor."""
    query, gallery = near_ties(1, 512)
    there = [
        Side(torch.from_numpy(one.features).cuda(), one.pids, one.camids)
        for one in (query, gallery)
    ]
    assert_same(evaluate(*there, distance="cosine"), evaluate(query, gallery, distance="cosine"))
