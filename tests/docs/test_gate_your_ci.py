"""The page `docs/gate-your-ci.md` and its workflow: every command typed, every step run."""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from harness import errors
from harness.gate.verdict import Verdict
from tests.docs.fences import read_blocks

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "gate-your-ci.md"
WORKFLOW = DOCS / "workflows" / "reid-gate.yml"

BENCHMARK = "def test_it(benchmark): benchmark.pedantic(sum, args=(range(99),), rounds=9)\n"


@pytest.fixture
def scratch(tmp_path, monkeypatch, synthped):
    """Return an empty folder to be in, with what the page takes for granted."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    ids = np.arange(1, 6)
    sides = {"query": 0 * ids, "gallery": 0 * ids + 1}
    arrays: dict[str, Any] = {f"{side}_features": np.eye(5) for side in sides}
    arrays |= {f"{side}_ids": ids for side in sides}
    arrays |= {f"{side}_cams": cameras for side, cameras in sides.items()}
    np.savez(tmp_path / "features.npz", **arrays)
    (tmp_path / "bench_mine.py").write_text(BENCHMARK)
    return tmp_path


@pytest.fixture
def type_line(harness):
    """Return a function that types a command line, a short recipe for a long one."""

    def run(line: str) -> None:
        words = shlex.split(line.replace("--recipe smoke", "--recipe tiny"))
        if words[0] == "harness":
            outcome = harness(*words[1:])
            assert outcome.code == 0, (line, outcome.err)
        else:
            assert words[0] == "pytest"
            words = [sys.executable, "-m", *words, "-p", "no:cacheprovider"]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            assert done.returncode == 0, (line, done.stdout, done.stderr)

    return run


def test_page(scratch, type_line):
    """Every command of the page does what the page says, one after another in one folder."""
    commands = 0
    for block in read_blocks(PAGE):
        if block.language == "python":
            (scratch / block.note).write_text(block.text)
        else:
            for line in block.commands:
                type_line(line)
                commands += 1

    names = {path.name for path in (scratch / "baselines").iterdir()}
    assert names == {"main.jsonl", "frozen.jsonl", "my-model.jsonl", "speed.jsonl"}
    assert Verdict.model_validate_json((scratch / "reports" / "verdict.json").read_text())
    assert commands >= 10


def test_exit_codes():
    """The page tells every exit code of a check, and none that there is not."""
    table = PAGE.read_text().split("| exit |")[1].split("\n\n")[0]
    told = {
        int(code)
        for cell in re.findall(r"^\| ([\d, ]+) \|", table, re.M)
        for code in cell.split(",")
    }
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    known = {kind.exit_code for kind in kinds if issubclass(kind, errors.HarnessError)}

    assert told == {0, *known} - {70, 75}


def job() -> dict[str, Any]:
    (only,) = yaml.safe_load(WORKFLOW.read_text())["jobs"].values()
    return dict(only)


def steps() -> dict[str, Any]:
    return {step.get("name", step.get("uses")): step for step in job()["steps"]}


def test_workflow(scratch, type_line):
    """The steps of the workflow run and check what was accepted, and leave what it uploads."""
    type_line(steps()["Run"]["run"])
    type_line('harness baseline accept main --reason "First numbers"')
    type_line(steps()["Check"]["run"])

    uploaded = scratch / steps()["Keep the reports"]["with"]["path"]
    assert {path.name for path in uploaded.iterdir()} == {
        "verdict.json",
        "junit.xml",
        "comment.md",
        "summary.md",
    }


def test_workflow_does_not_cache_the_store():
    """The workflow keeps data sets between builds, and nothing of HARNESS_HOME."""
    variables = job()["env"]
    cached = steps()["actions/cache@v4"]["with"]["path"]

    assert variables["HARNESS_DATA"].endswith(f"/{cached}")
    assert not variables["HARNESS_HOME"].endswith(f"/{cached}")


@pytest.mark.parametrize(("found", "method"), [("", "POST"), ("77", "PATCH")])
def test_workflow_comments_once(tmp_path, found, method):
    """The workflow writes a comment where there is none, and edits the one that there is."""
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "comment.md").write_text("<!-- gate: main -->\nwords\n")
    gh = tmp_path / "gh"
    gh.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        "with open('calls', 'a') as calls: calls.write(json.dumps(sys.argv[1:]) + '\\n')\n"
        f"if '--method' not in sys.argv: print('{found}')\n"
    )
    gh.chmod(gh.stat().st_mode | stat.S_IEXEC)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    environment["COMMENTS"] = "repos/us/ours/issues/5/comments"
    script = steps()["Comment"]["run"]
    subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script], cwd=tmp_path, env=environment, check=True
    )

    asked, written = map(json.loads, (tmp_path / "calls").read_text().splitlines())
    assert asked[:2] == ["api", "repos/us/ours/issues/5/comments"]
    address = "repos/us/ours/issues/comments/77" if found else "repos/us/ours/issues/5/comments"
    assert written == ["api", "--method", method, address, "-F", "body=@reports/comment.md"]
