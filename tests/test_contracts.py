"""The import contracts: kept as they are, and each seen to fail on an import that breaks it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def tree(tmp_path):
    """Return a copy of the sources, to break."""
    for part in ("harness", "leaderboard", "plugins"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": f"{tree}{os.pathsep}{tree / 'plugins'}"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_contracts_are_kept(tree):
    """The tree as it is keeps every contract."""
    done = lint(tree)

    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("harness/store/locks.py", "import harness.run.plan", "Layers of the harness"),
        ("harness/run/plan.py", "import leaderboard.cli", "neither plugins nor leaderboard"),
        ("harness/loader.py", "import harness_baselines", "neither plugins nor leaderboard"),
        (
            "plugins/harness_baselines/method.py",
            "import harness.evaluation.ranks",
            "Plugins see the public names",
        ),
        ("leaderboard/cli.py", "import harness.data.catalogue", "The leaderboard reads the store"),
        ("harness/stats/intervals.py", "import torch", "does not import torch"),
        ("leaderboard/cli.py", "import torch", "The leaderboard reads the store"),
        ("harness/data/manifest.py", "import harness.data.protocol", "No cycles between siblings"),
    ],
)
def test_contract_fails_when_it_is_broken(tree, module, line, contract):
    """An import that a contract forbids is reported under that contract."""
    path = tree / module
    path.write_text(path.read_text().replace("\nfrom __future__", f"\n{line}\nfrom __future__", 1))
    if "No cycles" in contract:
        other = tree / "harness/data/protocol.py"
        other.write_text(other.read_text() + "\nimport harness.data.manifest\n")
    done = lint(tree)
    broken = [row for row in done.stdout.splitlines() if row.endswith("BROKEN")]

    assert done.returncode != 0
    assert any(contract in row for row in broken), done.stdout


def test_module_in_no_layer_is_refused(tree):
    """A new module of the harness must be given a layer."""
    (tree / "harness" / "stray.py").write_text('"""Nowhere."""\n')

    assert lint(tree).returncode != 0
