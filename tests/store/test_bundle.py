"""Bundles: out of one store and into another."""

from __future__ import annotations

import base64
import json

import pytest

from harness.errors import DataError, HarnessError, IntegrityError, StoreError, UsageError
from harness.store import Loss, Store
from tests.store.filler import Filler, evidence
from tests.store.test_evidence import assert_equal


@pytest.fixture
def full(store: Store, fill: Filler) -> Store:
    """A store with two runs: one done with losses, one failed."""
    done, failed = fill.run(), fill.run()
    for split in range(2):
        fill.trial(done, split=split, key=f"k{split}")
    for fit in store.where_fits(done):
        store.record_losses(fit.id, [Loss("main", 1, "id", 0.1), Loss("main", 0, "id", None)])
    store.finish_run(done, "done")
    fit = fill.fit(failed, done=False)
    store.fail_fit(fit.id, "The loss is NaN.")
    fill.score(failed, store.where_fits(done)[0], evidence=None, metrics=(), error="NaN")
    store.finish_run(failed, "failed", "The loss is NaN.")
    return store


def changed(lines: list[str], kind: str, **values: object) -> list[str]:
    """Return the lines with other values in the first object of a type."""
    at = next(i for i, line in enumerate(lines) if json.loads(line)["type"] == kind)
    line = json.dumps({**json.loads(lines[at]), **values})
    return [*lines[:at], line, *lines[at + 1 :]]


def number_of(lines: list[str], kind: str) -> int:
    return 1 + next(i for i, line in enumerate(lines) if json.loads(line)["type"] == kind)


class TestRoundTrip:
    def test_same_lines(self, full, other):
        """A store that imported a bundle gives the same bundle."""
        bundle = list(full.export())
        summary = other.import_(bundle)

        assert list(other.export()) == bundle
        assert sum(summary.added.values()) == len(bundle) - 2
        assert summary.known == {}
        assert summary.added["run"] == 2

    def test_same_views(self, full, other):
        """All that can be read of one store can be read of the other."""
        other.import_(full.export())
        run = full.where_runs()[-1]

        assert other.where_runs() == full.where_runs()
        assert other.where_rows() == full.where_rows()
        assert other.where_fits(run.id) == full.where_fits(run.id)
        assert other.where_scores(run.id) == full.where_scores(run.id)
        assert other.load_records("p1", 1) == full.load_records("p1", 1)
        fit_id = full.where_fits(run.id)[0].id
        assert other.where_losses(fit_id) == full.where_losses(fit_id)
        assert_equal(evidence(), other.load_evidence(run_score(other, run.id)))

    def test_idempotent(self, full, other):
        """To import twice is to import once."""
        bundle = list(full.export())
        other.import_(bundle)
        summary = other.import_(bundle)

        assert summary.added == {}
        assert list(other.export()) == bundle

    def test_into_itself(self, full):
        """A store knows all of its own bundle, scrubbed paths included."""
        assert full.import_(list(full.export())).added == {}

    def test_order_of_merging(self, full, other, tmp_path):
        """Two stores merge to the same rows in either order, without loss."""
        fill = Filler(other)
        run_id = fill.run()
        fill.trial(run_id, split=0, key="k0")
        other.finish_run(run_id, "done")
        ours, theirs = list(full.export()), list(other.export())
        full.import_(theirs)
        other.import_(ours)

        assert {run.id for run in full.where_runs()} == {run.id for run in other.where_runs()}
        assert len(full.where_runs()) == 3
        rows = [
            [trial.score.id for row in merged.where_rows() for trial in row.trials]
            for merged in (full, other)
        ]
        assert rows[0] == rows[1]
        assert len(rows[0]) == 2

    def test_repeats_are_counted_by_each_store(self, full, other):
        """Two stores that did the same work keep both fits, and know each other's afterwards."""
        fill = Filler(other)
        run_id = fill.run()
        theirs = fill.fit(run_id, key="k0")
        fill.score(run_id, theirs)
        other.finish_run(run_id, "done")
        full.import_(list(other.export()))

        assert full.find_fit("k0", repeat=1).id == theirs.id
        assert full.import_(list(other.export())).added == {}
        assert other.import_(list(full.export())).known["fit"] == 1

    def test_chosen_runs(self, full, other):
        """Only what belongs to the chosen runs is exported."""
        failed, done = full.where_runs()
        other.import_(full.export([done.id]))

        assert other.where_runs() == [done]
        assert other.find_fit(full.where_fits(failed.id)[0].key) is None

    def test_later_run_of_a_known_fit(self, full, fill, other):
        """A later run that reuses what an earlier bundle brought adds only itself."""
        other.import_(list(full.export()))
        done = full.where_runs()[-1]
        run_id = fill.run()
        full.link_fit(run_id, full.where_fits(done.id)[0].id)
        full.link_score(run_id, full.where_scores(done.id)[0].id)
        full.finish_run(run_id, "done")
        summary = other.import_(full.export([run_id]))

        assert summary.added == {"run": 1, "run_fit": 1, "run_score": 1}

    def test_empty(self, store, other):
        """A store without runs gives a bundle of two lines."""
        bundle = list(store.export())

        assert [json.loads(line)["type"] for line in bundle] == ["header", "end"]
        assert other.import_(bundle).added == {}

    def test_line_ends(self, full, other):
        """Lines may come with their ends, as from a file."""
        other.import_(f"{line}\n" for line in full.export())

        assert len(other.where_runs()) == 2


def run_score(store: Store, run_id: str) -> str:
    return store.where_scores(run_id)[0].id


class TestContent:
    def test_header(self, full):
        """The header says what it is and when the newest run ended."""
        header = json.loads(next(full.export()))

        newest = max(run.finished for run in full.where_runs())
        assert header == {
            "type": "header",
            "format": "reid-harness-bundle",
            "version": 1,
            "created": newest,
        }

    def test_no_absolute_path(self, store, fill):
        """Nothing of the machine's folders leaves in a bundle, and the store keeps them."""
        run_id = fill.run(
            argv=("/home/ann/bin/harness", "run", "--data=/srv/secret/caviar"),
            environment={"HARNESS_DATA": "/srv/secret", "url": "https://example.org/x"},
        )
        fill.fit(run_id, provenance={"path": "/srv/secret/code"}, device={"log": "/srv/secret"})
        store.finish_run(run_id, "failed", "Cannot read /srv/secret/caviar/1.jpg.")
        text = "\n".join(store.export())

        assert "/srv" not in text
        assert "/home" not in text
        assert '["harness","run","--data=caviar"]' in text
        assert "https://example.org/x" in text
        assert "Cannot read 1.jpg." in text
        assert store.find_or_raise_run(run_id).environment["HARNESS_DATA"] == "/srv/secret"

    def test_running_runs_stay(self, full, fill):
        """A run that has not ended is left out, and refused where it is asked for."""
        run_id = fill.run()

        assert run_id not in "\n".join(full.export())
        with pytest.raises(UsageError, match=f"Run {run_id} has not ended"):
            list(full.export([run_id]))

    def test_fits_that_have_not_ended_stay(self, store, fill, other):
        """Of a failed run, a fit that may still be resumed is left out, and can follow later."""
        run_id = fill.run()
        fit = fill.fit(run_id, done=False)
        store.finish_run(run_id, "failed", "why")
        other.import_(store.export())
        assert other.where_fits(run_id) == []
        store.fail_fit(fit.id, "why")
        summary = other.import_(store.export())

        assert summary.added == {"fit": 1, "run_fit": 1}


class TestRefused:
    def refuse(
        self, other: Store, bundle: list[str], message: str, error: type[HarnessError] = DataError
    ) -> None:
        """Expect an error, and that nothing was stored."""
        with pytest.raises(error, match=message):
            other.import_(bundle, name="b.jsonl")
        assert other.where_runs() == []
        assert [json.loads(line)["type"] for line in other.export()] == ["header", "end"]

    def test_empty_file(self, other):
        """An empty file is no bundle."""
        self.refuse(other, [], r"b\.jsonl is cut off after line 1")

    @pytest.mark.parametrize("line", ["[1]", "{}", '{"type": 1}', '{"type": "run"}', "null"])
    def test_foreign(self, other, line):
        """A file of other JSON lines is no bundle."""
        self.refuse(other, [line], r"Line 1 of b\.jsonl is not")

    def test_not_json(self, full, other):
        """A line that is not JSON is named by its number."""
        bundle = list(full.export())
        bundle[2] = bundle[2][:-5]
        self.refuse(other, bundle, r"Line 3 of b\.jsonl is not JSON")

    def test_newer(self, full, other):
        """A bundle of a newer version is refused with the command that updates."""
        bundle = changed(list(full.export()), "header", version=2)
        self.refuse(other, bundle, r"names version 2; this one reads 1.*pip install --upgrade")

    @pytest.mark.parametrize("count", [1, 5, -1])
    def test_cut_off(self, full, other, count):
        """A bundle that was cut between two lines is not imported in part."""
        bundle = list(full.export())[:count]
        self.refuse(other, bundle, rf"b\.jsonl is cut off after line {len(bundle)}\.")

    def test_a_line_is_gone(self, full, other):
        """A bundle that lost a line in the middle is not imported."""
        bundle = list(full.export())
        del bundle[number_of(bundle, "metric") - 1]
        self.refuse(other, bundle, r"names \d+ objects, but there are \d+")

    def test_after_the_end(self, full, other):
        """Two bundles in one file are refused at the second."""
        bundle = list(full.export())
        self.refuse(other, bundle + bundle, "comes after the end of the bundle")

    def test_refers_to_nothing(self, full, other):
        """An object that refers to one that is not there is named by its line."""
        bundle = list(full.export())
        at = number_of(bundle, "fit")
        bundle[at - 1] = bundle[at - 1].replace('"id":"', '"id":"0')
        self.refuse(other, bundle, rf"Line {at + 1} of b\.jsonl: .*FOREIGN KEY")

    @pytest.mark.parametrize(
        ("kind", "values", "message"),
        [
            ("fit", {"seed": "one"}, "'seed' cannot be 'one'"),
            ("fit", {"seed": None}, "'seed' cannot be None"),
            ("fit", {"seed": True}, "'seed' cannot be True"),
            ("fit", {"config": "x"}, "'config' cannot be 'x'"),
            ("fit", {"status": "lost"}, "CHECK constraint"),
            ("fit", {"colour": 1}, "too many or too few fields: colour"),
            ("run", {"protocol_id": "p9"}, "FOREIGN KEY"),
            ("metric", {"value": "high"}, "'value' cannot be 'high'"),
            ("records", {"query": "%%%"}, "'query' cannot be unpacked"),
            ("records", {"query": "AAAA"}, "'query' cannot be unpacked"),
            ("score", {"evidence": 7}, "'evidence' cannot be unpacked"),
            ("losses", {"losses": "AAAA"}, "Losses cannot be read"),
            ("metric", {"type": "songs"}, "There is no type 'songs'"),
        ],
    )
    def test_values(self, full, other, kind, values, message):
        """A value that its column cannot hold is named, with its line."""
        bundle = list(full.export())
        at = number_of(bundle, kind)
        self.refuse(other, changed(bundle, kind, **values), rf"Line {at} of b\.jsonl.*{message}")

    def test_missing_field(self, full, other):
        """A missing value is named, with its line."""
        bundle = list(full.export())
        at = number_of(bundle, "fit")
        line = json.loads(bundle[at - 1])
        del line["recipe"]
        bundle[at - 1] = json.dumps(line)
        self.refuse(other, bundle, rf"Line {at} of .*too many or too few fields: recipe")

    def test_evidence_of_a_newer_version(self, full, other):
        """Evidence that cannot be read is refused at the door."""
        blob = base64.b64encode(b"\x09abc").decode()
        bundle = changed(list(full.export()), "score", evidence=blob)
        self.refuse(other, bundle, "Line .*: Evidence has format 09", StoreError)

    @pytest.mark.parametrize(
        ("kind", "values", "message"),
        [
            ("run", {"recipe": "smoke"}, "The run .* is stored with another 'recipe'"),
            ("protocol", {"spec": {}}, "The protocol p1 is stored with another 'spec'"),
            ("fit", {"seed": 9}, "The fit .* is stored with another 'seed'"),
            ("metric", {"value": 0.75}, "The metric .*, cmc_single@1, 1 is stored with another"),
            ("losses", {"losses": "eJyLjgUAARUAuQ=="}, "The losses .* with another 'losses'"),
        ],
    )
    def test_differs(self, full, other, kind, values, message):
        """An object that differs from the stored one is named, and nothing is changed."""
        bundle = list(full.export())
        other.import_(bundle)

        with pytest.raises(IntegrityError, match=message):
            other.import_(changed(bundle, kind, **values))
        assert list(other.export()) == bundle

    @pytest.mark.parametrize(
        ("kind", "values"), [("protocol", {"title": "Other"}), ("fit", {"repeat": 7})]
    )
    def test_may_differ(self, full, other, kind, values):
        """Labels of a protocol, and how a store counts repeats, may differ."""
        bundle = list(full.export())
        other.import_(bundle)

        assert other.import_(changed(bundle, kind, **values)).added == {}
