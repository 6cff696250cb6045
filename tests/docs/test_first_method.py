"""The tutorial `docs/first-method.md`, followed to the letter: code in place, commands run."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.docs.fences import Block, put_in_place, read_blocks

if TYPE_CHECKING:
    from tests.conftest import Outcome

PAGE = Path(__file__).resolve().parents[2] / "docs" / "first-method.md"
NARROWED = [
    "--set",
    "base_width=4",
    "--set",
    "images=64",
    "--set",
    "height=48",
    "--set",
    "width=24",
]

pytestmark = pytest.mark.usefixtures("synthped")


@dataclass
class Newcomer:
    """Types the commands of the page in a scratch folder.

    Attributes:
        harness: Types a command of the harness.
        monkeypatch: Changes the folder and the path, for this test only.
        scratch: For what pip installs.
        caviar: A copy of CAVIAR4REID, or None.
        said: What each command printed.
    """

    harness: Callable[..., Outcome]
    monkeypatch: pytest.MonkeyPatch
    scratch: Path
    caviar: Path | None
    said: dict[str, str] = field(default_factory=dict)

    def type_all(self, block: Block) -> None:
        """Type the commands of a block; those on real data where it is at hand."""
        if block.note == "with real data" and self.caviar is None:
            return
        for command in block.commands:
            self.type(command.replace("~/CAVIAR4REID", str(self.caviar)))

    def type(self, command: str) -> None:
        """Type one command; it must succeed."""
        words = shlex.split(command)
        if words[0] == "cd":
            self.monkeypatch.chdir(words[1])
        elif words[:2] == ["pip", "install"]:
            self._install(Path.cwd())
        elif words[0] == "harness":
            self.said[command] = self._harness(words[1:])
        else:
            self.said[command] = self._process(words)

    def write(self, block: Block) -> None:
        """Put code where the page says, as an editor would."""
        put_in_place(block, Path.cwd())
        for name in [name for name in sys.modules if name.startswith("reid_center_loss")]:
            del sys.modules[name]

    def _install(self, project: Path) -> None:
        """Install as `pip install -e` does, without an index: the sources stay where they are."""
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        target = ["--no-build-isolation", "--target", str(self.scratch), str(project)]
        subprocess.run([*pip, *target], check=True)
        for folder in (self.scratch, project / "src"):
            self.monkeypatch.syspath_prepend(str(folder))
        paths = [str(project / "src"), str(self.scratch), os.environ.get("PYTHONPATH", "")]
        self.monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))

    def _harness(self, words: list[str]) -> str:
        """Run a command of the harness; a recipe of minutes on a network of seconds."""
        slow = words[0] == "run" and "tiny" not in words
        outcome = self.harness(*words, *(NARROWED if slow else []))
        assert outcome.code == 0, (words, outcome.err)
        return outcome.out

    def _process(self, words: list[str]) -> str:
        arguments = [sys.executable, "-m", *words, "-q"] if words[0] == "pytest" else words
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout


@pytest.fixture
def newcomer(harness, monkeypatch, tmp_path, request):
    """Someone in an empty folder, with the harness installed, and perhaps with a real data set."""
    monkeypatch.chdir(tmp_path)
    try:
        caviar = request.getfixturevalue("real_data") / "CAVIAR4REID"
    except pytest.skip.Exception:
        caviar = None
    yield Newcomer(harness, monkeypatch, tmp_path / "installed", caviar)
    for name in [name for name in sys.modules if name.startswith("reid_center_loss")]:
        del sys.modules[name]


def test_the_page_followed_to_the_letter(newcomer, tmp_path):
    """Every block of the page, in order, leads to a sound method with a row on the leaderboard."""
    for block in read_blocks(PAGE):
        if block.language in ("python", "yaml"):
            newcomer.write(block)
        elif block.note != "not run":
            newcomer.type_all(block)
    left = newcomer.said["grep -rnI REPLACE ."].splitlines()
    project = tmp_path / "reid-center-loss"
    page = (project / "site" / "methods" / "center-loss.html").read_text()

    assert {Path(line.partition(":")[0]).name for line in left} == {
        "README.md",
        "pyproject.toml",
        "test.yml",
    }
    assert "+Center loss" in page
    assert "94.5" in page
    assert "in their code it is constant" in " ".join(page.split())
