"""Fixtures that many tests share: a home of their own, and real data where it is at hand."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from harness.cli import main
from harness_datasets.synthped import generate
from harness_datasets.synthped_card import SYNTHPED

# The networks of the tests are small: threads would only wait for each other. Read by torch when
# it is first imported, and inherited by the processes that a test starts.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# No test fetches anything: whatever asks for weights is refused at once, by a port that is closed.
for scheme in ("http_proxy", "https_proxy"):
    os.environ[scheme] = "http://127.0.0.1:9"

REPOSITORY = Path(__file__).resolve().parents[1]


def _folder_or_skip(variable: str, sibling: str) -> Path:
    named = os.environ.get(variable)
    folder = Path(named) if named else REPOSITORY.parent / "shared" / sibling
    if not folder.is_dir():
        pytest.skip(f"{variable} is not set and there is no {folder}")
    return folder


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test an empty HARNESS_HOME, so that none reads or writes the user's.

    A pytest that a test starts is nobody's worker, whoever runs the test.
    """
    folder = tmp_path_factory.mktemp("home")
    for variable in ("HARNESS_DATA", "HARNESS_DB", "HARNESS_WEIGHTS", "PYTEST_XDIST_WORKER"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HARNESS_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder with the real data sets, or skip."""
    return _folder_or_skip("HARNESS_TEST_DATA", "data")


@pytest.fixture(scope="session")
def seeds() -> Path:
    """Return the folder with the source documents of the papers, or skip."""
    return _folder_or_skip("HARNESS_TEST_SEEDS", "seeds")


@pytest.fixture(scope="session")
def real_weights() -> Path:
    """Return the folder with initial weights, or skip."""
    return _folder_or_skip("HARNESS_TEST_WEIGHTS", "weights")


@dataclass(frozen=True)
class Outcome:
    """What a command did: its exit code and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The JSON document on standard output."""
        return json.loads(self.out)


@pytest.fixture
def harness(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """Return a function that types a command line, in this process."""

    def type_command(*words: str) -> Outcome:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["harness", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        written = capfd.readouterr()
        return Outcome(int(ended.value.code or 0), written.out, written.err)

    return type_command


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generate the embedded data set once for all tests, and return its folder."""
    folder = tmp_path_factory.mktemp("generated") / str(SYNTHPED.rule)
    folder.mkdir()
    generate(folder)
    return folder


@pytest.fixture
def synthped(home: Path, generated: Path) -> Path:
    """Put the generated data set into the test's home."""
    (home / "datasets").mkdir()
    (home / "datasets" / generated.name).symlink_to(generated)
    return generated


@pytest.fixture(scope="session")
def trained_once(generated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train one tiny `baseline-hr` on the generated data set, and return the home that has it."""
    from harness.run.execute import execute  # torch, which no test of a page waits for
    from harness.run.request import RunRequest

    folder = tmp_path_factory.mktemp("trained")
    (folder / "datasets").mkdir()
    (folder / "datasets" / generated.name).symlink_to(generated)
    request = RunRequest("baseline-hr", "synthped", "tiny", device="cpu", weights="none")
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("HARNESS_DATA", "HARNESS_DB", "HARNESS_WEIGHTS"):
            patch.delenv(variable, raising=False)
        patch.setenv("HARNESS_HOME", str(folder))
        execute(request, Console(quiet=True))
    return folder


@pytest.fixture
def trained(home: Path, trained_once: Path) -> str:
    """Put that model and its run into the test's home, and return the address of the model."""
    shutil.copytree(trained_once, home, symlinks=True, dirs_exist_ok=True)
    return "models:/baseline-hr-synthped/1"
