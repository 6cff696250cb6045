"""The promises of `harness.data.protocol`."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.data.protocol import definition, degraded, drawn_rate, leaked, resolve
from harness.errors import DataError, UsageError, WeightsError
from harness.specs import Degradation, ProtocolSpec, load_protocol
from harness.types import Record

REPOSITORY = Path(__file__).resolve().parents[2]

DEGRADATION = Degradation(
    side="query", rates=(2, 3, 4), seed=0, down="bicubic", up="bilinear", domain="native"
)


def record(pid: int, camid: int, number: int = 0) -> Record:
    name = f"{pid}_{camid}_{number}"
    return Record(name, f"{name}.png", pid, camid)


# Identities 1 to 4 with one image by each of the cameras 1, 2 and 3, junk and a distractor.
RECORDS = [record(pid, camid) for pid in (4, 3, 2, 1) for camid in (1, 2, 3)] + [
    record(-1, 1),
    record(0, 1),
    record(0, 2),
]


def spec(**changes: Any) -> ProtocolSpec:
    values = {
        "key": "tiny",
        "dataset": "tiny",
        "title": "a title",
        "source": "by hand",
        "query": {"cameras": [2]},
        "gallery": {"cameras": [1]},
        "junk": "same-camera",
        "degradation": None,
        "headline": "cmc_single@1",
        "splits": [{"train": [1, 2], "test": [3, 4]}, {"train": [3], "test": [1, 2]}],
    }
    return ProtocolSpec.model_validate({**values, **changes})


class TestSplit:
    def test_by_hand(self) -> None:
        """Training has all cameras, queries camera 2, gallery camera 1 with junk and distractor."""
        split = resolve(spec(), RECORDS, "m").split(0)
        assert [r.id for r in split.train] == ["1_1_0", "1_2_0", "1_3_0", "2_1_0", "2_2_0", "2_3_0"]
        assert [r.id for r in split.query] == ["3_2_0", "4_2_0"]
        assert [r.id for r in split.gallery] == ["-1_1_0", "0_1_0", "3_1_0", "4_1_0"]
        assert split.index == 0
        assert split.test_pids == (3, 4)

    def test_by_naive_transcription(self) -> None:
        """Each split is what four loops over the records say."""
        protocol = resolve(spec(gallery={"cameras": [1, 3]}), RECORDS, "m")
        for index, lists in enumerate(protocol.spec.splits):
            train, query, gallery = set(), set(), set()
            for r in RECORDS:
                if r.pid in lists.train:
                    train.add(r)
                if r.pid in lists.test and r.camid == 2:
                    query.add(r)
                if (r.pid in lists.test or r.pid in (0, -1)) and r.camid in (1, 3):
                    gallery.add(r)
            split = protocol.split(index)
            assert (set(split.train), set(split.query), set(split.gallery)) == (
                train,
                query,
                gallery,
            )

    def test_no_test_identity_is_trained_on(self) -> None:
        """Whatever the lists, training and test share no image."""
        protocol = resolve(spec(), RECORDS, "m")
        for index in range(protocol.splits):
            split = protocol.split(index)
            assert not set(split.train_pids) & set(split.test_pids)

    @pytest.mark.parametrize("index", [-1, 2])
    def test_a_split_that_is_not_there(self, index: int) -> None:
        """A number outside the splits is refused with how many there are."""
        with pytest.raises(UsageError, match=f"no split {index} .* It has 2"):
            resolve(spec(), RECORDS, "m").split(index)


class TestId:
    def test_by_hand(self) -> None:
        """The id is the SHA-256 of the definition as sorted JSON."""
        text = (
            '{"degradation": null, "gallery": [1], "junk": "same-camera", "manifest": "m", '
            '"query": [2], "splits": [[[1, 2], [3, 4]], [[3], [1, 2]]]}'
        )
        protocol = resolve(spec(), RECORDS, "m")
        assert protocol.id == hashlib.sha256(text.encode()).hexdigest()
        assert protocol.definition == json.loads(text)

    @pytest.mark.parametrize(
        "changes",
        [
            {"title": "other words", "source": "someone else", "key": "other"},
            {"headline": "map_trapezoid@1"},
            {"splits": [{"train": [2, 1], "test": [4, 3]}, {"train": [3], "test": [2, 1]}]},
        ],
    )
    def test_words_metrics_and_order_do_not_count(self, changes: dict[str, Any]) -> None:
        """Two protocols that compare the same images by the same rule are one."""
        assert definition(spec(**changes), "m") == definition(spec(), "m")

    @pytest.mark.parametrize(
        "changes",
        [
            {"query": {"cameras": [3]}},
            {"gallery": {"cameras": [1, 3]}},
            {"degradation": DEGRADATION},
            {"degradation": DEGRADATION.model_copy(update={"seed": 1})},
            {"degradation": DEGRADATION.model_copy(update={"rates": (8,)})},
            {"degradation": DEGRADATION.model_copy(update={"down": "maxpool"})},
            {"degradation": DEGRADATION.model_copy(update={"per": "identity"})},
            {"degradation": DEGRADATION.model_copy(update={"domain": "resized", "size": (8, 4)})},
            {"splits": [{"train": [1, 2], "test": [3, 4]}]},
            {"splits": [{"train": [1], "test": [3, 4]}, {"train": [3], "test": [1, 2]}]},
        ],
    )
    def test_what_decides_counts(self, changes: dict[str, Any]) -> None:
        """Another camera, list, rate or seed is another protocol, and each is its own."""
        others = [spec(), spec(degradation=DEGRADATION)]
        known = {resolve(s, RECORDS, "m").id for s in others if s != spec(**changes)}
        assert resolve(spec(**changes), RECORDS, "m").id not in known

    def test_who_draws_counts(self) -> None:
        """The rates are drawn by the name of the data set, so with degradation it counts."""
        assert definition(spec(dataset="other"), "m") == definition(spec(), "m")
        low = definition(spec(degradation=DEGRADATION), "m")
        assert definition(spec(degradation=DEGRADATION, dataset="other"), "m") != low

    def test_ids_of_stored_runs_do_not_change(self) -> None:
        """What was measured under a protocol that ships is still found under its id."""
        bundle = REPOSITORY / "results" / "caviar-baselines-quick.jsonl"
        rows = [json.loads(line) for line in bundle.read_text(encoding="utf-8").splitlines()]
        stored = [row for row in rows if row["type"] == "protocol"]
        assert stored
        for row in stored:
            text = json.dumps(
                definition(load_protocol(row["key"]), row["manifest"]), sort_keys=True
            )
            assert hashlib.sha256(text.encode()).hexdigest() == row["id"]

    def test_the_data_count(self) -> None:
        """The same lists on other images are another protocol."""
        assert resolve(spec(), RECORDS, "m").id != resolve(spec(), RECORDS, "n").id


class TestResolve:
    def test_an_identity_without_images(self) -> None:
        """An identity that a list names and nobody photographed is named, with its split."""
        lists = [{"train": [1], "test": [3]}, {"train": [1], "test": [9]}]
        with pytest.raises(DataError, match=r"no image of identity 9, which split 1 lists"):
            resolve(spec(splits=lists), RECORDS, "m")

    @pytest.mark.parametrize("role", ["query", "gallery"])
    def test_a_camera_without_images(self, role: str) -> None:
        """A camera that took no image is named, with its role."""
        with pytest.raises(DataError, match=f"no image by camera 7, a {role} camera"):
            resolve(spec(**{role: {"cameras": [1, 7]}}), RECORDS, "m")


# Identities 1 and 2 train, 3 and 4 test; the layout says so.
DIVIDED = [
    Record("t1", "", 1, 1, subset="train"),
    Record("t2", "", 2, 2, subset="train"),
    Record("q3", "", 3, 1, subset="query"),
    Record("q4", "", 4, 2, subset="query"),
    Record("g3", "", 3, 2, subset="gallery"),
    Record("g4", "", 4, 1, subset="gallery"),
    Record("junk", "", -1, 1, subset="gallery"),
    Record("other", "", 0, 2, subset="gallery"),
]


class TestSubsets:
    def subset_spec(self, **changes: Any) -> ProtocolSpec:
        sides = {"query": {"subsets": ["query"]}, "gallery": {"subsets": ["gallery"]}}
        return spec(**{"splits": [], "splits_by": "subset", **sides, **changes})

    def ids(self, **changes: Any) -> tuple[str, str, str]:
        split = resolve(self.subset_spec(**changes), DIVIDED, "m").split(0)
        train, query, gallery = (
            " ".join(record.id for record in side)
            for side in (split.train, split.query, split.gallery)
        )
        return train, query, gallery

    def test_by_hand(self) -> None:
        """Each subset is where its name says; junk and distractors stay in the gallery."""
        assert self.ids() == ("t1 t2", "q3 q4", "g3 g4 junk other")

    def test_a_camera_as_the_query_side(self) -> None:
        """Both test subsets can give one side, by some cameras only."""
        sides = {
            "query": {"subsets": ["query", "gallery"], "cameras": [2]},
            "gallery": {"subsets": ["gallery"], "cameras": [1]},
        }
        assert self.ids(**sides) == ("t1 t2", "g3 q4", "g4 junk")

    def test_there_is_one_split(self) -> None:
        """The layout divides a data set once."""
        protocol = resolve(self.subset_spec(), DIVIDED, "m")
        assert protocol.splits == 1
        with pytest.raises(UsageError, match="no split 1"):
            protocol.split(1)

    def test_the_id_by_hand(self) -> None:
        """The definition says by which subsets, and a camera beside them counts."""
        protocol = resolve(self.subset_spec(), DIVIDED, "m")
        assert protocol.definition == {
            "manifest": "m",
            "splits": ["by subset"],
            "query": {"cameras": None, "subsets": ["query"]},
            "gallery": {"cameras": None, "subsets": ["gallery"]},
            "junk": "same-camera",
            "degradation": None,
        }
        one = {"gallery": {"subsets": ["gallery"], "cameras": [1]}}
        assert resolve(self.subset_spec(**one), DIVIDED, "m").id != protocol.id

    @pytest.mark.parametrize(
        ("pids", "reason"),
        [
            ({"t1": 3}, "identity 3 both in training and in the test"),
            ({"t1": 0, "t2": -1}, "no image in the subset train"),
        ],
    )
    def test_a_layout_that_does_not_divide(self, pids: dict[str, int], reason: str) -> None:
        """A training subset without people, or with people of the test, is refused."""
        records = [replace(r, pid=pids.get(r.id, r.pid)) for r in DIVIDED]
        with pytest.raises(DataError, match=reason):
            resolve(self.subset_spec(), records, "m")

    def test_a_subset_without_images(self) -> None:
        """A side that has no folder is named."""
        records = [r for r in DIVIDED if r.subset != "query"]
        with pytest.raises(DataError, match="no image in the subset query, on the query side"):
            resolve(self.subset_spec(), records, "m")


class TestDegradation:
    def test_queries_are_degraded_and_nothing_else(self) -> None:
        """Each query has a drawn rate and its original's file; training and gallery do not."""
        protocol = resolve(spec(degradation=DEGRADATION), RECORDS, "m")
        split = protocol.split(0)
        plain = resolve(spec(), RECORDS, "m").split(0)
        assert (split.train, split.gallery) == (plain.train, plain.gallery)
        for query, original in zip(split.query, plain.query, strict=True):
            assert query.r in (2, 3, 4)
            assert query.id == f"{original.id}@r{query.r}"
            assert (query.hr_id, query.path) == (original.id, original.path)

    def test_the_draw_by_hand(self) -> None:
        """The rate is rates[n mod 3], n the first 8 bytes of the SHA-256 of the three names."""
        digest = hashlib.sha256(b'["viper", "cam_a/001_45.bmp", 0]').hexdigest()
        expected = (2, 3, 4)[int(digest[:16], 16) % 3]
        assert drawn_rate(DEGRADATION, "viper", "cam_a/001_45.bmp") == expected

    def test_the_draw_is_fair_and_depends_on_each_name(self) -> None:
        """Over 3,000 images each rate is drawn 1,000 times, within four standard deviations."""
        names = [f"{i:04d}.png" for i in range(3000)]
        times = Counter(drawn_rate(DEGRADATION, "viper", name) for name in names)
        assert all(abs(times[r] - 1000) < 4 * (3000 * 1 / 3 * 2 / 3) ** 0.5 for r in (2, 3, 4))
        other_seed = DEGRADATION.model_copy(update={"seed": 1})
        for changed in (
            [drawn_rate(other_seed, "viper", name) for name in names],
            [drawn_rate(DEGRADATION, "caviar", name) for name in names],
        ):
            same = sum(
                a == drawn_rate(DEGRADATION, "viper", b)
                for a, b in zip(changed, names, strict=True)
            )
            assert 800 < same < 1200  # a third agree by chance

    def test_one_draw_for_an_identity(self) -> None:
        """Per identity all images of a person share a rate, drawn by the number of the identity."""
        each = DEGRADATION.model_copy(update={"per": "identity"})
        lists = [{"train": [99], "test": list(range(1, 31))}]
        records = [record(pid, c, n) for pid in range(1, 31) for c in (1, 2) for n in range(4)]
        protocol = resolve(spec(degradation=each, splits=lists), [*records, record(99, 1)], "m")
        rates = {(q.pid, q.r) for q in protocol.split(0).query}
        assert rates == {(pid, drawn_rate(each, "tiny", pid)) for pid in range(1, 31)}
        assert {r for _, r in rates} == {2, 3, 4}
        digest = hashlib.sha256(b'["tiny", 7, 0]').hexdigest()
        assert drawn_rate(each, "tiny", 7) == (2, 3, 4)[int(digest[:16], 16) % 3]

    def test_rate_one_leaves_the_record(self) -> None:
        """An image that draws 1 stays what it is."""
        one = spec(degradation=DEGRADATION.model_copy(update={"rates": (1,)}))
        assert degraded(RECORDS[0], one) is RECORDS[0]


class TestLeaked:
    def test_by_hand(self) -> None:
        """Only test identities of the same data set are leaks, in ascending order."""
        split = resolve(spec(), RECORDS, "m").split(0)  # tests 3 and 4
        trained_on = ["tiny:4", "tiny:3", "tiny:1", "other:3", "tiny:33"]
        assert leaked(split, trained_on, "tiny", {}) == [3, 4]
        assert leaked(split, trained_on, "other", {}) == [3]
        assert leaked(split, [], "tiny", {}) == []

    @pytest.mark.parametrize("named", ["tiny", "mlr-tiny", "sr-tiny"])
    @pytest.mark.parametrize("tested", ["tiny", "mlr-tiny", "sr-tiny"])
    def test_forms_of_one_data_set(self, named: str, tested: str) -> None:
        """What is made from a data set has its identities, whichever form is trained or tested."""
        split = resolve(spec(), RECORDS, "m").split(0)  # tests 3 and 4
        origins = {"tiny": "tiny", "mlr-tiny": "tiny", "sr-tiny": "tiny", "other": "other"}
        assert leaked(split, [f"{named}:3", "other:4", "unheard-of:4"], tested, origins) == [3]
        assert leaked(split, [f"{named}:3"], "other", origins) == []

    @pytest.mark.parametrize("entry", ["tiny", "tiny:", ":3", "tiny:x", "tiny:-3", "3"])
    def test_an_entry_of_another_form(self, entry: str) -> None:
        """A list that cannot be read could hide a leak, so it is refused."""
        split = resolve(spec(), RECORDS, "m").split(0)
        with pytest.raises(WeightsError, match="which is not `dataset:pid`"):
            leaked(split, ["tiny:1", entry], "tiny", {})
