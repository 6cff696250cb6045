"""`harness baseline accept|list`: what is written, what moves, and what is refused."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.gate.baseline import read_baseline, write_baseline
from harness.store import WeightsUsed
from harness.store.evidence import decode, encode
from harness.types import Variant
from tests.gate.stall import ELSEWHERE, HERE, VARIANT, open_store, put_row

RANKS = [q % 4 for q in range(20)]
ROW = "baseline-hr/market1501/quick"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, as a checkout would be."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def row() -> str:
    """One row in the store; its run."""
    with open_store() as store:
        return put_row(store, {(0, 0): RANKS})


def put(**named: Any) -> str:
    with open_store() as store:
        return put_row(store, {(0, 0): RANKS}, **named)


def write_features(path: Path, shift: float = 1.0, people: int = 30) -> Path:
    """Write features of people who are found more or less well."""
    rng = np.random.default_rng(0)
    ids, gallery = np.arange(1, people + 1), rng.normal(size=(people, 8))
    np.savez(
        path,
        query_features=gallery + shift * rng.normal(size=gallery.shape),
        query_ids=ids,
        query_cams=0 * ids,
        gallery_features=gallery,
        gallery_ids=ids,
        gallery_cams=0 * ids + 1,
    )
    return path


def accept(harness, *words: str, reason: str = "first"):
    return harness("baseline", "accept", "main", "--reason", reason, "--json", *words)


def test_the_file_is_to_be_reviewed(harness, row, folder):
    """The first lines say why, what, and the numbers in per cent; no training loss is in it."""
    found = accept(harness)
    header, entry, *_ = map(json.loads, Path("baselines/main.jsonl").read_text().splitlines())

    assert found.code == 0
    assert (header["name"], header["reason"]) == ("main", "first")
    assert (entry["name"], entry["metrics"]["rank1"]["value"]) == (ROW, 25.0)
    assert '"losses"' not in Path("baselines/main.jsonl").read_text()


def test_what_was_written_is_read(harness, row):
    """A baseline is read as it was accepted, with its hash."""
    found = accept(harness)
    baseline = read_baseline(Path("baselines/main.jsonl"))

    assert baseline.sha256 == found.json["sha256"]
    assert [entry.name for entry in baseline.rows] == [ROW]
    assert json.loads(baseline.bundle[0])["format"] == "reid-harness-bundle"


def test_it_moves_with_a_history(harness, row):
    """A moved baseline keeps what it was: reason, numbers and hash, the oldest first."""
    first = accept(harness, reason="first").json
    put(model="other", method_version=2)
    accept(harness, reason="second")
    accept(harness, reason="third")

    history = read_baseline(Path("baselines/main.jsonl")).history
    assert [earlier.reason for earlier in history] == ["first", "second"]
    assert history[0].sha256 == first["sha256"]
    assert history[0].numbers == {ROW: {"rank1": 25.0, "map_sum_precision": 52.0833}}


def test_no_reason_no_baseline(harness, row):
    """A reason of blanks is none: nothing is written."""
    found = accept(harness, reason=" ")

    assert found.code == 2
    assert "moves for a reason" in found.err
    assert not Path("baselines").exists()


def test_an_empty_store_has_nothing(harness):
    """Without a row there is nothing to accept."""
    found = accept(harness)

    assert found.code == 2
    assert "nothing to accept" in found.err


def test_by_row_and_run(harness, row):
    """A row by its name or a run by its id is accepted alone."""
    other = put(method="intact")

    by_row = accept(harness, "--row", "baseline-hr/market1501").json["rows"]
    by_run = accept(harness, "--run", other[:8]).json["rows"]

    assert [entry["name"] for entry in by_row] == [ROW]
    assert [entry["name"] for entry in by_run] == ["intact/market1501/quick"]


def test_keep_leaves_the_others(harness, row):
    """With --keep what is not named stays as it was, evidence and all."""
    put(method="intact")
    accept(harness)
    put(model="other", method_version=2)
    found = accept(harness, "--row", "baseline-hr/market1501/v2", "--keep", reason="one moved")

    assert [entry["method"] for entry in found.json["rows"]] == ["baseline-hr", "intact"]
    assert [entry["method_version"] for entry in found.json["rows"]] == [2, 1]
    assert harness("check").code == 0


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({"config_hash": "c2", "narrowed": "128 x 64; lr=0.1"}, ("c1", "c2")),
        ({"weights": WeightsUsed("none", None, "none")}, ("imagenet", "none")),
        ({"variant": Variant("g", "euclidean")}, ("f", "g")),
        ({"variant": Variant("f", "cosine")}, ("euclidean", "cosine")),
        ({"variant": replace(VARIANT, rerank="paper")}, ("rerank-none", "rerank-paper")),
    ],
    ids=["recipe", "weights", "feature", "distance", "rerank"],
)
def test_keep_leaves_a_row_of_the_same_name(harness, row, named, words):
    """A row that differs in its recipe, weights or variant does not take the place of another."""
    other = put(model="other", **named)
    accept(harness, "--run", row)
    both = accept(harness, "--run", other, "--keep", reason="and that").json["rows"]
    again = accept(harness, "--run", row, "--keep", reason="again").json["rows"]
    checked = harness("check", "--json")

    assert {entry["name"] for entry in both} == {f"{ROW}/{word}" for word in words}
    assert {*both[0]["scores"], *both[1]["scores"]} == {*again[0]["scores"], *again[1]["scores"]}
    assert [entry["name"] for entry in again] == [entry["name"] for entry in both]
    assert {c["row"] for c in checked.json["checks"]} == {entry["name"] for entry in both}
    assert {c["outcome"] for c in checked.json["checks"]} == {"pass"}
    assert checked.json["new_rows"] == []


def test_keep_tells_rows_apart_that_have_the_same_words(harness, row):
    """Two trainings that differ in the machine's precision alone keep names of their own."""
    put(precision="fp32", model="other")
    accept(harness, "--row", "baseline-hr/train-bf16", "--row", "baseline-hr/train-fp32")
    put(method="intact")
    rows = accept(harness, "--row", "intact", "--keep", reason="and that").json["rows"]

    assert len({entry["name"] for entry in rows}) == 3
    assert harness("check").code == 0


def test_without_keep_the_others_go(harness, row):
    """Without --keep the baseline is what is named, and nothing else."""
    put(method="intact")
    accept(harness)
    found = accept(harness, "--row", "intact", reason="only this")

    assert [entry["method"] for entry in found.json["rows"]] == ["intact"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"value": 25.0', '"value": 20.0'),
        ('"reason": "first"', '"reason": "fine"'),
        ('"margin": 0.5', '"margin": 50.5'),
        ('"type":"end"', '"type":"done"'),
    ],
)
def test_a_changed_file_is_refused(harness, row, old, new):
    """A number, a reason, a margin or evidence that was changed by hand is exit 4."""
    accept(harness)
    path = Path("baselines/main.jsonl")
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))

    found = harness("check")

    assert found.code == 4
    assert "is not what was accepted" in found.err


def test_a_lost_line_is_refused(harness, row):
    """A line that a merge lost is exit 4."""
    accept(harness)
    path = Path("baselines/main.jsonl")
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))

    assert harness("check").code == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no baseline"),
        ("{}\n", "is no baseline"),
        ('{"format": "reid-harness-baseline", "version": 2}\n', "has version 2; this one reads 1"),
        ('{"format": "reid-harness-baseline", "version": 1, "name": 3}\n', "cannot be read"),
    ],
)
def test_what_is_no_baseline(harness, folder, text, said):
    """A file that is no baseline, or a newer one, is exit 6."""
    (folder / "main.jsonl").write_text(text)
    found = harness("check", "--baseline", "main.jsonl")

    assert found.code == 6
    assert said in found.err


@pytest.mark.parametrize("name", ["", "a/b", ".hidden", "main.jsonl", "x" * 300, "é" * 101])
def test_what_is_no_name(harness, row, name):
    """A baseline is called by a word."""
    found = harness("baseline", "accept", name, "--reason", "r")

    assert found.code == 2
    assert "is no name for a baseline" in found.err


def test_a_long_name(harness, row):
    """A name of 200 bytes is one."""
    assert harness("baseline", "accept", "é" * 100, "--reason", "r").code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--margin", "wide"), "'wide' is no margin"),
        (("--margin", "-1"), "-1 points are no margin"),
        (("--margin", "rank5=1"), "rows are not held by it"),
        (("--metric", "rank7"), "no metric called 'rank7'"),
        (("--rule", "cuhk03"), "`--rule` is for `--features`"),
        (("--row", "nobody"), "no row called 'nobody'"),
    ],
)
def test_what_cannot_be_accepted(harness, row, words, said):
    """A margin, a metric, a rule or a row that there is not is exit 2, and nothing is written."""
    found = accept(harness, *words)

    assert found.code == 2
    assert said in found.err
    assert not Path("baselines").exists()


def test_a_folder_that_cannot_be_written(harness, row, folder):
    """Where the folder is a file, that is said."""
    (folder / "taken").write_text("")
    found = accept(harness, "--folder", "taken")

    assert found.code == 2
    assert "cannot be written" in found.err


def test_the_newest_row_counts(harness, row):
    """Of two versions of a method the one that was run last is accepted."""
    put(method_version=2, model="newer")

    assert [entry["method_version"] for entry in accept(harness).json["rows"]] == [2]


def test_overridden_recipes_are_rows_of_their_own(harness, row):
    """A recipe with `--set` is told from the plain one, and each is held against its own."""
    put(config_hash="c2", narrowed="128 x 64; lr=0.1", model="other")
    rows = accept(harness).json["rows"]

    assert [entry["name"] for entry in rows] == [f"{ROW}/c1", f"{ROW}/c2"]
    assert harness("check").code == 0


class TestNoise:
    """Repeats of one fit tell how far numbers lie apart."""

    def repeats(self, *shifts: int, device=HERE, model: str | None = "m") -> None:
        with open_store() as store:
            for repeat, shift in enumerate(shifts):
                put_row(
                    store,
                    {(0, 0): [max(0, n - (q < shift)) for q, n in enumerate(RANKS)]},
                    key="k1",
                    repeat=repeat,
                    model=model if model is None else f"{model}{repeat if shift else ''}",
                    device=device,
                )

    def test_it_is_learnt_from_five(self, harness):
        """The floor is the 99th percentile of the differences of all pairs."""
        self.repeats(0, 0, 0, 0, 2)  # of query 1 the rank is better: 1 of 20 rank-1, 5 points
        metric = accept(harness).json["rows"][0]["metrics"]["rank1"]

        # 6 pairs of 0 and 4 of 5 points: the 99th percentile is 5; equal models do not differ
        assert (metric["repeats"], metric["noise"], metric["noise_same_model"]) == (5, 5.0, 0.0)

    def test_of_four_it_is_not(self, harness):
        """Four repeats are too few."""
        self.repeats(0, 0, 0, 2)
        metric = accept(harness).json["rows"][0]["metrics"]["rank1"]

        assert (metric["repeats"], metric["noise"]) == (0, None)

    def test_it_widens_the_margin(self, harness, monkeypatch, tmp_path):
        """No margin is narrower than the noise, three times wider in another environment."""
        self.repeats(0, 0, 0, 0, 2)
        accept(harness)
        for place, device, margin in (("a", HERE, 5.0), ("b", ELSEWHERE, 15.0)):
            monkeypatch.setenv("HARNESS_DB", str(tmp_path / f"{place}.sqlite"))
            with open_store() as store:
                put_row(store, {(0, 0): [*RANKS[:16], 1, 1, 2, 3]}, model="x", device=device)
            checks = {c["metric"]: c for c in harness("check", "--json").json["checks"]}

            assert checks["rank1"]["margin"] >= margin


class TestFeatures:
    """Feature files: ranked anew, the same bits or another model's."""

    def test_the_same_file_passes(self, harness, folder):
        """The same features have the same ranks."""
        write_features(folder / "a.npz")
        accept(harness, "--features", "a.npz")
        found = harness("check", "--json")

        assert found.code == 0
        assert {c["row"] for c in found.json["checks"]} == {"../a.npz"}
        assert {c["tier"] for c in found.json["checks"]} == {"integrity"}

    def test_rewritten_features_are_another_model(self, harness, folder):
        """Features of other content are held to non-inferiority, person by person."""
        write_features(folder / "a.npz", 0.5)
        accept(harness, "--features", "a.npz")
        write_features(folder / "a.npz", 3.0)
        found = harness("check", "--json")

        assert found.code == 1
        assert {c["tier"] for c in found.json["checks"]} == {"checkpoint"}

    def test_other_people_are_refused(self, harness, folder):
        """A file with other labels is not compared."""
        write_features(folder / "a.npz")
        accept(harness, "--features", "a.npz")
        write_features(folder / "a.npz", people=31)
        found = harness("check", "--json")

        assert (found.code, found.json["checks"][0]["outcome"]) == (4, "refused")

    def test_a_broken_file_is_refused(self, harness, folder):
        """A file that can no longer be read is refused, with the reason."""
        write_features(folder / "a.npz")
        accept(harness, "--features", "a.npz")
        (folder / "a.npz").write_text("no archive")
        found = harness("check", "--json")

        assert (found.code, found.json["checks"][0]["outcome"]) == (4, "refused")

    def test_a_vanished_file_fails(self, harness, folder):
        """A file that is gone is a vanished row."""
        write_features(folder / "a.npz")
        accept(harness, "--features", "a.npz")
        (folder / "a.npz").unlink()
        found = harness("check", "--json")

        assert (found.code, found.json["checks"][0]["outcome"]) == (1, "missing")

    def test_rules_are_kept(self, harness, folder):
        """The rule that a file was accepted under is the one that it is ranked by."""
        write_features(folder / "a.npz")
        rows = accept(harness, "--features", "a.npz", "--rule", "cuhk03", "--rerank", "paper").json
        found = harness("check", "--json")

        assert (rows["rows"][0]["rule"], rows["rows"][0]["rerank"]) == ("cuhk03", "paper")
        assert found.code == 0

    @pytest.mark.parametrize(
        ("words", "elsewhere", "tier"),
        [
            ((), True, "integrity"),
            (("--rerank", "paper"), False, "integrity"),
            (("--rerank", "paper"), True, "numeric"),
        ],
        ids=["exact", "same machine", "another machine"],
    )
    def test_other_ranks_on_another_machine(self, harness, folder, words, elsewhere, tier):
        """Only re-ranked features may have other ranks on another machine, within the noise."""
        write_features(folder / "a.npz")
        accept(harness, "--features", "a.npz", *words)
        path = Path("baselines/main.jsonl")
        baseline = read_baseline(path)
        (line,) = baseline.evidence.values()
        left = decode(base64.b64decode(line.evidence))
        top = left.top_index.copy()
        top[0, :2] = top[0, 1::-1]  # two images change places, and no metric does
        packed = base64.b64encode(encode(replace(left, top_index=top))).decode()
        changes: dict[str, Any] = {"evidence": packed}
        if elsewhere:
            changes["environment"] = {**line.environment, "name": "another processor"}
        changed = line.model_copy(update=changes)
        write_baseline(replace(baseline, evidence={line.name: changed}), path)
        found = harness("check", "--json")

        assert {c["tier"] for c in found.json["checks"]} == {tier}
        assert found.code == (4 if tier == "integrity" else 0)


def test_list(harness, row):
    """The list has each baseline with its numbers, and says what a loss must be to be seen."""
    put(method="intact", model="other")
    with open_store() as store:
        put_row(store, {(0, 0): RANKS[::-1]}, method="dgnet", model="third")
    accept(harness)
    printed, found = harness("baseline", "list"), harness("baseline", "list", "--json")

    assert "main: first" in printed.out
    (listed,) = found.json
    shows = {entry["name"]: entry["metrics"]["rank1"]["shows"] for entry in listed["rows"]}
    assert shows["dgnet/market1501/quick"] > 0.5
    assert len(listed["rows"]) == 3


def test_list_of_nothing(harness):
    """Where there is no baseline, the list says how to make one."""
    found = harness("baseline", "list")

    assert found.code == 0
    assert "harness baseline accept --help" in found.out
