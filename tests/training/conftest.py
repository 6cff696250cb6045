"""Fixtures of the trainer's tests."""

from __future__ import annotations

import pytest

from tests.training.toy import make_bank


@pytest.fixture
def bank(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    return make_bank(images)
