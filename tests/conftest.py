"""Fixtures that many tests share: a home of their own, and real data where it is at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


def _folder_or_skip(variable: str, sibling: str) -> Path:
    named = os.environ.get(variable)
    folder = Path(named) if named else REPOSITORY.parent / "shared" / sibling
    if not folder.is_dir():
        pytest.skip(f"{variable} is not set and there is no {folder}")
    return folder


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test an empty HARNESS_HOME, so that none reads or writes the user's."""
    folder = tmp_path_factory.mktemp("home")
    for variable in ("HARNESS_DATA", "HARNESS_DB", "HARNESS_WEIGHTS"):
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
