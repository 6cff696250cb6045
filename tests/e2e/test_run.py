"""`harness run` through the command line: a newcomer's first minutes, on the embedded data set."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("synthped")

# The smoke recipe, smaller: seconds instead of a minute.
TINY = [
    *("--recipe", "smoke", "--device", "cpu"),
    *("--set", "base_width=4", "--set", "height=48", "--set", "width=24", "--set", "images=256"),
]
TINY_RUN = ["run", "--plugin", "baseline-hr-lr", "--dataset", "synthped", *TINY]


def numbers(report) -> dict[str, float]:
    """Return the values of a JSON report by metric."""
    return {name: metric["value"] for name, metric in report["metrics"].items()}


def test_run_prints_one_json_object(harness):
    """A run ends with one JSON object: run, protocol, and every metric with its interval."""
    report = harness(*TINY_RUN, "--json").json

    assert report["status"] == "done"
    assert len(report["protocol_id"]) == 64
    assert report["headline"] == "cmc_single@1"
    rank1 = report["metrics"]["rank1"]
    assert rank1["metric"] == "cmc_single@1"
    assert 0 <= rank1["low"] <= rank1["value"] <= rank1["high"] <= 100
    assert rank1["n_identities"] == 32
    assert set(report["metrics"]) >= {"rank5", "map_sum_precision", "map_trapezoid", "minp"}
    for part in ("16 of 64 channels", "base_width=4", "images=256", "height=48", "width=24"):
        assert part in report["narrowed"]


def test_same_command_reuses_what_is_done(harness):
    """The same command again trains nothing, links the same score and prints the same numbers."""
    first = harness(*TINY_RUN, "--json").json
    second = harness(*TINY_RUN, "--json").json

    assert second["trials"][0]["reused"]
    assert second["trials"][0]["score_id"] == first["trials"][0]["score_id"]
    assert numbers(second) == numbers(first)
    assert second["run_id"] != first["run_id"]


def test_run_names_the_model_that_each_trial_left(harness):
    """The address that a run prints, in words and as JSON, is one that the registry knows."""
    report = harness(*TINY_RUN, "--json").json
    model = report["trials"][0]["model"]

    assert model == "models:/baseline-hr-lr-synthped/1"
    assert model in harness(*TINY_RUN).out
    assert harness("models", "show", model, "--json").json["address"] == model


def test_fresh_trains_again_to_the_same_numbers(harness):
    """`--fresh` trains a new repeat; on CPU it comes to the same numbers."""
    first = harness(*TINY_RUN, "--json").json
    second = harness(*TINY_RUN, "--fresh", "--json").json

    assert not second["trials"][0]["reused"]
    assert second["trials"][0]["fit_id"] != first["trials"][0]["fit_id"]
    assert numbers(second) == numbers(first)


def test_trials_take_splits_first_then_seeds(harness):
    """With more trials than splits, every split comes once before a second seed."""
    words = ["run", "--plugin", "initial-weights", "--dataset", "synthped", *TINY]
    report = harness(*words, "--trials", "5", "--seed", "7", "--json").json

    assert [(t["split"], t["seed"]) for t in report["trials"]] == [
        *((0, 7), (1, 7), (2, 7), (3, 7)),
        (0, 8),
    ]
    assert report["metrics"]["rank1"]["n_trials"] == 5
    assert report["metrics"]["rank1"]["n_seeds"] == 2
    assert report["images_per_second"] is None


def test_table_for_people(harness):
    """Without --json the numbers are a table; what is narrowed and the weights stand under it."""
    outcome = harness(*TINY_RUN)

    assert outcome.code == 0
    assert "95 % interval" in outcome.out
    assert "weights none" in outcome.out
    assert "16 of 64 channels" in outcome.out
    assert "1 trial of about" in outcome.err


def test_bundle_carries_a_run_to_another_store(harness, tmp_path, monkeypatch):
    """A run exported here and imported elsewhere is the same run there."""
    report = harness(*TINY_RUN, "--json").json
    bundle = tmp_path / "runs.jsonl"
    assert harness("runs", "export", "--out", str(bundle)).code == 0
    assert str(Path.home()) not in bundle.read_text()

    monkeypatch.setenv("HARNESS_HOME", str(tmp_path / "elsewhere"))
    assert harness("runs", "import", str(bundle)).code == 0
    there = harness("runs", "show", report["run_id"], "--json").json

    assert there["status"] == "done"
    assert report["run_id"] in json.dumps(there)


class Started:
    """A `harness run` in a process of its own, to be stopped in the middle."""

    def __init__(self, home: Path) -> None:
        self.home = home
        environment = {**os.environ, "HARNESS_CHECKPOINT_SECONDS": "0"}
        command = [sys.executable, "-c", "from harness.cli import main; main()", *TINY_RUN]
        self.process = subprocess.Popen(
            [*command, "--set", "images=960", "--json"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for_a_checkpoint(self) -> None:
        deadline = time.monotonic() + 120
        while not list(self.home.glob("checkpoints/*/checkpoint.pt")):
            assert self.process.poll() is None, self.process.stderr
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 75), (signal.SIGTERM, 75), (signal.SIGKILL, -9)]
)
def test_stopped_in_the_middle_it_resumes_to_the_same_numbers(harness, home, number, code):
    """Stopped by Ctrl-C, SIGTERM or kill -9, a run is shown as interrupted and loses nothing."""
    started = Started(home)
    started.wait_for_a_checkpoint()
    started.process.send_signal(number)
    out, err = started.process.communicate(timeout=60)
    assert started.process.returncode == code, err
    if code == 75:
        assert json.loads(out)["status"] == "interrupted"
    assert [run["status"] for run in harness("runs", "list", "--json").json] == ["interrupted"]

    words = [*TINY_RUN, "--set", "images=960", "--json"]
    resumed = harness(*words).json
    anew = harness(*words, "--fresh").json

    assert not list(home.glob("checkpoints/*"))
    assert resumed["trials"][0]["fit_id"] != anew["trials"][0]["fit_id"]
    assert numbers(resumed) == numbers(anew)
    assert len({model["sha256"] for model in harness("models", "list", "--json").json}) == 1
    with sqlite3.connect(home / "harness.sqlite") as store:
        steps = store.execute(
            "select step, count(*) from loss where fit_id = ? and name = 'cls' group by step",
            (resumed["trials"][0]["fit_id"],),
        ).fetchall()
    assert [step for step, _ in steps] == list(range(1, 31))
    assert {count for _, count in steps} == {1}


def test_smoke_learns(harness):
    """Trained by the `smoke` recipe, a baseline leaves the interval of the untrained row."""
    words = ["run", "--dataset", "synthped", "--recipe", "smoke", "--device", "cpu", "--json"]
    untrained = harness(*words, "--plugin", "initial-weights").json["metrics"]["rank1"]
    trained = harness(*words, "--plugin", "baseline-hr-lr").json["metrics"]["rank1"]

    assert 3 * 100 / 32 < untrained["value"] < 60
    assert trained["low"] > untrained["high"]
