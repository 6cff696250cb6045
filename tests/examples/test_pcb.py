"""The example of a method: installed as a distribution of its own, its own tests pass."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "harness_pcb"


@pytest.fixture
def environment(tmp_path):
    """Return the environment of a process that finds the example as an installed plugin."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    (points,) = project["entry-points"].items()
    info = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = [f"[{points[0]}]", *(f"{name} = {module}" for name, module in points[1].items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    path = os.pathsep.join([str(EXAMPLE / "src"), str(tmp_path)])
    return {**os.environ, "PYTHONPATH": path, "HARNESS_HOME": str(tmp_path / "home")}


def test_its_own_tests_pass(environment):
    """Each step of the paper by its tests, and each promise of a method by the conformance kit."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(command, cwd=EXAMPLE, env=environment, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
