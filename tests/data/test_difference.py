"""Whether the files that a run uses are the data set's own."""

from __future__ import annotations

from dataclasses import replace

from harness.data.catalogue import read
from harness.data.manifest import content_hashes, find_difference
from harness.loader import load_plugins
from harness.settings import Settings


def test_original_changed_and_incomplete_copies(real_data):
    """The original differs in nothing; a changed file is named; missing images are counted."""
    spec = load_plugins().dataset("caviar")
    root = real_data / "CAVIAR4REID"
    records = read(spec, root)
    hashes = content_hashes(root, records, Settings.from_environment())
    changed = {**hashes, "0029002.jpg": "0" * 64}

    assert find_difference(spec, records, hashes) is None
    assert "0029002.jpg" in (find_difference(spec, records, changed) or "")
    assert "990 of 1,000" in (find_difference(spec, records[:990], hashes) or "")


def test_without_hashes_the_count_decides():
    """A data set without a list of hashes is compared by its number of images."""
    spec = load_plugins().dataset("synthped")
    unlisted = replace(spec, card=spec.card.model_copy(update={"hashes": None}))

    assert "has 0 of 768" in (find_difference(unlisted, (), {}) or "")
