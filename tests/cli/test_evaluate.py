"""The promises of `harness evaluate`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from harness.cli.evaluate_output import shown_share
from harness.run.file_report import Price
from harness.settings import Settings
from harness.store import Store
from tests.conftest import Outcome

Command = Callable[..., Outcome]

# One query whose four matches have the ranks 1, 2, 4 and 7 of seven images.
RANKED = {
    "distances": np.arange(1.0, 8.0)[None],
    "query_ids": np.array([1]),
    "query_cams": np.array([0]),
    "gallery_ids": np.array([1, 1, 9, 1, 9, 9, 1]),
    "gallery_cams": np.ones(7, int),
}
SUM_OF_PRECISIONS = (1 / 1 + 2 / 2 + 3 / 4 + 4 / 7) / 4
TRAPEZOID = ((1 + 1) / 2 + (1 + 1) / 2 + (2 / 3 + 3 / 4) / 2 + (3 / 6 + 4 / 7) / 2) / 4


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Return a function that writes an `.npz` and returns its path."""

    def write_arrays(arrays: dict[str, Any], name: str = "f.npz") -> str:
        path = tmp_path / name
        np.savez(path, **arrays)
        return str(path)

    return write_arrays


def scene(seed: int = 0, *, queries: int = 12, dimensions: int = 6) -> dict[str, Any]:
    """Return a file of features: matches, junk, distractors, and two queries without a match."""
    rng = np.random.default_rng(seed)
    people = rng.normal(size=(queries + 1, dimensions))
    query_ids = np.arange(1, queries + 1)
    seen = query_ids[: queries - 2].repeat(3)
    gallery_ids = np.concatenate([seen, [0] * 4, [-1] * 3])

    def features(ids: np.ndarray) -> np.ndarray:
        noisy = people[np.maximum(ids, 0)] + 0.8 * rng.normal(size=(len(ids), dimensions))
        return np.asarray(noisy, dtype=np.float32)

    return {
        "query_features": features(query_ids),
        "query_ids": query_ids,
        "query_cams": np.arange(queries) % 2,
        "gallery_features": features(gallery_ids),
        "gallery_ids": gallery_ids,
        # Camera 2 holds one image of everybody, so that every identity of the gallery is a match.
        "gallery_cams": np.concatenate([np.arange(len(seen)) % 3, [2] * 7]),
    }


def layumi(arrays: dict[str, Any], path: Path) -> str:
    """Write arrays as layumi's test.py does, features of unit length, and return the path."""
    unit = {
        side: arrays[f"{side}_features"]
        / np.linalg.norm(arrays[f"{side}_features"], axis=1, keepdims=True)
        for side in ("query", "gallery")
    }
    values = {}
    for side in ("query", "gallery"):
        values[f"{side}_f"] = unit[side]
        values[f"{side}_label"] = arrays[f"{side}_ids"].tolist()
        values[f"{side}_cam"] = arrays[f"{side}_cams"].tolist()
    scipy.io.savemat(path, values)
    return str(path)


def rank_naively(arrays: dict[str, Any], nearness: np.ndarray) -> list[list[int]]:
    """Return the ranks of each query's matches under Market-1501's junk rule, by sorting."""
    ranks = []
    for q, order in enumerate(np.argsort(-nearness, axis=1, kind="stable")):
        kept = [
            g
            for g in order
            if arrays["gallery_ids"][g] != -1
            and not (
                arrays["gallery_ids"][g] == arrays["query_ids"][q]
                and arrays["gallery_cams"][g] == arrays["query_cams"][q]
            )
        ]
        ranks.append(
            [
                place
                for place, g in enumerate(kept, start=1)
                if arrays["gallery_ids"][g] == arrays["query_ids"][q]
            ]
        )
    return ranks


def cosine(arrays: dict[str, Any]) -> np.ndarray:
    query, gallery = arrays["query_features"], arrays["gallery_features"]
    lengths = np.linalg.norm(query, axis=1)[:, None] * np.linalg.norm(gallery, axis=1)
    return np.asarray(query @ gallery.T / lengths)


class TestNumbers:
    def test_by_hand(self, harness, write):
        """Matches at ranks 1, 2, 4 and 7 give both AP, mINP and CMC as worked by hand."""
        result = harness("evaluate", write(RANKED), "--json").json
        metrics = result["metrics"]

        assert metrics["rank1"] == metrics["rank5"] == 100
        assert metrics["map_sum_precision"] == pytest.approx(100 * SUM_OF_PRECISIONS, abs=1e-9)
        assert metrics["map_trapezoid"] == pytest.approx(100 * TRAPEZOID, abs=1e-9)
        assert metrics["minp"] == pytest.approx(100 * 4 / 7, abs=1e-9)
        assert (result["queries"], result["queries_without_match"], result["gallery"]) == (1, 0, 7)
        assert result["definitions"]["rank1"] == "cmc_multi@1"
        assert (result["rule"], result["distance"], result["engine"]) == ("market1501", None, None)

    def test_rank_beyond_the_gallery(self, harness, write):
        """Rank-k with k larger than the gallery is null, with a note."""
        result = harness("evaluate", write(RANKED), "--json").json

        assert result["metrics"]["rank10"] is None
        assert result["metrics"]["rank20"] is None
        assert "fewer than 10 candidates" in result["notes"]["rank10"]
        assert "rank5" not in result["notes"]

    def test_features(self, harness, write):
        """Features give what sorting their cosine gives; junk and lone queries are left out."""
        arrays = scene()
        result = harness("evaluate", write(arrays), "--json").json
        ranks = [r for r in rank_naively(arrays, cosine(arrays)) if r]
        ap = [np.mean([i / rank for i, rank in enumerate(r, 1)]) for r in ranks]

        assert result["metrics"]["rank1"] == pytest.approx(
            100 * np.mean([r[0] == 1 for r in ranks])
        )
        assert result["metrics"]["map_sum_precision"] == pytest.approx(100 * np.mean(ap))
        assert (result["queries"], result["queries_without_match"]) == (12, 2)
        assert (result["gallery"], result["junk"], result["distractors"]) == (37, 3, 4)
        assert result["distance"] == "cosine"
        assert 0 < result["engine"]["compared"] <= sum(len(r) for r in ranks) * (37 - 3)
        assert "2 of 12 queries have no match" in result["remarks"][0]

    def test_interval(self, harness, write):
        """Rank-1 and both mAP have an interval over identities around them."""
        result = harness("evaluate", write(scene()), "--json").json

        assert set(result["intervals"]) == {"rank1", "map_sum_precision", "map_trapezoid"}
        for name, interval in result["intervals"].items():
            assert interval["low"] <= result["metrics"][name] <= interval["high"]
            assert interval["n_identities"] == 10

    def test_interval_knows_no_splits(self, harness, write):
        """The method speaks of identities only: a file has no splits."""
        intervals = harness("evaluate", write(scene()), "--json").json["intervals"]

        assert intervals["rank1"]["method"] in ("BCa over identities", "percentile over identities")

    def test_one_identity_has_no_interval(self, harness, write):
        """With one identity nothing is known of how identities differ."""
        interval = harness("evaluate", write(RANKED), "--json").json["intervals"]["rank1"]

        assert (interval["low"], interval["high"]) == (None, None)

    def test_half_precision_and_doubles(self, harness, write):
        """Files in half, single and double precision of the same values give the same numbers."""
        results = []
        for dtype in ("float16", "float32", "float64"):
            arrays = scene()
            for side in ("query_features", "gallery_features"):
                arrays[side] = arrays[side].astype("float16").astype(dtype)
            results.append(harness("evaluate", write(arrays), "--json").json["metrics"])

        assert results[0] == results[1] == results[2]

    def test_max_memory_changes_nothing(self, harness, write):
        """A smaller working memory, or one beyond any machine, gives the same numbers."""
        path = write(scene())
        plain = harness("evaluate", path, "--json").json["metrics"]

        for size in ("300KB", "10EB", "99999999TB"):
            outcome = harness("evaluate", path, "--max-memory", size, "--json")
            assert outcome.json["metrics"] == plain

    def test_as_text(self, harness, write):
        """People read a table, what was counted, and why numbers are missing."""
        outcome = harness("evaluate", write(scene()))
        text = " ".join(outcome.out.split())

        assert outcome.code == 0
        assert "rule market1501, cosine distance" in text
        assert "map_sum_precision map_sum_precision@1" in text
        assert "12 queries, 2 of them without a match; 37 gallery images" in text
        assert "rank20: Rank-20 is not" not in text
        assert "0.0 % of the true matches tie" in text

    @pytest.mark.parametrize(
        ("referred", "share", "words"),
        [
            (0, 0.0, "0 %"),
            (1, 100 / 81_234, "0.0012 %"),
            (4_321, 432_100 / 81_234, "5.3 %"),
            (81_234, 100.0, "100 %"),
        ],
    )
    def test_share_of_references(self, referred, share, words):
        """The share that the reference decided is in per cent, two digits of it for people."""
        price = Price(compared=81_234, referred=referred)

        assert price.share == pytest.approx(share / 100)
        assert shown_share(price) == words

    def test_nothing_to_compare(self, harness, write):
        """A gallery of matches only has no comparison, and no share of comparisons."""
        arrays = {**scene(), "query_ids": np.ones(12, int), "gallery_ids": np.ones(37, int)}
        outcome = harness("evaluate", write(arrays), "--json")

        assert outcome.json["engine"] == {"compared": 0, "referred": 0, "reference_share": None}
        assert "comparisons" not in harness("evaluate", write(arrays)).out


class TestRules:
    @pytest.mark.parametrize(
        ("rule", "headline", "first"),
        [
            ("market1501", "cmc_multi@1", 0.0),
            ("cross-camera", "cmc_multi@1", 1.0),
            ("no-camera", "cmc_multi@1", 1.0),
            ("all-shots", "cmc_all_shots@1", 0.0),
            ("single-shot", "cmc_single@1", 0.5),
            ("cuhk03", "cmc_single@1", 0.5),
        ],
    )
    def test_junk_and_headline(self, harness, write, rule, headline, first):
        """Each rule passes over its own junk and means its own rank-k."""
        # In order of distance: the query's person by its camera, two images of somebody else, one
        # by the query's camera and one not, the match.
        near = np.array([[1.0, 2.0, 4.0, 3.0]])
        arrays = {
            "distances": near,
            "query_ids": [1],
            "query_cams": [0],
            "gallery_ids": [1, 2, 2, 1],
            "gallery_cams": [0, 0, 1, 1],
        }
        result = harness("evaluate", write(arrays), "--rule", rule, "--json").json

        assert result["metrics"]["rank1"] == 100 * first
        assert result["definitions"]["rank1"] == headline

    def test_ties(self, harness, write):
        """Equal distances count as the rule of ties says, and their share is told."""
        arrays = {**RANKED, "distances": np.ones((1, 7))}
        path = write(arrays)
        found = {
            ties: harness("evaluate", path, "--ties", ties, "--json").json
            for ties in ("pessimistic", "expected", "optimistic")
        }
        rank1 = {ties: result["metrics"]["rank1"] for ties, result in found.items()}

        assert rank1["pessimistic"] == 0
        assert rank1["expected"] == pytest.approx(100 * 4 / 7)
        assert rank1["optimistic"] == 100
        assert (found["expected"]["ties"], found["expected"]["tie_rule"]) == (100, "expected")
        assert "4 of 4 true matches are as far as" in found["expected"]["remarks"][0]

    @pytest.mark.parametrize(("without", "share"), [("matched", 1.0), ("all", 0.5), ("oml", 0.5)])
    def test_queries_without_a_match(self, harness, write, without, share):
        """A query without a match is left out, or counts 0, as was asked for."""
        arrays = {
            **RANKED,
            "distances": RANKED["distances"].repeat(2, axis=0),
            "query_ids": [1, 5],
            "query_cams": [0, 0],
        }
        path = write(arrays)
        result = harness("evaluate", path, "--without-match", without, "--json").json

        assert result["metrics"]["rank1"] == 100 * share
        assert result["metrics"]["map_trapezoid"] == pytest.approx(100 * share * TRAPEZOID)
        assert result["queries_without_match"] == 1


class TestTools:
    def test_layumi(self, harness, tmp_path):
        """As layumi: cosine, AP by trapezoid, divided by all queries, from its own file."""
        arrays = scene()
        path = layumi(arrays, tmp_path / "pytorch_result.mat")
        result = harness("evaluate", path, "--as", "layumi", "--json").json
        ranks = rank_naively(arrays, cosine(arrays))
        cmc = sum(r[0] <= 5 for r in ranks if r) / len(ranks)
        ap = 0.0
        for r in filter(None, ranks):
            for i, rank in enumerate(r, start=1):
                old = (i - 1) / (rank - 1) if rank > 1 else 1.0
                ap += (old + i / rank) / 2 / len(r) / len(ranks)

        assert list(result["prints"]) == ["Rank@1", "Rank@5", "Rank@10", "mAP"]
        assert result["prints"]["Rank@5"] == pytest.approx(100 * cmc)
        assert result["prints"]["mAP"] == pytest.approx(100 * ap)
        assert (result["as"], result["without_match"]) == ("layumi", "all")
        assert "prints" not in result["notes"]

    def test_layumi_without_unit_length(self, harness, write):
        """No number is claimed to be layumi's where its dot product would rank otherwise."""
        words = ("evaluate", write(scene()), "--as", "layumi")
        result = harness(*words, "--json").json
        text = " ".join(harness(*words).out.split())

        assert result["prints"] is None
        assert "not of unit length" in result["notes"]["prints"]
        assert result["notes"]["prints"] in text
        assert "would print: Rank" not in text

    def test_layumi_multi_query(self, harness, write):
        """As layumi with multi-query: the mean of unit features, itself of any length."""
        arrays = scene()
        for side in ("query_features", "gallery_features"):
            arrays[side] /= np.linalg.norm(arrays[side], axis=1, keepdims=True)
        first, second = arrays["query_features"], arrays["query_features"][::-1]
        more = {
            "mquery_features": np.concatenate([first, second]),
            "mquery_ids": np.tile(arrays["query_ids"], 2),
            "mquery_cams": np.tile(arrays["query_cams"], 2),
        }
        words = ("--as", "layumi", "--multi-query", "--json")
        result = harness("evaluate", write(arrays | more), *words).json
        ranks = rank_naively(arrays, (first + second) / 2 @ arrays["gallery_features"].T)

        first_hits = sum(r[0] == 1 for r in ranks if r)
        assert result["prints"]["Rank@1"] == pytest.approx(100 * first_hits / len(ranks))

    @pytest.mark.parametrize("tool", ["torchreid", "fastreid"])
    def test_sum_of_precisions_over_matched(self, harness, write, tool):
        """As Torchreid and FastReID: AP sums precisions, over the queries with a match."""
        arrays = scene(1)
        result = harness("evaluate", write(arrays), "--as", tool, "--json").json
        query, gallery = arrays["query_features"], arrays["gallery_features"]
        squared = ((query[:, None].astype(float) - gallery[None]) ** 2).sum(axis=2)
        nearness = -squared if tool == "torchreid" else cosine(arrays)
        ranks = [r for r in rank_naively(arrays, nearness) if r]
        ap = np.mean([np.mean([i / rank for i, rank in enumerate(r, 1)]) for r in ranks])
        inp = np.mean([len(r) / r[-1] for r in ranks])

        assert result["prints"]["mAP"] == pytest.approx(100 * ap)
        assert result["prints"].get("mINP", 100 * inp) == pytest.approx(100 * inp)
        assert result["distance"] == ("euclidean" if tool == "torchreid" else "cosine")

    def test_torchreid_on_cuhk03(self, harness, write):
        """As Torchreid with its cuhk03 flag, rank-k is the expectation of its draws."""
        words = ("--as", "torchreid", "--rule", "cuhk03", "--json")
        result = harness("evaluate", write(scene()), *words).json

        assert result["definitions"]["rank1"] == "cmc_single@1"
        assert result["prints"]["Rank-1"] == result["metrics"]["rank1"]

    def test_as_text(self, harness, write):
        """The numbers of the tool stand under its own labels, with what makes them differ."""
        text = " ".join(harness("evaluate", write(scene()), "--as", "fastreid").out.split())

        assert "FastReID would print: Rank-1 " in text
        assert "queries without a match are left out" in text

    @pytest.mark.parametrize(
        ("words", "what"),
        [
            (("--as", "layumi", "--distance", "euclidean"), "no `--distance euclidean`"),
            (("--as", "fastreid", "--rule", "cuhk03"), "no `--rule cuhk03`"),
            (("--as", "torchreid", "--without-match", "all"), "no `--without-match all`"),
            (("--as", "fastreid", "--rerank", "paper"), "no `--rerank paper`"),
            (("--as", "torchreid", "--multi-query"), "Torchreid has no `--multi-query`"),
            (("--as", "fastreid", "--multi-query"), "FastReID has no `--multi-query`"),
            (
                ("--as", "layumi", "--multi-query", "--rerank", "layumi"),
                "no `--multi-query` with `--rerank`",
            ),
        ],
    )
    def test_contradiction(self, harness, write, words, what):
        """An option that the tool does not have is refused."""
        outcome = harness("evaluate", write(scene()), *words)

        assert outcome.code == 2
        assert what in outcome.err
        assert "Drop it" in outcome.err


class TestMore:
    @pytest.mark.parametrize("variant", ["paper", "torchreid", "layumi", "fastreid"])
    def test_rerank(self, harness, write, variant):
        """Every re-ranking ranks by distances of its own."""
        result = harness("evaluate", write(scene()), "--rerank", variant, "--json").json

        assert result["rerank"] == variant
        assert 0 < result["metrics"]["map_sum_precision"] <= 100
        assert result["engine"] is None

    @pytest.mark.parametrize("distance", ["cosine", "euclidean"])
    def test_multi_query(self, harness, write, distance):
        """Pooling the very images of the queries changes nothing; other images do."""
        arrays = scene()
        own = {
            "mquery_features": arrays["query_features"],
            "mquery_ids": arrays["query_ids"],
            "mquery_cams": arrays["query_cams"],
        }
        path = write({**arrays, **own})
        words = ("--distance", distance, "--json")
        plain = harness("evaluate", path, *words).json["metrics"]
        pooled = harness("evaluate", path, "--multi-query", *words).json
        noise = write({**arrays, **own, "mquery_features": arrays["query_features"][::-1]})

        assert pooled["metrics"] == plain
        assert harness("evaluate", noise, "--multi-query", *words).json["metrics"] != plain
        assert pooled["multi_query"] is True

    def test_breakdown(self, harness, write):
        """The numbers are broken down by cameras and by resolution, in JSON and as tables."""
        arrays = {**scene(), "query_resolutions": np.array([2, 4] * 6)}
        words = ["--by", "query-camera", "--by", "camera-pair", "--by", "resolution"]
        breakdown = harness("evaluate", write(arrays), *words, "--json").json["breakdown"]

        assert [part["query_camera"] for part in breakdown["query-camera"]] == [0, 1]
        assert [part["queries"] for part in breakdown["resolution"]] == [6, 6]
        assert [part["r"] for part in breakdown["resolution"]] == [2, 4]
        assert len(breakdown["camera-pair"]) == 2 * 3
        assert all("rank1" in part["metrics"] for part in breakdown["query-camera"])
        text = " ".join(harness("evaluate", write(arrays), *words).out.split())
        assert "by camera-pair" in text
        assert "by resolution" in text

    def test_breakdown_of_distances(self, harness, write):
        """A distance matrix can be broken down by pairs of cameras as well."""
        words = ("--by", "camera-pair", "--json")
        (part,) = harness("evaluate", write(RANKED), *words).json["breakdown"]["camera-pair"]

        assert part["metrics"]["map_sum_precision"] == pytest.approx(
            100 * SUM_OF_PRECISIONS, abs=1e-3
        )

    @pytest.mark.parametrize("arrays", [RANKED, scene()], ids=["distances", "features"])
    def test_verification(self, harness, write, arrays):
        """All pairs are compared: EER, and TAR where there are enough impostors."""
        result = harness("evaluate", write(arrays), "--verification", "--json").json

        assert 0 <= result["metrics"]["eer"] <= 100
        assert result["metrics"]["tar_at_far_1e-4"] is None
        assert "impostor pairs" in result["notes"]["tar_at_far_1e-4"]
        assert "eer" not in harness("evaluate", write(arrays), "--json").json["metrics"]

    def test_open_set(self, harness, write):
        """Queries without a match are unknown probes where that is asked for."""
        path = write(scene())
        metrics = harness("evaluate", path, "--open-set", "--json").json

        assert metrics["metrics"]["fnir_at_fpir_1e-3"] is None
        assert "needs 1000 queries without a match" in metrics["notes"]["fnir_at_fpir_1e-3"]
        plain = harness("evaluate", path, "--json").json["metrics"]
        assert not any(name.startswith("fnir") for name in plain)


class TestStored:
    WORDS = ("--store", "--dataset", "market1501", "--name", "Their net")

    def test_stored(self, harness, write, home):
        """Numbers are kept under data set and name, in fractions, and are no run."""
        path = write(scene())
        stored = harness("evaluate", path, *self.WORDS, "--json").json["stored"]
        settings = Settings.from_environment()
        with Store.open(settings.db, home=settings.home) as store:
            (entry,) = store.externals.where("market1501")
            assert store.where_runs() == []

        assert (entry.id, entry.name, entry.file) == (stored, "Their net", "f.npz")
        assert entry.headline == "cmc_multi@1"
        assert entry.settings["distance"] == "cosine"
        assert (entry.queries, entry.queries_without_match, entry.gallery) == (12, 2, 37)
        values = {(one.name, one.k): one.value for one in entry.metrics}
        shown = harness("evaluate", path, "--json").json["metrics"]["rank1"]
        assert values["cmc_multi@1", 1] == pytest.approx(shown / 100)

    def test_twice(self, harness, write):
        """The same numbers are stored once."""
        path = write(scene())
        first, second = (
            harness("evaluate", path, *self.WORDS, "--json").json["stored"] for _ in range(2)
        )

        assert first == second

    def test_replaces(self, harness, write):
        """An entry that takes the place of another on the page says so, and how to show both."""
        first = harness("evaluate", write(scene(), "first.npz"), *self.WORDS, "--json").json
        second = harness("evaluate", write(scene(1), "second.npz"), *self.WORDS)
        other_way = harness(
            "evaluate", write(scene(1), "second.npz"), "--ties", "expected", *self.WORDS, "--json"
        ).json

        assert (first["stored_note"], other_way["stored_note"]) == (None, None)
        assert "it replaces first.npz" in " ".join(second.out.split())
        assert "another `--name`" in " ".join(second.out.split())

    def test_older_stays_behind(self, harness, write):
        """What was stored before a newer file of its name is not on the page, and says so."""
        first, second = write(scene(), "first.npz"), write(scene(1), "second.npz")
        for path in (first, second):
            harness("evaluate", path, *self.WORDS)
        again = harness("evaluate", first, *self.WORDS, "--json").json

        assert "shows second.npz" in again["stored_note"]

    def test_broken_store(self, harness, write, home):
        """A store that cannot be used is told before the file is read."""
        (home / "harness.sqlite").write_bytes(b"no database" * 100)
        outcome = harness("evaluate", str(home / "nowhere.npz"), *self.WORDS)

        assert outcome.code == 9
        assert outcome.out == ""

    def test_store_that_refuses(self, harness, write, home):
        """Where the numbers cannot be kept they are printed nevertheless, and the error is told."""
        path = write(scene())
        harness("evaluate", path, *self.WORDS)
        with sqlite3.connect(home / "harness.sqlite") as database:
            database.execute(
                "CREATE TRIGGER full BEFORE INSERT ON external "
                "BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END"
            )
        outcome = harness("evaluate", path, "--ties", "expected", *self.WORDS, "--json")

        assert outcome.code == 4
        assert outcome.json["metrics"]["rank1"] is not None
        assert outcome.json["stored"] is None
        assert "is full" in outcome.err

    def test_said(self, harness, write):
        """It says that what is stored is external and unverified."""
        assert "external and unverified" in harness("evaluate", write(scene()), *self.WORDS).out

    def test_nothing_without_the_option(self, harness, write, home):
        """Without `--store` no store is made."""
        assert harness("evaluate", write(scene()), "--json").json["stored"] is None
        assert not (home / "harness.sqlite").exists()

    @pytest.mark.parametrize(
        ("words", "what"),
        [
            (("--store", "--name", "x"), "`--store` needs `--dataset`"),
            (("--store", "--dataset", "market1501"), "`--store` needs `--name`"),
            (("--store", "--dataset", "market1501", "--name", " "), "`--store` needs `--name`"),
            (("--store", "--dataset", "market", "--name", "x"), "no dataset called 'market'"),
            (("--dataset", "market1501"), "`--dataset` is for `--store`"),
            (("--name", ""), "`--name` is for `--store`"),
        ],
    )
    def test_refused(self, harness, write, words, what):
        """What is stored has a data set that is known, and a name."""
        outcome = harness("evaluate", write(scene()), *words)

        assert outcome.code == 2
        assert what in outcome.err
        assert outcome.out == ""


def changed(**arrays: Any) -> dict[str, Any]:
    """Return the arrays of a scene, some of them changed."""
    return {**scene(), **arrays}


ZERO = scene()["query_features"] * np.eye(1, 12).T


@pytest.mark.parametrize(
    ("arrays", "words", "code", "what", "next_step"),
    [
        (changed(query_features=np.full((12, 6), np.nan)), (), 6, "NaN or infinity", "again"),
        (changed(gallery_features=np.full((37, 6), np.inf)), (), 6, "NaN or infinity", "again"),
        (changed(query_features=np.full((12, 6), 1e38)), (), 6, "beyond 1e+37", "Extract"),
        (changed(query_features=ZERO), (), 6, "11 of 12 query features are zero", "Extract"),
        (changed(query_ids=np.arange(1, 5)), (), 6, "query_ids of f.npz has 4", "one camera"),
        (changed(query_features=np.ones((12, 7))), (), 6, "7 dimensions", "same model"),
        (
            changed(query_ids=np.arange(50, 62)),
            (),
            6,
            "None of the 12 queries has a match",
            "Check",
        ),
        (changed(query_cams=np.full(12, -1)), (), 6, "negative camera -1", "from 0"),
        ({"query": np.ones(3)}, (), 6, "lacks query_features, ", "--help"),
        (changed(distances=np.ones((12, 37))), (), 6, "features and distances", "Leave one"),
        (scene(), ("--rule", "market"), 2, "no rule called 'market'", "'market1501'"),
        (scene(), ("--distance", "cos"), 2, "no distance called 'cos'", "cosine"),
        (scene(), ("--rerank", "papers"), 2, "no re-ranking called 'papers'", "'paper'"),
        (scene(), ("--as", "torchread"), 2, "no tool called 'torchread'", "'torchreid'"),
        (scene(), ("--ties", "mean"), 2, "no rule of ties called 'mean'", "expected"),
        (scene(), ("--without-match", "al"), 2, "without a match called 'al'", "'all'"),
        (scene(), ("--by", "cameras"), 2, "no breakdown called 'cameras'", "query-camera"),
        (scene(), ("--by", "resolution"), 6, "does not say the resolution", "query_resolutions"),
        (scene(), ("--multi-query",), 6, "no images for multi-query", "mquery_features"),
        (scene(), ("--max-memory", "lots"), 2, "'lots' is no size", "2GB"),
        (scene(), ("--max-memory", "0"), 2, "'0' is no size", "2GB"),
        (scene(), ("--max-memory", "9" * 400 + "GB"), 2, "is no size", "2GB"),
        (scene(), ("--max-memory", ""), 2, "'' is no size", "2GB"),
        (scene(), ("--rule", ""), 2, "no rule called ''", "market1501"),
        (scene(), ("--distance", ""), 2, "no distance called ''", "cosine"),
        (scene(), ("--rerank", ""), 2, "no re-ranking called ''", "paper"),
        (scene(), ("--as", ""), 2, "no tool called ''", "layumi"),
        (scene(), ("--ties", ""), 2, "no rule of ties called ''", "expected"),
        (scene(), ("--without-match", ""), 2, "without a match called ''", "all"),
        (scene(), ("--max-memory", "1KB"), 2, "working memory", "which is enough"),
        (RANKED, ("--distance", "cosine"), 2, "holds distances, for which `--distance`", "Drop"),
        (RANKED, ("--rerank", "paper"), 2, "holds distances, for which `--rerank`", "Drop"),
        (RANKED, ("--rerank", ""), 2, "holds distances, for which `--rerank`", "Drop"),
        (RANKED, ("--multi-query",), 2, "holds distances, for which `--multi-query`", "Drop"),
        ({**RANKED, "distances": np.full((1, 7), np.nan)}, (), 6, "NaN or infinity", "again"),
        ({**RANKED, "distances": np.ones((7, 1))}, (), 6, "shape (7, 1)", "Transpose it"),
    ],
)
def test_bad_input(harness, write, arrays, words, code, what, next_step):
    """What cannot be scored is refused in one sentence with a next step, and never scored."""
    outcome = harness("evaluate", write(arrays), *words)
    text = " ".join(outcome.err.split())

    assert outcome.code == code
    assert what in text
    assert next_step in text
    assert outcome.out == ""
    assert "Traceback" not in text


@pytest.mark.parametrize("name", ["f.csv", "f.npz"])
def test_no_such_file(harness, tmp_path, name):
    """A path that leads nowhere is told as that."""
    outcome = harness("evaluate", str(tmp_path / name))

    assert outcome.code == 6
    assert "There is no file" in outcome.err


def test_help(harness):
    """The help says what a file holds, and shows how to type the command."""
    out = " ".join(harness("evaluate", "--help").out.split())

    assert "query_features" in out
    assert out.count("harness evaluate ") >= 2
    assert "--as layumi --json" in out


def test_example_of_the_readme(harness, tmp_path, monkeypatch):
    """The three lines of NumPy in the README make a file that the command scores."""
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    example = text.split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {})

    assert harness("evaluate", "features.npz").code == 0
