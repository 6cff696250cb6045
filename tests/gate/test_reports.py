"""The files that a verdict leaves."""

from __future__ import annotations

import json
from xml.etree.ElementTree import fromstring

import pytest

from harness.errors import UsageError
from harness.gate.markdown import marker
from harness.gate.reports import write_reports
from harness.gate.verdict import Verdict
from tests.gate.verdicts import EVERY, FAILED, verdict


def test_files(tmp_path):
    """Four files are written, each whole, and nothing else is left."""
    one = verdict(*EVERY)
    written = write_reports(one, tmp_path / "new" / "reports")

    assert sorted(written) == sorted((tmp_path / "new" / "reports").iterdir())
    by_name = {path.name: path.read_text(encoding="utf-8") for path in written}
    assert set(by_name) == {"verdict.json", "junit.xml", "comment.md", "summary.md"}
    assert Verdict.model_validate_json(by_name["verdict.json"]) == one
    assert fromstring(by_name["junit.xml"]).get("tests") == "5"
    assert by_name["comment.md"].startswith(marker(one))


def test_json_is_as_its_schema_says(tmp_path):
    """The JSON has the properties of the published schema, every one and no other."""
    (path, *_) = write_reports(verdict(FAILED), tmp_path)
    document, schema = json.loads(path.read_text()), Verdict.model_json_schema()

    assert set(document) == set(schema["properties"])
    assert set(document["checks"][0]) == set(schema["$defs"]["Check"]["properties"])
    assert set(document["checks"][0]["delta"]) == set(schema["$defs"]["IntervalJson"]["properties"])


def test_replaces_an_earlier_verdict(tmp_path):
    """The reports of an earlier verdict are replaced."""
    write_reports(verdict(FAILED), tmp_path)
    (path, *_) = write_reports(verdict(), tmp_path)

    assert json.loads(path.read_text())["checks"] == []
    assert len(list(tmp_path.iterdir())) == 4


def test_folder_that_cannot_be_made(tmp_path):
    """A folder that cannot be written to is told, with what to do."""
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError, match="cannot be written to") as raised:
        write_reports(verdict(), tmp_path / "file")

    assert "--out" in raised.value.next_step
