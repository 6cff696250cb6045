"""The gate of this repository, `make gate`, with faults planted in the code: each turns it red.

The commands are those of the Makefile, in processes in which the fault is planted before the
harness starts. Without a fault the gate is green: that is what continuous integration runs.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from harness.gate.verdict import Verdict

ROOT = Path(__file__).resolve().parents[2]

LOSS = """
import harness_baselines.method as method
def triplet_loss(v, k, m):
    d_pos, d_neg = method.batch_hard(v, k)
    return method.F.relu(m - d_pos + d_neg).mean()  # the signs of the distances changed places
method.triplet_loss = triplet_loss
"""
PIXELS = """
import harness.nn.batches as batches
batches.normalise.__defaults__ = ((0.485, 0.456, 0.406), (0.5, 0.5, 0.5))  # of another network
"""

Gate = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def gate(tmp_path: Path, generated: Path) -> Gate:
    """Return a function that makes targets of the gate with a fault planted in the harness."""
    home = tmp_path / "home"
    (home / "datasets").mkdir(parents=True)
    (home / "datasets" / generated.name).symlink_to(generated)

    def make(*words: str, fault: str = "") -> subprocess.CompletedProcess[str]:
        program = tmp_path / "bin" / "harness"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!{sys.executable}\n{fault}\nfrom harness.cli import main\nmain()\n")
        program.chmod(program.stat().st_mode | stat.S_IEXEC)
        variables = [f"BIN={program.parent}", f"GATE_HOME={home}"]
        installed = ["-o", ".venv/.installed"]  # it is, or there would be no test
        return subprocess.run(
            ["make", *installed, *words, *variables],
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if name != "MAKEFLAGS"},
            capture_output=True,
            text=True,
            check=False,
        )

    return make


def exit_code(done: subprocess.CompletedProcess[str]) -> int:
    """Return the exit code of the command that ended make."""
    found = re.search(r"\*\*\* \[.*\] Error (\d+)", done.stderr)
    return int(found[1]) if found else done.returncode


def outcomes(done: subprocess.CompletedProcess[str], tmp_path: Path) -> dict[tuple[str, str], str]:
    """Return the outcome of each check, by method and metric."""
    report = tmp_path / "home" / "reports" / "verdict.json"
    assert report.is_file(), done.stderr
    checks = Verdict.model_validate_json(report.read_text()).checks
    return {(check.row.split("/")[0], check.metric): check.outcome for check in checks}


def test_broken_loss(gate, tmp_path):
    """A triplet loss whose signs changed places is a loss of rank-1 and mAP: exit code 1."""
    done = gate("gate-frozen", "gate-trained", "gate-check", fault=LOSS)

    found = outcomes(done, tmp_path)
    assert exit_code(done) == 1
    assert found["baseline-hr", "rank1"] == found["baseline-hr", "map_sum_precision"] == "fail"
    assert {found[row] for row in found if row[0] != "baseline-hr"} == {"pass"}
    assert "It is worse by more than the margin" in done.stdout


def test_shifted_normalisation(gate, tmp_path):
    """Pixels that are normalised otherwise change ranks though the weights are the same: code 4."""
    done = gate("gate-frozen", "gate-check", fault=PIXELS)

    found = outcomes(done, tmp_path)
    assert found["initial-weights", "rank1"] == "fail"
    assert exit_code(done) in (4, 1)  # 1 on a machine that is not the baseline's
    assert "initial-weights/synthped/tiny" in done.stdout


def test_renamed_weight(gate, tmp_path):
    """A parameter of another name is refused, strictly, before anything is scored: code 7."""
    file = ROOT / "baselines" / "weights" / "random.safetensors"
    tensors = load_file(file)
    tensors["layer3.2.convolution2.weight"] = tensors.pop("layer3.2.conv2.weight")
    save_file(tensors, tmp_path / "random.safetensors", {"trained_on": "[]"})
    done = gate("gate-frozen", f"GATE_WEIGHTS={tmp_path / 'random.safetensors'}")

    assert exit_code(done) == 7
    assert "1 missing (layer3.2.conv2.weight)" in done.stderr
    assert "1 unexpected (layer3.2.convolution2.weight)" in done.stderr


def test_committed_files_are_made_by_their_rules(tmp_path):
    """The feature files and weights of the baseline are what their scripts make."""
    for folder in ("features", "weights"):
        script = ROOT / "baselines" / folder / "make.py"
        subprocess.run([sys.executable, script, tmp_path], check=True)
    for path in tmp_path.iterdir():
        (committed,) = (ROOT / "baselines").glob(f"*/{path.name}")
        made, kept = (dict(load(file)) for file in (path, committed))
        assert made.keys() == kept.keys()
        assert all(np.array_equal(made[name], kept[name]) for name in made)
        assert all(made[name].dtype == kept[name].dtype for name in made)


def load(file: Path):
    return load_file(file) if file.suffix == ".safetensors" else np.load(file)
