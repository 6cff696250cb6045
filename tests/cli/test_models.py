"""`harness models`: list, show, alias, tag, delete, import, and the model card."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

from harness.run.model_card import code, escaped
from harness.specs import load_paper

MODEL = "models:/baseline-hr-synthped"


def moved(harness, *words: str, reason: str = "why not"):
    return harness("models", "alias", *words, "--reason", reason)


def test_no_torch(trained):
    """To show a model, move its alias and tag it needs no torch, in a fresh process."""
    code = (
        "import sys\n"
        "from harness.cli.models import app\n"
        "model = sys.argv[1]\n"
        "for words in (['alias', model, 'best', '--reason', 'r'], ['tag', model, 'a=b'],\n"
        "              ['show', model, '--json']): app(words, standalone_mode=False)\n"
        "heavy = {'torch', 'torchvision', 'accelerate', 'kornia'} & sys.modules.keys()\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    command = [sys.executable, "-c", code, trained]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert '"a": "b"' in done.stdout


class TestList:
    def test_nothing(self, harness):
        """Without models it says how to make one."""
        assert "There are no models yet" in harness("models", "list").out
        assert harness("models", "list", "--json").json == []

    def test_models(self, harness, trained):
        """A fit leaves a version under the name of its method and data set."""
        moved(harness, trained, "best")
        (version,) = harness("models", "list", "--json").json
        out = harness("models", "list").out

        assert version["address"] == trained
        assert (version["aliases"], version["is_here"]) == (["best"], True)
        assert version["context"] == {"identities": 32, "images": 384, "cameras": 3}
        assert len(version["trained_on"]) == 32
        assert "baseline-hr-synthped" in out.replace("\n", "")
        assert "@best (1)" in out

    def test_versions(self, harness, trained, home):
        """Of one model each version is told, where its file is, and what was deleted."""
        harness("models", "tag", trained, "reviewed=yes")
        shutil.rmtree(home / "artifacts")
        assert "reviewed=yes" in harness("models", "list", "baseline-hr-synthped").out
        assert "absent" in harness("models", "list", "baseline-hr-synthped").out
        harness("models", "delete", trained, "--yes")

        assert "deleted 20" in harness("models", "list", "baseline-hr-synthped").out
        (version,) = harness("models", "list", "baseline-hr-synthped", "--json").json
        assert version["deleted"].startswith("20")
        assert harness("models", "list", "--json").json == []

    def test_unknown(self, harness, trained):
        """A model that is not there is refused, and the nearest name offered."""
        outcome = harness("models", "list", "baseline-synthped")

        assert outcome.code == 2
        assert "Did you mean 'baseline-hr-synthped'?" in outcome.err


class TestShow:
    def test_json(self, harness, trained):
        """A model is shown with its fit, its scores in per cent with intervals, and its moves."""
        moved(harness, trained, "best", reason="Highest mAP")
        shown = harness("models", "show", f"{MODEL}@best", "--json").json
        (run,) = harness("runs", "list", "--json").json
        trial = harness("runs", "show", run["run_id"], "--json").json["trials"][0]
        (score,) = shown["scores"]
        (move,) = shown["moves"]

        assert shown["fit_id"] == trial["fit_id"]
        rank1 = score["metrics"]["rank1"]
        assert rank1["value"] == pytest.approx(run["rank1"])
        assert rank1["low"] <= rank1["value"] <= rank1["high"]
        assert "these splits only" in rank1["method"]
        assert (move["from_version"], move["to_version"]) == (None, 1)
        assert move["reason"] == "Highest mAP"

    def test_text(self, harness, trained):
        """The text tells what it is, whom it has seen, its numbers and why its alias moved."""
        moved(harness, trained, "best", reason="a [reason]")
        out = harness("models", "show", trained).out

        for part in (trained, "@best", "32 identities", "rank1", "a [reason]", "Apache-2.0"):
            assert part in out

    def test_a_name_alone(self, harness, trained):
        """A name without a version is refused with the aliases that there are."""
        moved(harness, trained, "best")
        outcome = harness("models", "show", MODEL)

        assert outcome.code == 2
        assert "names no version" in outcome.err
        assert "@best (1)" in outcome.err


class TestCard:
    def test_what_it_says(self, harness, trained, tmp_path):
        """The card has numbers with intervals, whom the model has seen, terms and limits."""
        moved(harness, trained, "best")
        assert harness("models", "show", trained, "--card", str(tmp_path / "CARD.md")).code == 0
        card = (tmp_path / "CARD.md").read_text()
        shown = harness("models", "show", trained, "--json").json
        rank1 = shown["scores"][0]["metrics"]["rank1"]

        row = " | ".join(f"{rank1[end]:.1f}" for end in ("value", "low", "high"))
        assert f"| rank1 | `cmc_single@1` | {row} | % |" in card
        for part in ("32 identities: 32 of synthped", "these splits only", "Apache-2.0"):
            assert part in card
        for part in ("Not for identifying or tracking people", '"base_width": 4', "aliases | best"):
            assert part in card
        assert shown["sha256"] in card
        assert "tells whether a method trains" in card  # a note of the data set
        assert [path.name for path in tmp_path.iterdir()] == ["CARD.md"]

    def test_deterministic(self, harness, trained):
        """The same store gives the same card."""
        first = harness("models", "show", trained, "--card", "-").out

        assert harness("models", "show", trained, "--card", "-").out == first

    def test_escaped(self, harness, trained):
        """Nothing that a user wrote is Markdown or HTML in the card."""
        harness("models", "tag", trained, "a_b=<img src=x> |*c*\n# d")
        card = harness("models", "show", trained, "--card", "-").out

        assert r"| tag a\_b | \<img src=x\> \|\*c\* \# d |" in card

    def test_cites_the_paper(self, harness, trained):
        """The paper of the method is cited in full, not by the key of a file."""
        summary = harness("models", "show", trained, "--card", "-").out.splitlines()[2]
        paper = load_paper("rain")

        assert summary.endswith(
            f"Paper: {', '.join(paper.authors)}: {paper.title}. {paper.venue} {paper.year}. "
            f"{paper.url}"
        )

    def test_of_a_paper_that_is_not_here(self, harness, trained, home):
        """Where the plugin with the paper is gone, its key is what there is to say."""
        with sqlite3.connect(home / "harness.sqlite") as database:
            database.execute(
                "update fit set provenance = replace(provenance, '\"rain\"', '\"a_b\"')"
            )
        summary = harness("models", "show", trained, "--card", "-").out.splitlines()[2]

        assert summary.endswith(r"Paper: a\_b.")

    def test_of_two_scores(self, harness, trained, home):
        """What is said of all numbers is said once, however many tables there are."""
        with sqlite3.connect(home / "harness.sqlite") as database:
            database.execute("pragma foreign_keys = off")
            columns = [row[1] for row in database.execute("pragma table_info(score)")]
            values = ", ".join("id || 'x'" if c == "id" else c for c in columns)
            database.execute(f"insert into score select {values} from score")
        card = harness("models", "show", trained, "--card", "-").out

        assert card.count("| metric | definition |") == 2
        assert card.count("A run of this method over all splits") == 1

    def test_there_already(self, harness, trained, tmp_path):
        """A file is written over only where that was asked for."""
        card = tmp_path / "CARD.md"
        card.write_text("mine")
        words = ("models", "show", trained, "--card", str(card))

        assert harness(*words).code == 2
        assert card.read_text() == "mine"
        assert harness(*words, "--overwrite").code == 0
        assert card.read_text().startswith("# models:/")

    def test_unwritable(self, harness, trained, tmp_path):
        """A place that cannot be written is told."""
        outcome = harness("models", "show", trained, "--card", str(tmp_path / "no" / "CARD.md"))

        assert outcome.code == 2
        assert "cannot be written: No such file" in outcome.err

    def test_of_an_imported_file(self, harness, trained, home, tmp_path, monkeypatch):
        """Without its fit a card says that there are no numbers here, and still whom it saw."""
        (file,) = (home / "artifacts").rglob("*.safetensors")
        monkeypatch.setenv("HARNESS_HOME", str(tmp_path / "elsewhere"))
        assert harness("models", "import", str(file)).code == 0
        card = harness("models", "show", trained, "--card", "-").out

        assert "has not been scored in this store" in card
        assert "32 identities: 32 of synthped" in card
        assert "The fit is not in this store" in card

    @pytest.mark.parametrize(
        ("text", "shown"), [("a", "`a`"), ("a`b", "`` a`b ``"), ("a|b\nc", r"`a\|b c`")]
    )
    def test_code(self, text, shown):
        """A span of code ends where it should, in a table too."""
        assert code(text) == shown

    def test_plain(self):
        """Plain text stays plain text."""
        assert escaped("a_b") == r"a\_b"


class TestAlias:
    def test_moved_with_a_reason(self, harness, trained):
        """An alias moves with a reason, which is kept."""
        outcome = moved(harness, trained, "best")

        assert outcome.code == 0
        assert f"{MODEL}@best went from nowhere to version 1." in outcome.out

    @pytest.mark.parametrize("words", [(), ("--reason", ""), ("--reason", "  ")])
    def test_no_reason(self, harness, trained, words):
        """Without a reason nothing moves."""
        outcome = harness("models", "alias", trained, "best", *words)

        assert outcome.code == 2
        assert "No reason is given why 'best' moves." in outcome.err
        assert harness("models", "show", trained, "--json").json["moves"] == []

    def test_removed(self, harness, trained):
        """An alias is removed with a reason, by the name of its model."""
        moved(harness, trained, "best")
        words = ("alias", MODEL, "best", "--remove", "--reason", "no more", "--json")
        move = harness("models", *words).json

        assert (move["from_version"], move["to_version"]) == (1, None)
        assert harness("models", "show", f"{MODEL}@best").code == 2

    def test_removed_from_another(self, harness, trained):
        """An alias is not removed by the address of a version that it does not point at."""
        moved(harness, trained, "best")
        words = ("alias", f"{MODEL}/2", "best", "--remove", "--reason", "wrong")

        assert harness("models", *words).code == 2
        assert harness("models", "show", f"{MODEL}@best").code == 0

    def test_number_of_no_version(self, harness, trained):
        """A number that no version can have is refused as an address."""
        outcome = harness("models", "show", f"{MODEL}/99999999999999999999999")

        assert outcome.code == 2
        assert "is not the address of a model" in outcome.err


class TestTag:
    def test_set_and_removed(self, harness, trained):
        """A tag is set by KEY=VALUE and taken off by KEY."""
        assert harness("models", "tag", trained, "a=b=c", "--json").json["tags"] == {"a": "b=c"}
        assert "no tags" in harness("models", "tag", trained, "a", "--remove").out

    @pytest.mark.parametrize("words", [("a",), ("=b",), ("a=b", "--remove")])
    def test_no_tag(self, harness, trained, words):
        """What is no tag is refused."""
        outcome = harness("models", "tag", trained, *words)

        assert outcome.code == 2
        assert "is no tag to" in outcome.err


class TestDelete:
    def test_asks(self, harness, trained):
        """Without --yes it says what would go, and nothing does."""
        outcome = harness("models", "delete", trained)

        assert outcome.code == 2
        assert "would be deleted for ever. Give --yes" in outcome.err.replace("\n", " ")
        assert harness("models", "show", trained).code == 0

    def test_deleted(self, harness, trained, home):
        """A deleted model and its file are gone; its scores stay."""
        assert f"Deleted {trained} and its file." in harness(
            "models", "delete", trained, "--yes"
        ).out.replace("\n", " ")

        assert not list((home / "artifacts").rglob("*.safetensors"))
        assert "was deleted on" in harness("models", "show", trained).err
        assert [run["trials_done"] for run in harness("runs", "list", "--json").json] == [1]


class TestImport:
    def test_there_and_back(self, harness, trained, tmp_path, monkeypatch):
        """What is exported as safetensors is imported elsewhere, to the same content."""
        file = tmp_path / "m.safetensors"
        shown = harness("models", "show", trained, "--json").json
        assert harness("models", "export", trained, str(file)).code == 0
        monkeypatch.setenv("HARNESS_HOME", str(tmp_path / "elsewhere"))
        imported = harness("models", "import", str(file), "--name", "ours", "--json").json

        assert imported["address"] == "models:/ours/1"
        for name in ("sha256", "config", "context", "trained_on", "source", "licence"):
            assert imported[name] == shown[name]

    def test_foreign(self, harness, tmp_path):
        """A file of another tool is refused, and its use as initial weights told."""
        save_file({"a": torch.zeros(1)}, tmp_path / "w.safetensors")
        outcome = harness("models", "import", str(tmp_path / "w.safetensors"))

        assert outcome.code == 7
        assert "--weights" in outcome.err

    def test_in_words(self, harness, trained, home):
        """An import says what the file is."""
        (file,) = (home / "artifacts").rglob("*.safetensors")

        assert f"is {trained}: Baseline (HR)" in harness("models", "import", str(file)).out
        assert json.loads(harness("models", "list", "--json").out)[0]["address"] == trained
