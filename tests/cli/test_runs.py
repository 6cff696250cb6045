"""The promises of `harness runs`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from harness.cli import runs
from harness.errors import DataError, UnknownName, UsageError
from harness.store import Store
from harness.types import Variant
from tests.store.filler import Filler

runner = CliRunner()


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    """The store that the command opens."""
    with Store.open(f"sqlite:///{home / 'harness.sqlite'}", home=home) as opened:
        yield opened


@pytest.fixture
def fill(store: Store) -> Filler:
    return Filler(store)


@pytest.fixture
def done(store: Store, fill: Filler) -> str:
    """A run with two trials that is done."""
    run_id = fill.run(argv=("harness", "run", "--set", "a b"))
    for split in range(2):
        fill.trial(run_id, split=split)
    store.finish_run(run_id, "done")
    return run_id


def output(*argv: str) -> str:
    result = runner.invoke(runs.app, list(argv), catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def as_json(*argv: str) -> Any:
    return json.loads(output(*argv, "--json"))


class TestList:
    def test_json(self, done, fill):
        """Each run tells its status, its trials and its rank 1 in per cent, the newest first."""
        later = fill.run()
        first, second = as_json("list")

        assert (first["run_id"], first["status"]) == (later, "interrupted")
        assert (second["run_id"], second["status"]) == (done, "done")
        assert (second["trials_asked"], second["trials_done"]) == (2, 2)
        assert (second["rank1"], second["headline"]) == (25.0, "cmc_single@1")
        assert first["rank1"] is None

    def test_table(self, done):
        """The table shows the start of the id, the trials done and rank 1."""
        (line,) = (line for line in output("list").splitlines() if done[:8] in line)

        assert "2/2" in line
        assert "25.0" in line
        assert "done" in line

    def test_no_runs(self):
        """Without runs it says how to make one."""
        assert "harness run --help" in output("list")
        assert as_json("list") == []

    def test_is_light(self, done):
        """Listing imports neither torch nor alembic nor numpy."""
        code = (
            "import sys\n"
            "from harness.cli.runs import app\n"
            "app(['list', '--json'], standalone_mode=False)\n"
            "heavy = {'torch', 'alembic', 'numpy', 'scipy'} & sys.modules.keys()\n"
            "sys.exit(', '.join(heavy) or 0)"
        )
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

        assert result.stderr == ""
        assert json.loads(result.stdout)[0]["run_id"] == done


class TestShow:
    def test_json(self, done, fill):
        """A run's numbers have intervals in per cent; each trial has its own values."""
        shown = as_json("show", done[:8])
        rank1 = shown["metrics"]["rank1"]

        assert shown["run_id"] == done
        assert (rank1["metric"], rank1["n_trials"], rank1["n_seeds"]) == ("cmc_single@1", 2, 1)
        assert 0 <= rank1["low"] <= rank1["value"] <= rank1["high"] <= 100
        assert [trial["split"] for trial in shown["trials"]] == [0, 1]
        assert shown["trials"][0]["metrics"][0] == {
            "metric": "cmc_single@1",
            "k": 1,
            "value": 25.0,
            "note": None,
        }

    def test_text(self, done, store):
        """The text names the command, the metrics and the trials."""
        text = output("show", done)

        assert f"Run {done}" in text
        assert "harness run --set 'a b'" in text
        assert "rank1" in text
        assert store.where_fits(done)[1].id[:8] in text

    def test_failed(self, store, fill):
        """A failed run says why, and has no numbers."""
        run_id = fill.run()
        fill.fit(run_id, done=False)
        store.finish_run(run_id, "failed", "The loss is NaN [step 3].")

        assert "The loss is NaN [step 3]." in output("show", run_id)
        assert as_json("show", run_id)["metrics"] == {}

    def test_several_variants(self, done, store, fill):
        """Scores of several variants have no mean."""
        fit = store.where_fits(done)[0]
        fill.score(done, fit, variant=Variant("g", "cosine"))

        shown = as_json("show", done)
        assert shown["metrics"] == {}
        assert len(shown["trials"]) == 3

    def test_unknown(self, done):
        """An id that is not there is refused, with the command that lists them."""
        with pytest.raises(UnknownName, match="harness runs list"):
            output("show", "nothing")


class TestBundles:
    def test_there_and_back(self, done, home, tmp_path, monkeypatch):
        """What is exported to a file and imported elsewhere is listed there."""
        out = tmp_path / "results" / "a.jsonl"
        written = as_json("export", done[:6], "--out", str(out))
        here = as_json("show", done)
        monkeypatch.setenv("HARNESS_HOME", str(tmp_path / "elsewhere"))
        (imported,) = as_json("import", str(out))

        lines = out.read_text().splitlines()
        assert written == {"file": str(out), "lines": len(lines), "bytes": out.stat().st_size}
        assert imported["added"]["run"] == 1
        assert as_json("show", done) == here
        assert [path.name for path in out.parent.iterdir()] == ["a.jsonl"]

    def test_standard_output(self, done, store):
        """Without a file the bundle goes to standard output, and nothing else does."""
        assert output("export").splitlines() == list(store.export())

    def test_import_twice(self, done, tmp_path):
        """A second import says that all was known."""
        out = tmp_path / "a.jsonl"
        assert f"lines to {out}." in output("export", "--out", str(out))

        assert "0 new runs, 1 known before (nothing added)" in output("import", str(out))

    def test_import_in_words(self, done, tmp_path, monkeypatch):
        """An import says how much it added."""
        out = tmp_path / "a.jsonl"
        output("export", "--out", str(out))
        monkeypatch.setenv("HARNESS_HOME", str(tmp_path / "elsewhere"))

        assert "1 new runs, 0 known before (1 protocol, 2 records" in output("import", str(out))

    def test_unfinished(self, fill, tmp_path):
        """A run that has not ended is refused, and no file is left."""
        run_id = fill.run()

        with pytest.raises(UsageError, match="has not ended"):
            output("export", run_id, "--out", str(tmp_path / "a.jsonl"))
        assert list(tmp_path.iterdir()) == []

    def test_unwritable(self, done, tmp_path):
        """A file that cannot be written is named."""
        (tmp_path / "file").write_text("")

        with pytest.raises(UsageError, match=r"file/a\.jsonl cannot be written"):
            output("export", "--out", str(tmp_path / "file" / "a.jsonl"))

    def test_absent(self, tmp_path):
        """A bundle that is not there is named."""
        with pytest.raises(DataError, match=r"a\.jsonl cannot be read: No such file"):
            output("import", str(tmp_path / "a.jsonl"))

    def test_picture(self, tmp_path):
        """A file that is not text is named."""
        (tmp_path / "a.png").write_bytes(b"\x89PNG\xff\xfe")

        with pytest.raises(DataError, match=r"a\.png cannot be read: it is not text"):
            output("import", str(tmp_path / "a.png"))

    def test_first_stays_when_the_second_is_bad(self, done, tmp_path, monkeypatch):
        """A bad bundle does not undo the good one before it."""
        good, bad = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
        output("export", "--out", str(good))
        shutil.copy(good, bad)
        bad.write_text(bad.read_text()[:-40])
        monkeypatch.setenv("HARNESS_HOME", str(tmp_path / "elsewhere"))

        with pytest.raises(DataError, match=r"b\.jsonl"):
            output("import", str(good), str(bad))
        assert [run["run_id"] for run in as_json("list")] == [done]
