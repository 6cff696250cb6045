"""`harness check`: each tier, each outcome and each exit code, through the command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.gate.check import check_baseline
from harness.gate.verdict import Verdict
from harness.loader import load_plugins
from tests.gate.stall import ELSEWHERE, open_store, put_row

PEOPLE = 40
BEFORE = [q % 4 for q in range(2 * PEOPLE)]  # negatives before the match of each query
ROW = "baseline-hr/market1501/quick"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, as a checkout would be."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def gate(harness, folder, monkeypatch, tmp_path_factory):
    """Accept one row, and return a function that holds another, of a store of its own, against it.

    `None` in the place of the ranks leaves the store empty.
    """

    def hold(
        before: Mapping[tuple[int, int], Sequence[int]],
        after: Mapping[tuple[int, int], Sequence[int]] | None,
        *words: str,
        accept: Sequence[str] = (),
        was: Mapping[str, Any] | None = None,
        **named: Any,
    ):
        with open_store() as store:
            put_row(store, before, **(was or {}))
        accepted = harness("baseline", "accept", "main", "--reason", "first", *accept)
        assert accepted.code == 0, accepted.err
        monkeypatch.setenv("HARNESS_DB", str(tmp_path_factory.mktemp("new") / "new.sqlite"))
        with open_store() as store:
            if after is not None:
                put_row(store, after, **named)
        return harness("check", "--baseline", "main", "--json", *words)

    return hold


def one(rank_changes: Mapping[int, int] = {}) -> dict[tuple[int, int], list[int]]:
    """Return one trial with some queries changed."""
    return {(0, 0): [rank_changes.get(q, n) for q, n in enumerate(BEFORE)]}


def by_metric(outcome) -> dict[str, dict[str, Any]]:
    return {check["metric"]: check for check in outcome.json["checks"]}


class TestIntegrity:
    """The same model by the same code on the same machine."""

    def test_same_ranks_pass(self, gate):
        """Where all ranks are the same the gate is green, and says of how many queries."""
        found = gate(one(), one())

        assert (found.code, found.json["outcome"]) == (0, "pass")
        assert {c["tier"] for c in found.json["checks"]} == {"integrity"}
        assert "all of 80 queries" in by_metric(found)["ranks"]["what"]

    def test_one_other_rank_fails(self, gate):
        """One query with another rank is exit 4, even where it is a better one."""
        found = gate(one(), one({3: 2}))

        ranks = by_metric(found)["ranks"]
        assert (found.code, ranks["outcome"]) == (4, "fail")
        assert "1 of 80 queries" in ranks["what"]
        assert "raise the version of the method" in ranks["next_step"]
        assert by_metric(found)["rank1"]["outcome"] == "pass"
        assert by_metric(found)["map_sum_precision"]["outcome"] == "fail"

    def test_a_raised_version_is_another_model(self, gate):
        """A method whose version was raised may change ranks: its loss is judged instead."""
        found = gate(one(), one({3: 2}), method_version=2)

        assert found.code == 0
        assert by_metric(found)["rank1"]["tier"] == "checkpoint"

    def test_same_ranks_elsewhere_pass(self, gate):
        """Ranks that are the same settle the matter, wherever they were made."""
        found = gate(one(), one(), device=ELSEWHERE)

        assert (found.code, by_metric(found)["ranks"]["tier"]) == (0, "integrity")


class TestNumeric:
    """The same model on another machine."""

    def test_beyond_the_noise_fails(self, gate):
        """One rank of 80 is more than the noise floor of 0.01 points, three times widened."""
        found = gate(one(), one({1: 0}), device=ELSEWHERE)

        rank1 = by_metric(found)["rank1"]
        assert (found.code, rank1["tier"], rank1["outcome"]) == (1, "numeric", "fail")
        assert rank1["delta"]["value"] == pytest.approx(1.25)  # one query of 80
        assert rank1["margin"] == 0.03
        assert "the least there is" in rank1["what"]
        assert "widened 3 times" in rank1["what"]
        assert "--noise" in rank1["next_step"]

    def test_within_a_given_noise_passes(self, gate):
        """A floor given in points is widened as a learnt one, 0.5 to 1.5."""
        found = gate(one(), one({1: 0}), "--noise", "0.5", device=ELSEWHERE)

        assert (found.code, by_metric(found)["rank1"]["margin"]) == (0, 1.5)
        assert "as given" in by_metric(found)["rank1"]["what"]

    def test_on_a_gpu_bits_may_differ(self, gate):
        """On a GPU the numbers are held against the noise, not widened on the same machine."""
        gpu = {"type": "cuda", "name": "a GPU"}
        found = gate(one(), one({1: 0}), device=gpu, was={"device": gpu})

        assert by_metric(found)["rank1"]["tier"] == "numeric"
        assert by_metric(found)["rank1"]["margin"] == 0.01

    def test_a_bad_noise_is_refused(self, gate):
        """A noise that is no number of points is a usage error."""
        found = gate(one(), one(), "--noise", "-1")

        assert found.code == 2
        assert "-1 points are no noise" in found.err


class TestCheckpoint:
    """Another model: non-inferiority, person by person."""

    def test_a_certain_loss_fails(self, gate):
        """Where every person loses, the gate is red, with the interval and the margin."""
        found = gate(one(), {(0, 0): [n + 4 for n in BEFORE]}, model="other")

        rank1 = by_metric(found)["rank1"]
        assert (found.code, rank1["outcome"], rank1["tier"]) == (1, "fail", "checkpoint")
        assert rank1["delta"]["high"] < -rank1["margin"]
        assert rank1["p"] < 0.05
        assert rank1["detectable"] > rank1["margin"]

    def test_equal_numbers_by_other_ranks(self, gate):
        """A model that is as good with other ranks passes or is undecided, and never fails."""
        found = gate(one(), one({0: 1, 4: 1, 1: 0, 5: 0}), model="other")

        assert found.code == 0
        assert by_metric(found)["rank1"]["outcome"] in ("pass", "inconclusive")

    def test_undecided_is_green_and_red_under_strict(self, gate, harness):
        """Where the evidence does not decide, the exit code is 0, and 5 with --strict."""
        changed = one({0: 3, 8: 3, 1: 0})
        found = gate(one(), changed, model="other")
        strict = harness("check", "--json", "--strict")

        assert (found.code, found.json["outcome"]) == (0, "inconclusive")
        assert (strict.code, strict.json["outcome"]) == (5, "inconclusive")
        assert "neither certain nor excluded" in by_metric(found)["rank1"]["what"]

    def test_a_better_model_passes(self, gate):
        """A gain passes, and is called one."""
        found = gate(one(), {(0, 0): [0] * len(BEFORE)}, model="other")

        assert (found.code, by_metric(found)["rank1"]["what"]) == (0, "It is better.")

    def test_a_certain_loss_below_the_margin_passes(self, gate):
        """A loss that is certain, but smaller than the margin asked for, passes and is told."""
        worse = one(dict.fromkeys(range(0, 16, 4), 3))  # 4 of 80 rank-1 lost, 5 points
        found = gate(one(), worse, model="other", accept=("--margin", "20"))

        assert found.code == 0
        assert by_metric(found)["rank1"]["margin"] == 20
        assert "by less than the margin" in by_metric(found)["rank1"]["what"]

    def test_the_margin_of_one_metric(self, gate):
        """A margin can be of one metric, and 2 standard errors are the least."""
        found = gate(one(), one({1: 0, 2: 0}), model="other", accept=("--margin", "rank1=30"))

        assert by_metric(found)["rank1"]["margin"] == 30
        assert by_metric(found)["map_sum_precision"]["margin"] < 30
        assert "2 standard errors" in by_metric(found)["map_sum_precision"]["what"]


class TestMethod:
    """Five seeds on both sides."""

    def seeds(self, *shifts: int, first: int = 0) -> dict[tuple[int, int], list[int]]:
        return {(0, first + i): [n + shift for n in BEFORE] for i, shift in enumerate(shifts)}

    def test_a_worse_method_fails(self, gate):
        """Where models of all seeds are worse, the method is, whatever the seeds are called."""
        found = gate(self.seeds(0, 0, 0, 0, 0), self.seeds(9, 8, 9, 9, 8, first=10), model="other")

        rank1 = by_metric(found)["rank1"]
        assert (found.code, rank1["tier"], rank1["outcome"]) == (1, "method", "fail")
        assert "The method is worse" in rank1["what"]
        assert rank1["delta"]["method"] == "seeds and identities resampled"

    def test_an_unlucky_seed_does_not_fail(self, gate):
        """One bad seed of five does not convict a method."""
        found = gate(self.seeds(0, 0, 0, 0, 0), self.seeds(0, 0, 9, 0, 0), model="other")

        assert found.code == 0

    def test_four_seeds_are_models(self, gate):
        """With four seeds the question is one of checkpoints."""
        found = gate(self.seeds(0, 0, 0, 0), self.seeds(1, 0, 1, 0), model="other")

        assert by_metric(found)["rank1"]["tier"] == "checkpoint"

    def test_ten_splits_are_a_method(self, gate):
        """Ten splits with a fit each are enough to speak of a method."""
        before = {(split, 0): BEFORE for split in range(10)}
        after = {(split, 0): [n + split % 2 for n in BEFORE] for split in range(10)}

        assert by_metric(gate(before, after, model="other"))["rank1"]["tier"] == "method"

    def test_splits_do_not_stand_for_seeds(self, gate):
        """Ten splits are not held against five seeds of one: the seeds that are gone are told."""
        after = {(split, 0): [n + 9 for n in BEFORE] for split in range(10)}
        found = gate(self.seeds(0, 0, 0, 0, 0), after, model="other")

        (check,) = found.json["checks"]
        assert (found.code, check["outcome"]) == (1, "missing")
        assert "4 of 5 trials" in check["what"]

    def test_without_training_ten_splits_are_no_method(self, gate):
        """Where nothing was trained there is no method to speak of."""
        before = {(split, 0): BEFORE for split in range(10)}
        after = {(split, 0): [n + split % 2 for n in BEFORE] for split in range(10)}
        found = gate(before, after, model=None, was={"model": None}, method_version=2)

        assert by_metric(found)["rank1"]["tier"] == "checkpoint"


class TestVanishedAndUnlike:
    """What is not there, and what cannot be compared."""

    def test_a_vanished_row_fails(self, gate):
        """A row that the store does not have is exit 1, with the command to run."""
        found = gate(one(), None)

        (check,) = found.json["checks"]
        assert (found.code, check["outcome"], check["row"]) == (1, "missing", ROW)
        assert "harness run --plugin baseline-hr --dataset market1501" in check["next_step"]

    def test_a_vanished_split_fails(self, gate):
        """A trial that is gone is exit 1, and is named."""
        found = gate({(0, 0): BEFORE, (1, 0): BEFORE}, one())

        assert found.code == 1
        assert "split 1, seed 0" in found.json["checks"][0]["what"]

    def test_an_unlike_protocol_is_refused(self, gate):
        """Another protocol of the same name is exit 4, and no number is compared."""
        found = gate(one(), one(), protocol_id="q" * 64)

        (check,) = found.json["checks"]
        assert (found.code, check["outcome"], check["new"]) == (4, "refused", None)
        assert "protocol market1501 is another" in check["what"]

    def test_other_images_are_refused(self, gate):
        """Another manifest is told as other images."""
        found = gate(one(), one(), protocol_id="q" * 64, manifest="m2")

        assert found.code == 4
        assert "images of market1501 are others" in found.json["checks"][0]["what"]

    def test_a_new_row_is_listed(self, gate, harness):
        """A row that the baseline does not have is named, and fails nothing."""
        gate(one(), one())
        with open_store() as store:
            put_row(store, one(), method="intact")
        found = harness("check", "--json")

        assert (found.code, found.json["new_rows"]) == (0, ["intact/market1501/quick"])

    def test_a_new_row_is_told_from_those_of_the_baseline(self, gate, harness):
        """A row that the baseline does not have is not called as one that it has."""
        gate(one(), one())
        with open_store() as store:
            put_row(store, one(), config_hash="c2", narrowed="128 x 64; lr=0.1")
        found = harness("check", "--json")

        assert (found.code, found.json["new_rows"]) == (0, [f"{ROW}/c2"])

    def test_another_version_of_a_metric_is_refused(self, gate):
        """A metric that is here in another version only is exit 4, and no number is compared."""
        gate(one(), one({3: 2}), model="other")
        registry = load_plugins()
        spec = registry.metrics.pop("map_sum_precision@1")
        registry.metrics["map_sum_precision@2"] = replace(spec, version=2)
        with open_store() as store:
            verdict = check_baseline("main", store, registry)

        (refused,) = verdict.where("refused")
        assert (verdict.exit_code, refused.metric) == (4, "map_sum_precision")
        assert "here is map_sum_precision@2" in refused.what

    def test_a_metric_that_changed_in_silence_is_refused(self, gate):
        """A metric that gives the baseline's own evidence another number is exit 4."""
        gate(one(), one())
        registry = load_plugins()
        spec = registry.metrics["map_sum_precision@1"]
        registry.metrics[spec.name] = replace(
            spec, compute="harness.definitions.counts:map_trapezoid"
        )
        with open_store() as store:
            verdict = check_baseline("main", store, registry)
        (refused,) = verdict.where("refused")
        assert (verdict.exit_code, refused.metric) == (4, "map_sum_precision")
        assert "computed otherwise" in refused.what


def test_holm_counts_rows_and_metrics(harness, folder, monkeypatch, tmp_path_factory):
    """With two rows that changed alike, the smaller p-value is twice what it is with one."""
    changed = one(dict.fromkeys(range(0, 40, 4), 3))  # every second of 20 persons loses a rank-1
    smallest = {}
    for number in (1, 2):
        for changes, model in ((one(), "model"), (changed, "other")):
            monkeypatch.setenv("HARNESS_DB", str(tmp_path_factory.mktemp("db") / "db.sqlite"))
            with open_store() as store:
                for method in ("baseline-hr", "intact")[:number]:
                    put_row(store, changes, method=method, model=model)
            if model == "model":
                harness("baseline", "accept", f"of-{number}", "--reason", "first")
        found = harness("check", "--baseline", f"of-{number}", "--json").json
        smallest[number] = min(check["p"] for check in found["checks"])

    assert 0 < smallest[2] < 1
    assert smallest[2] == pytest.approx(2 * smallest[1], abs=3e-6)


def test_the_verdict_is_valid(gate):
    """What --json prints is a verdict, byte for byte what the library gives."""
    found = gate(one(), {(0, 0): [n + 4 for n in BEFORE]}, model="other")
    verdict = Verdict.model_validate(found.json)

    assert verdict.exit_code == found.code == 1
    assert verdict.reason == "first"


def test_nothing_new_is_told(gate, harness, monkeypatch):
    """Where the store's scores are the accepted ones, the verdict says that nothing was run."""
    gate(one(), one())
    monkeypatch.delenv("HARNESS_DB")

    found = harness("check", "--json")

    assert found.code == 0
    assert f"Nothing new was run of {ROW}" in found.json["notes"][0]


def test_the_table_is_for_people(gate, harness):
    """Without --json it prints rows, what failed with a next step, and how many passed."""
    gate(one(), {(0, 0): [n + 4 for n in BEFORE]}, model="other")

    found = harness("check")

    assert found.code == 1
    assert f"{ROW} (checkpoint)\n" in found.out
    assert "fail: baseline-hr/market1501/quick, rank1: It is worse by more than" in found.out
    assert "harness baseline accept" in found.out
    assert "2 failed of 2 checks" in found.out


def test_out_writes_the_reports(gate, folder):
    """--out writes the verdict beside what CI reads."""
    gate(one(), one(), "--out", "reports")

    assert {"verdict.json", "junit.xml"} <= {path.name for path in (folder / "reports").iterdir()}


def test_the_schema_is_printed(harness):
    """--schema prints the JSON Schema of a verdict and checks nothing."""
    found = harness("check", "--schema")

    assert found.code == 0
    assert found.json["title"] == "Verdict"


def test_an_unknown_baseline(harness, folder):
    """A baseline that there is not is exit 2, with the command that lists them."""
    found = harness("check", "--baseline", "mian")

    assert found.code == 2
    assert "no baseline in baselines called 'mian'" in found.err


def test_times_against_none(gate, folder):
    """Times held against a baseline that has none are a usage error."""
    (folder / "times.json").write_text("{}")
    found = gate(one(), one(), "--benchmark", "times.json")

    assert found.code == 2
    assert "has no times" in found.err
