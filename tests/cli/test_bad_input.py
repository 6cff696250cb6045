"""Bad input: one clear sentence, a next step, an exit code, and nothing lost."""

from __future__ import annotations

import json
import shutil
import sqlite3

import pytest
import torch
from safetensors.torch import save_file

from harness.nn import ResNet50

TINY = [
    *("--recipe", "smoke", "--device", "cpu"),
    *("--set", "base_width=4", "--set", "height=32", "--set", "width=16", "--set", "images=64"),
]


def run_words(plugin="baseline-hr", dataset="synthped", *more):
    return ["run", "--plugin", plugin, "--dataset", dataset, *TINY, *more]


@pytest.mark.usefixtures("synthped")
@pytest.mark.parametrize(
    ("words", "code", "what", "next_step"),
    [
        (run_words("baselin-hr"), 2, "no plugin called 'baselin-hr'", "mean 'baseline-hr'"),
        (run_words(dataset="synthpet"), 2, "no dataset called 'synthpet'", "mean 'synthped'"),
        (
            ["run", "--plugin", "baseline-hr", "--dataset", "synthped", "--recipe", "quik"],
            2,
            "no recipe of 'baseline-hr' called 'quik'",
            "mean 'quick'",
        ),
        (
            run_words("baseline-hr", "synthped", "--set", "learning=1"),
            2,
            "no setting of 'baseline-hr' called 'learning'",
            "Known: ",
        ),
        (
            run_words("baseline-hr", "synthped", "--set", "margni=1"),
            2,
            "no setting of 'baseline-hr' called 'margni'",
            "mean 'margin'",
        ),
        (
            run_words("baseline-hr", "synthped", "--set", "lr=fast"),
            2,
            "lr='fast' does not fit",
            "drop `--set lr=...`",
        ),
        (run_words("baseline-hr", "synthped", "--set", "lr"), 2, "'lr' is no setting", "key=value"),
        (
            run_words("baseline-hr", "synthped", "--device", "tpu"),
            2,
            "no device 'tpu'",
            "auto, cpu or cuda",
        ),
        (
            run_words("baseline-hr", "synthped", "--weights", "nowhere.pth"),
            7,
            "no weight file nowhere.pth",
            "Give `--weights",
        ),
        (
            run_words("baseline-hr", "synthped", "--set", "batch_identities=99"),
            2,
            "P = 99 identities",
            "--set batch_identities",
        ),
        (run_words(dataset="caviar"), 6, "no copy of CAVIAR4REID", "synthped` runs without"),
        (["runs", "show", "abcdef"], 2, "abcdef", "runs list"),
        (["papers", "show", "rian"], 2, "'rian'", "mean 'rain'"),
    ],
)
def test_one_sentence_and_a_next_step(harness, words, code, what, next_step):
    """A wrong name or value is answered with what is wrong, what to do, and its exit code."""
    outcome = harness(*words)
    text = " ".join(outcome.err.split())

    assert outcome.code == code
    assert what in text
    assert next_step in text
    assert "Traceback" not in text


@pytest.mark.parametrize(
    "words",
    [
        ("run",),
        ("run", "--plugn", "x"),
        ("frobnicate",),
        ("runs", "show"),
        ("run", "--trials", "0"),
    ],
    ids=" ".join,
)
def test_misused_command_is_a_usage_error(harness, words):
    """A missing, unknown or impossible option, or an unknown command, exits with 2."""
    outcome = harness(*words)

    assert outcome.code == 2
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [(KeyboardInterrupt(), 75, ""), (ZeroDivisionError("division by zero"), 70, "should not")],
)
def test_interrupt_and_bug_have_their_own_codes(harness, monkeypatch, raised, code, said):
    """Ctrl-C anywhere exits with 75, an unforeseen exception with 70 and a sentence."""

    def fail(*_args, **_kwargs):
        raise raised

    monkeypatch.setattr("harness.cli.plugins.load_plugins", fail)
    outcome = harness("plugins", "list")

    assert outcome.code == code
    assert said in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.usefixtures("synthped")
def test_run_without_training_images(harness):
    """`images=0` trains nothing and is scored."""
    assert harness(*run_words(), "--set", "images=0", "--json").json["images_per_second"] is None


@pytest.mark.usefixtures("synthped")
def test_failed_run_is_json_too(harness):
    """With --json a run that fails prints one object that says so, with its id and its error."""
    outcome = harness(*run_words(), "--set", "lr=1e30", "--set", "head_lr=1e30", "--json")

    assert outcome.code == outcome.json["exit_code"] == 8
    assert outcome.json["status"] == "failed"
    assert outcome.json["run_id"] == harness("runs", "list", "--json").json[0]["run_id"]
    assert "the loss" in outcome.json["error"]


@pytest.mark.usefixtures("synthped")
def test_cuda_asked_for_and_absent(harness):
    """`--device cuda` without one is refused before anything starts."""
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    outcome = harness(*run_words("baseline-hr", "synthped"), "--device", "cuda")

    assert outcome.code == 7
    assert "finds no CUDA device" in outcome.err
    assert "--device cpu" in outcome.err


@pytest.mark.usefixtures("synthped")
def test_weights_that_saw_the_test_identities_are_refused(harness, tmp_path):
    """Weights that declare a test identity of the split among their own are refused."""
    file = tmp_path / "leak.safetensors"
    everyone = json.dumps([f"synthped:{pid}" for pid in range(1, 65)])
    save_file(ResNet50(width=4).state_dict(), file, {"trained_on": everyone})
    refused = harness(*run_words(), "--weights", str(file))
    save_file(ResNet50(width=4).state_dict(), file, {"trained_on": json.dumps(["market1501:1"])})
    accepted = harness(*run_words(), "--weights", str(file), "--json")

    assert refused.code == 7
    assert "trained on 32 of the test identities of split 0 of synthped" in refused.err
    assert accepted.json["weights"] == "leak.safetensors"


@pytest.mark.usefixtures("synthped")
def test_weights_of_another_architecture_are_reported(harness, tmp_path):
    """Weights that do not fit are refused with what is missing, unexpected or misshapen."""
    file = tmp_path / "wide.safetensors"
    save_file(ResNet50(width=8).state_dict(), file, {"trained_on": "[]"})
    outcome = harness(*run_words(), "--weights", str(file))

    assert outcome.code == 7
    assert "of another shape (bn1.bias (8,) for (4,)" in " ".join(outcome.err.split())


@pytest.mark.usefixtures("synthped")
def test_nan_loss_fails_the_run_and_keeps_what_was_done(harness):
    """A loss that becomes NaN ends the run with 8; the trial done before stays in the store."""
    assert harness(*run_words(), "--json").code == 0
    broken = harness(*run_words(), "--set", "lr=1e30", "--set", "head_lr=1e30")
    statuses = [run["status"] for run in harness("runs", "list", "--json").json]

    assert broken.code == 8
    assert "the loss" in broken.err
    assert "Lower the learning rate" in broken.err
    assert statuses == ["failed", "done"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"\xff\xd8\xff\xe0broken", "cannot be read as an image"),
        (b"hello", "cannot be read as an image"),
    ],
)
def test_broken_image_is_named(harness, synthped, home, content, reason):
    """A corrupt, empty or non-image file among the images is named, before any training."""
    (home / "datasets" / synthped.name).unlink()
    copy = shutil.copytree(synthped, home / "datasets" / synthped.name)
    victim = sorted(copy.glob("*.png"))[7]
    victim.write_bytes(content)
    outcome = harness(*run_words())

    assert outcome.code == 6
    assert victim.name in outcome.err
    assert reason in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.usefixtures("synthped")
def test_database_of_a_newer_schema_is_refused(harness, home):
    """A database that a newer version wrote is refused with what to install; nothing is changed."""
    assert harness("runs", "list").code == 0
    with sqlite3.connect(home / "harness.sqlite") as store:
        store.execute("update alembic_version set version_num = 'r9999'")
    outcome = harness(*run_words())

    assert outcome.code == 9
    assert "newer" in outcome.err


def test_help_shows_examples(harness):
    """Every command's help has an example."""
    for words in (["run"], ["data", "check"], ["papers", "show"], ["runs", "export"], ["doctor"]):
        outcome = harness(*words, "--help")
        assert outcome.code == 0
        assert "harness " + " ".join(words) in " ".join(outcome.out.split())


def test_debug_shows_the_traceback(harness):
    """With --debug an error comes with its traceback."""
    outcome = harness("--debug", "papers", "show", "rian")

    assert outcome.code == 2
    assert "Traceback" in outcome.err


@pytest.mark.usefixtures("synthped")
def test_doctor(harness):
    """The doctor looks at every part, as JSON too, and finds nothing that stops a run."""
    findings = harness("doctor", "--json").json

    assert {"HARNESS_HOME", "store", "plugins", "device"} <= {f["what"] for f in findings}
    assert {f["state"] for f in findings} <= {"ok", "notice"}
    assert harness("doctor").code == 0


def test_plugins_list_and_doctor(harness):
    """The list names key and origin of each thing; the doctor says that all load."""
    rows = harness("plugins", "list", "--json").json

    assert any(row["key"] == "baseline-hr" and "quick" in row["recipes"] for row in rows)
    assert harness("plugins", "doctor", "--json").json["problems"] == []
    assert "baseline-hr-lr" in harness("plugins", "doctor").out
    assert "synthped" in harness("plugins", "list").out


def test_plugins_doctor_shows_what_is_broken(harness, tmp_path, monkeypatch):
    """The doctor exits with 3 and shows the traceback of a plugin that does not load."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "reid_broken.py").write_text("raise RuntimeError('no such thing')\n")
    info = tmp_path / "reid_broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: reid-broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[reid_harness.plugins]\nbroken = reid_broken\n")
    outcome = harness("plugins", "doctor")
    asked = harness("run", "--plugin", "broken", "--dataset", "synthped")

    assert outcome.code == asked.code == 3
    assert "broken (reid-broken 1.0)" in outcome.out
    assert "RuntimeError: no such thing" in outcome.out
    assert "Traceback" in outcome.out
    assert "no such thing" in asked.err
    assert "could not be loaded" in harness("plugins", "list").err
    assert any(f["what"].startswith("plugin broken") for f in harness("doctor", "--json").json)


def test_store_upgrade_of_a_current_store_changes_nothing(harness):
    """Upgrading a store that has this version's schema says so."""
    assert harness("runs", "list").code == 0
    assert "schema of this version" in harness("store", "upgrade").out
    assert harness("store", "upgrade", "--json").json["status"] == "current"


def test_weights_in_the_environment_are_examined_by_the_doctor(harness, monkeypatch):
    """A HARNESS_WEIGHTS that is not there is a problem, and the doctor exits with 2."""
    monkeypatch.setenv("HARNESS_WEIGHTS", "nowhere.safetensors")
    outcome = harness("doctor")

    assert outcome.code == 2
    assert "no weight file nowhere.safetensors" in " ".join(outcome.out.split())


@pytest.mark.parametrize("value", ["soon", "-1"])
def test_impossible_checkpoint_interval(harness, monkeypatch, value):
    """A HARNESS_CHECKPOINT_SECONDS that is no time is refused with how to mend it."""
    monkeypatch.setenv("HARNESS_CHECKPOINT_SECONDS", value)
    outcome = harness("runs", "list")

    assert outcome.code == 2
    assert "HARNESS_CHECKPOINT_SECONDS" in outcome.err
