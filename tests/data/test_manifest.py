"""The promises of `harness.data.manifest` and of the small files it keeps."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.jsonfile import read_json, write_json
from harness.data.manifest import content_hashes, file_hash, manifest
from harness.errors import DataError
from harness.settings import Settings
from harness.types import Counts, DatasetCard, DatasetSpec, Record

CARD = DatasetCard(
    key="tiny",
    title="Tiny",
    summary="",
    citation="",
    year=2020,
    licence="",
    status="available",
    how_to_get="Ask.",
    folders=("tiny",),
    expected=Counts(images=2, identities=1, cameras=2),
)
SPEC = DatasetSpec(CARD, read="nowhere:read", protocol="tiny")
RECORDS = [Record("a", "a.png", 1, 1), Record("b", "b.png", 1, 2, None)]
HASHES = {"a.png": "aa", "b.png": "bb"}


class TestManifest:
    def test_by_hand(self) -> None:
        """The manifest is the SHA-256 of these two lines."""
        lines = '["a", 1, 1, 1, null, "aa"]\n["b", 1, 2, null, null, "bb"]'
        assert manifest(SPEC, RECORDS, HASHES) == hashlib.sha256(lines.encode()).hexdigest()

    @given(st.permutations(RECORDS))
    def test_order_does_not_count(self, records: list[Record]) -> None:
        """Records in any order have one manifest."""
        assert manifest(SPEC, records, HASHES) == manifest(SPEC, RECORDS, HASHES)

    @pytest.mark.parametrize("change", [{"id": "c"}, {"pid": 2}, {"camid": 3}, {"r": 2}])
    def test_a_label_counts(self, change: dict[str, Any]) -> None:
        """Another id, identity, camera or rate is another manifest."""
        changed = [replace(RECORDS[0], **change), RECORDS[1]]
        assert manifest(SPEC, changed, HASHES) != manifest(SPEC, RECORDS, HASHES)

    def test_the_original_of_a_degraded_image_counts(self) -> None:
        """Another high-resolution original is another manifest."""
        changed = [replace(RECORDS[0], hr_id="b"), RECORDS[1]]
        assert manifest(SPEC, changed, HASHES) != manifest(SPEC, RECORDS, HASHES)

    def test_a_subset_counts_and_without_one_nothing_changes(self) -> None:
        """Where a layout puts an image stands at the end of its line, and only there."""
        line = '["a", 1, 1, 1, null, "aa", "query"]'
        record = replace(RECORDS[0], subset="query")
        assert manifest(SPEC, [record], HASHES) == hashlib.sha256(line.encode()).hexdigest()
        assert manifest(SPEC, [record], HASHES) != manifest(SPEC, RECORDS[:1], HASHES)

    def test_content_counts_and_place_does_not(self) -> None:
        """Other bytes are another manifest; the same bytes elsewhere are not."""
        other = {**HASHES, "a.png": "ab"}
        assert manifest(SPEC, RECORDS, other) != manifest(SPEC, RECORDS, HASHES)
        moved = [replace(record, path=f"x/{record.path}") for record in RECORDS]
        assert manifest(SPEC, moved, {"x/a.png": "aa", "x/b.png": "bb"}) == manifest(
            SPEC, RECORDS, HASHES
        )

    def test_a_rule_stands_for_the_bytes_of_a_generated_set(self) -> None:
        """Of a generated set the rule counts and the bytes do not."""
        first = replace(SPEC, generate="nowhere:generate", rule="tiny@1")
        second = replace(first, rule="tiny@2")
        assert manifest(first, RECORDS, {}) == manifest(first, RECORDS, HASHES)
        assert manifest(first, RECORDS, {}) != manifest(second, RECORDS, {})


class TestContentHashes:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        (tmp_path / "a.png").write_bytes(b"first")
        (tmp_path / "b.png").write_bytes(b"second")
        return tmp_path

    def test_each_file_by_path(self, root: Path) -> None:
        """The hash of each file, as `hashlib` has it, and one step of progress for each."""
        steps: list[int] = []
        found = content_hashes(root, RECORDS, Settings.from_environment(), steps.append)
        assert found == {
            "a.png": hashlib.sha256(b"first").hexdigest(),
            "b.png": hashlib.sha256(b"second").hexdigest(),
        }
        assert steps == [1, 1]

    def test_an_unchanged_file_is_not_read_again(self, root: Path) -> None:
        """Size and time of change decide: bytes swapped behind both go unnoticed."""
        settings = Settings.from_environment()
        first = content_hashes(root, RECORDS, settings)
        before = (root / "a.png").stat()
        (root / "a.png").write_bytes(b"FIRST")
        os.utime(root / "a.png", ns=(before.st_atime_ns, before.st_mtime_ns))
        assert content_hashes(root, RECORDS, settings) == first
        os.utime(root / "a.png", ns=(before.st_atime_ns, before.st_mtime_ns + 1))
        again = content_hashes(root, RECORDS, settings)
        assert again["a.png"] == hashlib.sha256(b"FIRST").hexdigest()
        assert again["b.png"] == first["b.png"]

    def test_two_folders_do_not_mix(self, root: Path, tmp_path_factory: Any) -> None:
        """What was learned of one folder is not told of another."""
        settings = Settings.from_environment()
        content_hashes(root, RECORDS, settings)
        other = tmp_path_factory.mktemp("other")
        for name in ("a.png", "b.png"):
            (other / name).write_bytes(b"third")
            before = (root / name).stat()
            os.utime(other / name, ns=(before.st_atime_ns, before.st_mtime_ns))
        found = content_hashes(other, RECORDS, settings)
        assert set(found.values()) == {hashlib.sha256(b"third").hexdigest()}

    def test_a_broken_memory_is_no_obstacle(self, root: Path) -> None:
        """Where the remembered hashes are damaged, the files are read again."""
        settings = Settings.from_environment()
        first = content_hashes(root, RECORDS, settings)
        (memory,) = (settings.home / "hashes").iterdir()
        memory.write_text("{ not json")
        assert content_hashes(root, RECORDS, settings) == first

    def test_a_missing_file_is_named(self, root: Path) -> None:
        """A file that is gone is an error with its path."""
        (root / "b.png").unlink()
        with pytest.raises(DataError, match=r"b\.png cannot be read: No such file"):
            content_hashes(root, RECORDS, Settings.from_environment())

    def test_what_cannot_be_read_is_named(self, root: Path) -> None:
        """A folder in place of a file is an error with its path."""
        with pytest.raises(DataError, match="cannot be read: Is a directory"):
            file_hash(root)


class TestJsonFile:
    def test_round_trip(self, tmp_path: Path) -> None:
        """What was written is read, and nothing else is left in the folder."""
        write_json(tmp_path / "sub" / "x.json", {"b": 1, "a": [2, "ä"]})
        assert read_json(tmp_path / "sub" / "x.json") == {"a": [2, "ä"], "b": 1}
        assert len(list((tmp_path / "sub").iterdir())) == 1

    @pytest.mark.parametrize("content", [None, "", "[1]", "{"])
    def test_what_is_no_object_is_empty(self, tmp_path: Path, content: str | None) -> None:
        """A missing, damaged or foreign file reads as empty."""
        path = tmp_path / "x.json"
        if content is not None:
            path.write_text(content)
        assert read_json(path) == {}
