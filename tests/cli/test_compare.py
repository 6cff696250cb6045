"""The promises of `harness compare`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.store import RecordIds, Store
from harness.types import Evidence
from tests.store.filler import Filler

PROTOCOL = "p" * 16
ROOT = Path(__file__).parents[2]
QUERIES = RecordIds(
    tuple(f"far/{pid}_{i}.jpg" for pid in range(1, 6) for i in range(2)),
    tuple(pid for pid in range(1, 6) for _ in range(2)),
    (2,) * 10,
)
GALLERY = RecordIds(
    tuple(f"near/{pid}.jpg" for pid in range(1, 31)), tuple(range(1, 31)), (1,) * 30
)

GOOD = (1, 1, 1, 2, 1, 3, 1, 1, 5, 5)
"""The rank of the match of each query: rank-1 of identities 1 to 5 is 1, 1/2, 1/2, 1, 0."""

POOR = (1, 3, 2, 2, 4, 3, 9, 8, 5, 1)
"""Of identities 1 to 5: 1/2, 0, 0, 0, 1/2."""


def evidence(ranks: Sequence[int], **named: Any) -> Evidence:
    """Return the evidence of queries whose one match has these ranks among 30 images."""
    rank = np.array(ranks)
    number = len(rank)
    return Evidence(
        offsets=np.arange(number + 1),
        nearer=rank - 1,
        equal=np.zeros(number, np.int64),
        valid=np.full(number, 30),
        identities=np.full(number, 30),
        top_index=np.tile(np.arange(10), (number, 1)),
        top_distance=np.tile(np.arange(10, dtype=np.float32), (number, 1)),
        single_cmc=(rank[:, None] <= np.arange(1, 21)).astype(float),
        single_reciprocal=1 / rank,
        **named,
    )


class Arena:
    """Stores runs whose ranks a test chooses."""

    def __init__(self, store: Store) -> None:
        self.store, self.fill = store, Filler(store)

    def run(
        self,
        method: str,
        *trials: Evidence,
        first: int = 0,
        protocol: str = PROTOCOL,
        finish: bool = True,
    ) -> str:
        """Store a run with one split for each evidence, and return its id."""
        self.fill.protocol(id=protocol)
        run_id = self.fill.run(method=method, protocol_id=protocol)
        for split, each in enumerate(trials, first):
            self.store.put_records(protocol, split, query=QUERIES, gallery=GALLERY)
            fit = self.fill.fit(run_id, method=method, split=split)
            self.fill.score(run_id, fit, protocol_id=protocol, evidence=each)
        if finish:
            self.store.finish_run(run_id, "done")
        return run_id


@pytest.fixture
def arena(home: Path) -> Iterator[Arena]:
    with Store.open(f"sqlite:///{home / 'harness.sqlite'}", home=home) as opened:
        yield Arena(opened)


@pytest.fixture
def good(arena: Arena) -> str:
    return arena.run("good", evidence(GOOD), evidence(GOOD))


@pytest.fixture
def poor(arena: Arena) -> str:
    return arena.run("poor", evidence(POOR), evidence(POOR))


def test_json(harness, good, poor):
    """The difference, its interval, p, the verdict and the sensitivity of every common metric."""
    found = harness("compare", good[:8], poor[:8], "--json").json
    rank1 = found["metrics"]["rank1"]

    # Rank-1: 6 of 10 queries against 2 of 10. By identity 1/2, 1/2, 1/2, 1, -1/2: tenths 1, 1, 1,
    # 2, -1. With other signs they sum up to 6 in one way, to 4 in four (a 1 less), then to 2: of 32
    # patterns 2 x 5 are as far as 4.
    assert (rank1["a"], rank1["b"], rank1["delta"]["value"]) == (60.0, 20.0, 40.0)
    assert rank1["p"] == 10 / 32
    assert rank1["p_method"] == "sign flips of identities, all 32"
    assert rank1["metric"] == "cmc_single@1"
    assert rank1["delta"]["low"] <= 40 <= rank1["delta"]["high"]
    assert rank1["tied"] is (rank1["delta"]["low"] <= 0)
    assert (rank1["delta"]["n_identities"], rank1["delta"]["n_trials"]) == (5, 2)
    # s^2 of the five means is 0.3, SE = sqrt(0.3 / 5); t with 4 degrees: 2.7764 and 0.9410.
    assert rank1["detectable"] == pytest.approx(100 * 0.06**0.5 * 3.7174, abs=0.01)
    assert found["trials"] == [{"split": 0, "seed": 1}, {"split": 1, "seed": 1}]
    assert (found["a"]["runs"], found["b"]["method"]) == ([good], "poor")
    assert next(iter(found["metrics"])) == "rank1"


def test_who_wins_where(harness, good, poor):
    """Identities and queries are counted; the largest wins come with the ids of the queries."""
    wins = harness("compare", good, poor, "--json").json["wins"]

    assert wins["metric"] == "rank1"
    assert wins["identities"] == {"a": 4, "b": 1, "equal": 0}
    assert wins["queries"] == {"a": 10, "b": 2, "equal": 8}
    first, *_ = wins["largest"]["a"]
    assert (first["pid"], first["delta"]) == (4, 100.0)
    (lost,) = wins["largest"]["b"]
    assert (lost["pid"], lost["delta"]) == (5, -50.0)
    assert lost["queries"][0] == {
        "id": "far/5_1.jpg",
        "split": 0,
        "seed": 1,
        "a": 0.0,
        "b": 100.0,
    }
    assert len(lost["queries"]) == 4


def test_agreement(harness, good, poor):
    """The intra-identity correlation and the design effect of A, of B and of A - B are told."""
    found = harness("compare", good, poor, "--metric", "rank1", "--json").json
    agreement = found["metrics"]["rank1"]["agreement"]

    # A: means 1, 1/2, 1/2, 1, 0, of all 0.6. MSB = 2 x 0.7 / 4 = 0.35, MSW = 2 x 1/2 / 5 = 0.2,
    # ICC = 0.15 / 0.55. B: means 1/2, 0, 0, 0, 1/2, of all 0.2; MSB = 2 x 0.3 / 4 = 0.15, MSW 0.2,
    # ICC = -0.05 / 0.35.
    assert agreement["a"] == {
        "icc": pytest.approx(0.15 / 0.55, abs=1e-4),
        "queries_each": 2.0,
        "design_effect": pytest.approx(1 + 0.15 / 0.55, abs=1e-4),
    }
    assert agreement["b"]["icc"] == pytest.approx(-0.05 / 0.35, abs=1e-4)
    assert set(agreement) == {"a", "b", "delta"}


def test_text(harness, good, poor):
    """The text names both, the verdict and its rule, the wins and the agreement."""
    text = harness("compare", good, poor).out

    assert f"A: good on caviar, recipe quick (run {good[:8]})" in text
    assert "2 common trials, 5 identities" in text
    assert "map_sum_precision" in text
    assert "+40.0" in text
    assert "tied where it holds zero" in text
    assert "sign flips of identities, all 32" in text
    assert "far/5_1.jpg, split 0, seed 1 (0.0 | 100.0)" in text
    assert "0.27 (1.3)" in text
    assert max(map(len, text.splitlines())) <= 110


def test_swapped(harness, good, poor):
    """B against A has the differences with the other sign, the same p and the same verdicts."""
    one = harness("compare", good, poor, "--json").json["metrics"]
    other = harness("compare", poor, good, "--json").json["metrics"]

    assert one.keys() == other.keys()
    for name, metric in one.items():
        assert metric["delta"]["value"] == -other[name]["delta"]["value"]
        assert metric["p"] == other[name]["p"]
        assert metric["tied"] == other[name]["tied"]
        assert {metric["better"], other[name]["better"]} in ({None}, {"a", "b"})


def test_with_itself(harness, good):
    """A run is tied with itself: 0, p 1, and every query equal."""
    found = harness("compare", good, good, "--json").json

    for metric in found["metrics"].values():
        assert (metric["delta"]["value"], metric["p"], metric["tied"]) == (0.0, 1.0, True)
        assert metric["better"] is None
    assert found["wins"]["queries"] == {"a": 0, "b": 0, "equal": 20}
    assert "tied" in harness("compare", good, good).out


def test_rows(harness, arena, good):
    """Rows take the trials of all their runs; only the common ones are compared."""
    arena.run("poor", evidence(POOR))
    arena.run("poor", evidence(POOR), evidence(POOR), first=1)
    found = harness("compare", "good/caviar", "poor", "--json").json

    assert (found["a"]["kind"], found["b"]["kind"]) == ("row", "row")
    assert len(found["b"]["runs"]) == 2
    assert [trial["split"] for trial in found["trials"]] == [0, 1]


def test_metric(harness, good, poor):
    """With --metric there is that metric only, and the wins are by it."""
    found = harness("compare", good, poor, "--metric", "map_sum_precision", "--json").json

    assert list(found["metrics"]) == ["map_sum_precision"]
    assert found["wins"]["metric"] == "map_sum_precision"


def test_metric_of_which_lower_is_better(harness, arena):
    """Of LPIPS the lower one is better, and what only one run has is named."""
    values = np.linspace(0.1, 0.2, 10)
    a = arena.run("a", evidence(GOOD, measured={"lpips@1": values, "psnr@1": values + 20}))
    b = arena.run("b", evidence(POOR, measured={"lpips@1": values + 0.1}))
    found = harness("compare", a, b, "--metric", "lpips", "--json").json

    assert found["metrics"]["lpips"]["better"] == "a"
    assert found["metrics"]["lpips"]["delta"]["value"] == -0.1
    assert found["wins"]["identities"] == {"a": 5, "b": 0, "equal": 0}
    assert (found["only_a"], found["only_b"]) == (["psnr"], [])
    assert "Only A has psnr." in harness("compare", a, b).out


def test_metric_without_a_value(harness, arena):
    """A metric that no query of a trial has a value of is named, without a number."""
    nothing = {"psnr@1": np.full(10, np.nan)}
    run = arena.run("a", evidence(GOOD, measured=nothing))
    found = harness("compare", run, run, "--metric", "psnr", "--json").json

    assert found["metrics"]["psnr"]["delta"]["value"] is None
    assert found["wins"] is None
    assert "Without a value in a trial: psnr." in harness("compare", run, run).out
    assert harness("compare", run, run, "--metric", "psnr").code == 0


class TestRefusals:
    @pytest.mark.parametrize("name", ["nothing", "good/viper"])
    def test_unknown(self, harness, good, name):
        """An id or name that is not there is refused with what there is."""
        outcome = harness("compare", good, name)

        assert outcome.code == 2
        assert f"called {name!r}" in outcome.err

    def test_different_protocols(self, harness, arena, good):
        """Scores of two protocols are never compared."""
        other = arena.run("other", evidence(POOR), protocol="q" * 16)
        outcome = harness("compare", good, other)

        assert outcome.code == 2
        assert "under protocol pppppppp" in outcome.err
        assert "under protocol qqqqqqqq" in outcome.err
        assert "Compare runs or rows of one protocol." in outcome.err

    def test_no_common_trial(self, harness, arena, good):
        """Runs over different splits do not decide which is better."""
        other = arena.run("other", evidence(POOR), first=2)
        outcome = harness("compare", good, other)

        assert outcome.code == 5
        assert "no trial (split and seed) in common" in outcome.err

    def test_run_without_scores(self, harness, arena, good):
        """A run that has no score yet is refused with its status."""
        outcome = harness("compare", good, arena.run("other", finish=False))

        assert outcome.code == 5
        assert "(interrupted) has no score to compare" in outcome.err

    def test_metric_that_one_lacks(self, harness, arena, good):
        """A metric that one of them lacks is refused with those that both have."""
        values = {"psnr@1": np.full(10, 20.0), "ssim@1": np.full(10, 0.5)}
        restoring = arena.run("a", evidence(GOOD, measured=values))
        outcome = harness("compare", restoring, good, "--metric", "psnr")

        assert outcome.code == 2
        assert f"{good[:8]} has no psnr." in outcome.err
        assert "rank1" in outcome.err
        assert "ssim" not in outcome.err

    def test_metric_that_the_other_one_lacks(self, harness, arena, good):
        """What is offered is what both have, whichever of them lacks the metric asked for."""
        restoring = arena.run("a", evidence(GOOD, measured={"ssim@1": np.full(10, 0.5)}))
        outcome = harness("compare", restoring, good, "--metric", "psnr")

        assert f"{restoring[:8]} has no psnr." in outcome.err
        assert "rank1" in outcome.err
        assert "ssim" not in outcome.err

    def test_unknown_metric(self, harness, good):
        """A metric that does not exist is refused with the nearest that does."""
        outcome = harness("compare", good, good, "--metric", "rank2")

        assert outcome.code == 2
        assert "no metric called 'rank2'" in outcome.err
        assert "Did you mean 'rank20'?" in " ".join(outcome.err.split())

    @pytest.mark.parametrize("typo", ["rank2", "tar_at_far"])
    def test_only_what_both_have_is_offered(self, harness, arena, good, typo):
        """A typo is answered with metrics that both have values of, and with no other."""
        values = {"ssim@1": np.full(10, 0.5), "psnr@1": np.full(10, np.nan)}
        a = arena.run("a", evidence(GOOD, measured=values))
        b = arena.run("b", evidence(POOR, measured=values))
        offered = re.findall(r"\w+", harness("compare", a, b, "--metric", typo).err)

        assert {"rank1", "minp", "ssim"} < set(offered)
        assert not {"psnr", "lpips", "eer", "tar_at_far_1e", "cmc_draws_rank1"} & set(offered)
        with_good = harness("compare", a, good, "--metric", typo).err
        assert "ssim" not in with_good
        for name in set(offered) & set(harness("compare", a, b, "--json").json["metrics"]):
            assert harness("compare", a, b, "--metric", name).code == 0


def test_help_has_an_example(harness):
    """The help shows how it is typed."""
    assert "harness compare 389781ad 0e6eca36" in " ".join(harness("compare", "--help").out.split())


def test_lines_of_the_readme(harness):
    """Every `harness compare` of the README works after the import that it tells of."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"^ {4}harness (compare .*)$", text, flags=re.MULTILINE)
    bundles = sorted(map(str, (ROOT / "results").glob("*.jsonl")))
    assert harness("runs", "import", *bundles).code == 0

    assert len(lines) >= 2
    for line in lines:
        outcome = harness(*shlex.split(line, comments=True))
        assert (outcome.code, outcome.err) == (0, ""), line
