"""Plugins that are installed for a test: a distribution with its entry point, on the path."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

FAULTY = Path(__file__).with_name("faulty")


@contextmanager
def installed(folder: Path, name: str, module: str) -> Iterator[None]:
    """Install a distribution `name` whose plugin of the same name is `module`, and remove it."""
    info = folder / f"reid_{name}-0.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: reid-{name}\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text(f"[reid_harness.plugins]\n{name} = {module}\n")
    paths = [str(folder), str(FAULTY)]
    sys.path[:0] = paths
    try:
        yield
    finally:
        for path in paths:
            sys.path.remove(path)
        for known in [m for m in sys.modules if m.partition(".")[0] == module]:
            del sys.modules[known]


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Install the plugin of faulty methods and data sets."""
    with installed(tmp_path_factory.mktemp("faulty"), "faulty", "reid_faulty"):
        yield


@pytest.fixture(scope="module")
def faulty_metrics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Install the plugin of faulty metrics."""
    with installed(tmp_path_factory.mktemp("measures"), "measures", "reid_measures"):
        yield


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that installs a plugin of one module, given as text."""

    def install_text(name: str, text: str, *, entry: str | None = None) -> None:
        folder = tmp_path / name
        folder.mkdir()
        module = f"reid_{name}"
        (folder / f"{module}.py").write_text(text)
        info = folder / f"{module}-0.1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: reid-{name}\nVersion: 0.1\n")
        (info / "entry_points.txt").write_text(
            f"[reid_harness.plugins]\n{entry or name} = {module}\n"
        )
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install_text
