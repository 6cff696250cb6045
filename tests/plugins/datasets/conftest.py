"""Fixtures of the data sets: `synthped`, drawn once for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness_datasets.synthped import generate


@pytest.fixture(scope="session")
def synthped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a complete `synthped`."""
    root = tmp_path_factory.mktemp("datasets") / "synthped"
    generate(root)
    return root
