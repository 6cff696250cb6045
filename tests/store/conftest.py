"""A store of the test's own, a second one, and the means to fill them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.store import Store, upgrade
from tests.store.filler import Filler


@pytest.fixture
def url(home: Path) -> str:
    return f"sqlite:///{home / 'harness.sqlite'}"


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store, made once by the migrations and copied for each test."""
    path = tmp_path_factory.mktemp("migrated") / "harness.sqlite"
    upgrade(f"sqlite:///{path}", home=path.parent)
    return path


@pytest.fixture
def store(migrated: Path, url: str, home: Path) -> Iterator[Store]:
    shutil.copy(migrated, home / "harness.sqlite")
    with Store.open(url, home=home) as opened:
        yield opened


@pytest.fixture
def fill(store: Store) -> Filler:
    return Filler(store)


@pytest.fixture
def other(migrated: Path, tmp_path: Path) -> Iterator[Store]:
    """A second, empty store."""
    shutil.copy(migrated, tmp_path / "other.sqlite")
    with Store.open(f"sqlite:///{tmp_path / 'other.sqlite'}", home=tmp_path) as opened:
        yield opened
