"""Runs, fits, scores and artifacts, as a command stores and finds them."""

from __future__ import annotations

import hashlib
import math
import subprocess
import sys

import pytest

from harness.errors import IntegrityError, StoreError, UnknownName, UsageError
from harness.store import (
    FitOutcome,
    Loss,
    MetricValue,
    RecordIds,
    Store,
)
from harness.types import Record, Trial, Variant
from tests.store.filler import evidence
from tests.store.test_evidence import assert_equal

OUTCOME = FitOutcome(seconds=1.0, identity_images=1, steps=1, model_sha256=None)


class TestRuns:
    def test_begun(self, store, fill):
        """A run comes back as it was begun."""
        run_id = fill.run(argv=("harness", "run", "--trials", "2"), trials=(Trial(3, 0),))
        run = store.find_or_raise_run(run_id)

        assert run.argv == ("harness", "run", "--trials", "2")
        assert run.trials == (Trial(3, 0),)
        assert run.environment == {"python": "3.11"}
        assert (run.finished, run.error, run.trials_done, run.rank1) == (None, None, 0, None)
        assert run.created.endswith("+00:00")

    def test_newest_first(self, store, fill):
        """Runs are listed from the newest to the oldest."""
        ids = [fill.run() for _ in range(3)]

        assert [run.id for run in store.where_runs()] == ids[::-1]

    def test_finished(self, store, fill):
        """The end of a run is kept, with its error."""
        run_id = fill.run()
        store.finish_run(run_id, "failed", "The loss is NaN.")
        run = store.find_or_raise_run(run_id)

        assert (run.status, run.error) == ("failed", "The loss is NaN.")
        assert run.finished > run.created

    def test_ended_once(self, store, fill):
        """A run that has ended stays as it is."""
        run_id = fill.run()
        store.finish_run(run_id, "done")

        with pytest.raises(IntegrityError, match=f"Run {run_id} is done, and stays so"):
            store.finish_run(run_id, "failed")
        assert store.find_or_raise_run(run_id).status == "done"

    def test_unknown_protocol(self, fill):
        """A run needs a protocol that is stored."""
        with pytest.raises(IntegrityError, match="FOREIGN KEY"):
            fill.run(protocol_id="p2")

    def test_by_start_of_id(self, store, fill):
        """A run is found by the start of its id; what is unknown or ambiguous is refused."""
        for name in ("abc1", "abc2", "ab_3"):
            fill.run(id=name)

        assert store.find_or_raise_run("abc1").id == "abc1"
        assert store.find_or_raise_run("ab_").id == "ab_3"
        with pytest.raises(
            UsageError, match=r"2 runs have an id that starts with 'abc'.*abc2, abc1"
        ):
            store.find_or_raise_run("abc")
        with pytest.raises(UnknownName, match=r"no run called 'abd'.*harness runs list"):
            store.find_or_raise_run("abd")

    def test_rank1_is_the_mean_over_trials(self, store, fill):
        """A listed run tells the mean of its headline metric at rank 1, and its trials."""
        run_id = fill.run()
        for split, value in enumerate((0.25, 0.5)):
            metrics = (
                MetricValue("cmc_single@1", 1, value),
                MetricValue("cmc_single@1", 5, 0.9),
                MetricValue("map@1", None, 0.1),
            )
            fill.score(run_id, fill.fit(split=split), metrics=metrics)
        run = store.find_or_raise_run(run_id)

        assert run.trials_done == 2
        assert run.rank1 == 0.375  # (0.25 + 0.5) / 2

    @pytest.mark.parametrize(
        "second",
        [
            {"variant": Variant("g", "euclidean")},
            {"metrics": ()},
            {"metrics": (MetricValue("cmc_single@1", 1, None, "no query has a match"),)},
        ],
    )
    def test_rank1_of_the_unlike(self, store, fill, second):
        """There is no rank 1 of two variants, nor where one trial has no value."""
        run_id = fill.run()
        fill.trial(run_id)
        fill.score(run_id, fill.fit(split=1), **second)

        assert store.find_or_raise_run(run_id).rank1 is None

    def test_rank1_of_another_protocol(self, store, fill):
        """Scores under other protocols than the run's own do not enter."""
        run_id = fill.run()
        fill.protocol(id="p2")
        fill.records(protocol_id="p2")
        fill.trial(run_id, split=0)
        other = (MetricValue("cmc_single@1", 1, 1.0),)
        fill.score(run_id, fill.fit(), protocol_id="p2", metrics=other)

        assert store.find_or_raise_run(run_id).rank1 == 0.25


class TestFits:
    def test_life(self, store, fill):
        """A fit is planned, runs and is done, and tells what it was."""
        draft = fill.draft(key="k")
        fit = store.begin_fit(draft)
        assert (fit.status, fit.started, fit.weights) == ("planned", None, draft.weights)
        store.start_fit(fit.id)
        store.finish_fit(
            fit.id, FitOutcome(seconds=2.5, identity_images=64, steps=2, model_sha256="s")
        )
        done = store.find_fit("k")

        assert (done.status, done.seconds, done.identity_images) == ("done", 2.5, 64)
        assert (done.steps, done.model_sha256, done.error) == (2, "s", None)
        assert done.created <= done.started <= done.finished

    def test_failed(self, store, fill):
        """A fit that failed says why."""
        fit = fill.fit(done=False)
        store.fail_fit(fit.id, "The loss is NaN at step 3.")

        failed = store.find_fit(fit.key)
        assert (failed.status, failed.error) == ("failed", "The loss is NaN at step 3.")

    @pytest.mark.parametrize(
        "change",
        [
            lambda store, fit: store.start_fit(fit),
            lambda store, fit: store.finish_fit(fit, OUTCOME),
            lambda store, fit: store.fail_fit(fit, "why"),
        ],
        ids=["start", "finish", "fail"],
    )
    def test_ended_once(self, store, fill, change):
        """A fit that has ended stays as it is; one that is not stored cannot change."""
        fit = fill.fit()

        with pytest.raises(IntegrityError, match=f"Fit {fit.id} is done, and stays so"):
            change(store, fit.id)
        assert store.find_fit(fit.key) == fit
        with pytest.raises(IntegrityError, match="The store has no fit nowhere"):
            change(store, "nowhere")

    def test_repeats(self, store, fill):
        """Without a number the newest repeat is found, with a number that one."""
        first = fill.fit(key="k")
        second = fill.fit(key="k", repeat=1, done=False)

        assert store.find_fit("k") == second
        assert store.find_fit("k", repeat=0) == first
        assert store.find_fit("k", repeat=2) is None
        assert store.find_fit("x") is None

    def test_begun_twice(self, store, fill):
        """Who begins a fit that another has begun gets the other's."""
        draft = fill.draft()

        assert store.begin_fit(draft) == store.begin_fit(draft)

    def test_of_a_run(self, store, fill):
        """A run has its fits in order, also those of an earlier run, each once."""
        reused = fill.fit()
        run_id = fill.run()
        fits = [fill.fit(run_id), reused]
        for _ in range(2):
            store.link_fit(run_id, reused.id)

        assert [fit.id for fit in store.where_fits(run_id)] == [fit.id for fit in fits]


class TestLosses:
    def test_in_order(self, store, fill):
        """Losses come back in the order of recording, not of their names."""
        fit = fill.fit()
        rows = [Loss("warm", 0, "id", 2.0), Loss("warm", 0, "a", 1.0), Loss("main", 0, "id", 0.5)]
        store.record_losses(fit.id, rows[:2])
        store.record_losses(fit.id, rows[2:])

        assert store.where_losses(fit.id) == rows

    def test_resume_replaces(self, store, fill):
        """What a resumed fit does again replaces what it did; the rest of the past stays."""
        fit = fill.fit()
        store.record_losses(fit.id, [Loss("warm", 7, "id", 9.0)])
        store.record_losses(fit.id, [Loss("main", step, "id", float(step)) for step in range(6)])
        store.record_losses(fit.id, [Loss("main", 4, "id", 0.4), Loss("main", 3, "id", 0.3)])

        assert [(row.stage, row.step, row.value) for row in store.where_losses(fit.id)] == [
            ("warm", 7, 9.0),
            ("main", 0, 0.0),
            ("main", 1, 1.0),
            ("main", 2, 2.0),
            ("main", 4, 0.4),
            ("main", 3, 0.3),
        ]

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
    def test_not_finite(self, store, fill, value):
        """A loss that is not finite is kept as None."""
        fit = fill.fit()
        store.record_losses(fit.id, [Loss("main", 0, "id", value)])

        assert store.where_losses(fit.id) == [Loss("main", 0, "id", None)]

    def test_none(self, store, fill):
        """To record nothing changes nothing."""
        fit = fill.fit()
        store.record_losses(fit.id, [])

        assert store.where_losses(fit.id) == []

    def test_unknown_fit(self, store):
        """Losses need a fit that is stored."""
        with pytest.raises(IntegrityError, match="FOREIGN KEY"):
            store.record_losses("x", [Loss("main", 0, "id", 1.0)])


class TestProtocols:
    def test_labels_may_change(self, store, fill):
        """A protocol may be put again under another title; the first title stays."""
        fill.run()
        fill.protocol(title="Another", headline="cmc_multi@1")
        fill.trial(fill.run())

        assert store.where_rows()[0].protocol.title == "CAVIAR, single-shot"

    @pytest.mark.parametrize("name", ["dataset", "manifest", "spec"])
    def test_content_may_not(self, fill, name):
        """One protocol id stands for one content."""
        fill.protocol()

        with pytest.raises(IntegrityError, match=f"Protocol p1 is stored with another '{name}'"):
            fill.protocol(**{name: {"x": 1} if name == "spec" else "x"})

    def test_records(self, store, fill):
        """Records come back as they were put, and may be put twice."""
        fill.protocol()
        records = [Record("a", "a.jpg", 7, 1), Record("ü", "b.jpg", -1, 2)]
        query, gallery = RecordIds.of(records), RecordIds.of(records[:1])
        for _ in range(2):
            store.put_records("p1", 3, query=query, gallery=gallery)

        assert query == RecordIds(("a", "ü"), (7, -1), (1, 2))
        assert store.load_records("p1", 3) == (query, gallery)

    def test_other_records(self, store, fill):
        """One split of a protocol has one list of records."""
        fill.protocol()
        fill.records()
        side = RecordIds(("z",), (1,), (1,))

        with pytest.raises(IntegrityError, match="Split 0 of protocol p1 is stored with other rec"):
            store.put_records("p1", 0, query=side, gallery=side)

    def test_absent_records(self, store):
        """Records that are not stored are told as that."""
        with pytest.raises(IntegrityError, match=r"The store has no records \('p1', 0\)"):
            store.load_records("p1", 0)


class TestScores:
    def test_whole(self, store, fill):
        """A score comes back with split and seed of its fit, metrics and evidence."""
        run_id = fill.run()
        fit = fill.fit(split=4, seed=2**40)
        metrics = (
            MetricValue("cmc_single@1", 1, 0.25),
            MetricValue("cmc_single@1", 50, None, "k exceeds the 25 identities of the gallery"),
            MetricValue("map@1", None, 0.5),
        )
        score_id = fill.score(run_id, fit, metrics=metrics, evidence=evidence(30))
        (score,) = store.where_scores(run_id)

        assert (score.id, score.split, score.seed) == (score_id, 4, 2**40)
        assert score.metrics == metrics
        assert (score.status, score.variant) == ("done", fill.variant)
        assert_equal(evidence(30), store.load_evidence(score_id))

    def test_nan_metric(self, store, fill):
        """A metric that is NaN is kept as not defined."""
        run_id = fill.run()
        fill.score(run_id, fill.fit(), metrics=(MetricValue("map@1", None, math.nan),))

        assert store.where_scores(run_id)[0].metrics == (MetricValue("map@1", None, None),)

    def test_failed(self, store, fill):
        """A failed score is kept with its error; it is never found or ranked."""
        run_id = fill.run()
        fit = fill.fit()
        score_id = fill.score(run_id, fit, evidence=None, metrics=(), error="NaN features.")

        assert store.where_scores(run_id)[0].status == "failed"
        assert store.find_score(fit.id, "p1", fill.variant) is None
        assert store.where_rows() == []
        with pytest.raises(IntegrityError, match=f"Score {score_id} has no evidence"):
            store.load_evidence(score_id)

    def test_found_by_variant(self, store, fill):
        """A score is found by fit, protocol and variant, and by nothing less."""
        fit = fill.fit()
        score_id = fill.score(fill.run(), fit)

        assert store.find_score(fit.id, "p1", fill.variant).id == score_id
        assert store.find_score(fit.id, "p1", Variant("f", "cosine")) is None
        assert store.find_score(fit.id, "p1", Variant("f", "euclidean", rerank="k")) is None
        assert store.find_score(fit.id, "p2", fill.variant) is None

    def test_all_or_nothing(self, store, fill):
        """A score that cannot be linked to its run leaves nothing behind."""
        fit = fill.fit()
        fill.run()

        with pytest.raises(IntegrityError, match="FOREIGN KEY"):
            fill.score("no such run", fit)
        assert store.find_score(fit.id, "p1", fill.variant) is None

    def test_reused(self, store, fill):
        """A later run links a score that was made before, once."""
        score_id = fill.trial(fill.run())
        run_id = fill.run()
        for _ in range(2):
            store.link_score(run_id, score_id)

        assert [score.id for score in store.where_scores(run_id)] == [score_id]

    def test_without_records(self, fill):
        """A score needs the records of its split."""
        run_id = fill.run()
        fill.protocol(id="p2")

        with pytest.raises(IntegrityError, match="FOREIGN KEY"):
            fill.score(run_id, fill.fit(), protocol_id="p2")


class TestArtifacts:
    def test_kept_by_content(self, store, fill, tmp_path, home):
        """A file is kept under its SHA-256, and found by it."""
        fit = fill.fit()
        source = tmp_path / "model.safetensors"
        source.write_bytes(b"weights")
        for _ in range(2):
            sha256 = store.put_artifact(source, kind="model", fit_id=fit.id)
        source.unlink()

        assert sha256 == hashlib.sha256(b"weights").hexdigest()
        kept = store.find_artifact(sha256)
        assert kept == home / "artifacts" / sha256[:2] / f"{sha256}.safetensors"
        assert kept.read_bytes() == b"weights"
        assert [file.name for file in kept.parent.iterdir()] == [kept.name]

    def test_file_is_gone(self, store, fill, tmp_path):
        """An artifact whose file was removed, or that was never kept, is None."""
        source = tmp_path / "features.h5"
        source.write_bytes(b"features")
        score_id = fill.trial(fill.run())
        sha256 = store.put_artifact(source, kind="features", score_id=score_id)
        store.find_artifact(sha256).unlink()

        assert store.find_artifact(sha256) is None
        assert store.find_artifact("0" * 64) is None

    def test_source_is_absent(self, store, fill, tmp_path):
        """A file that is not there is named."""
        with pytest.raises(StoreError, match=r"The artifact x\.h5 cannot be kept in .*: No such"):
            store.put_artifact(tmp_path / "x.h5", kind="features", fit_id=fill.fit().id)

    def test_beside_a_score(self, store, fill, tmp_path):
        """The files of a score are stored with it and named by it, and no bundle holds them."""
        source = tmp_path / "restored.safetensors"
        source.write_bytes(b"pixels")
        run_id = fill.run()
        fill.score(run_id, fill.fit(run_id), files={"restored": source})
        store.finish_run(run_id, "done")
        ((file,),) = (score.artifacts for score in store.where_scores(run_id))

        assert (file.kind, file.name, file.bytes) == ("restored", "restored.safetensors", 6)
        assert store.find_artifact(file.sha256).read_bytes() == b"pixels"
        assert not any(file.sha256 in line for line in store.export())

    @pytest.mark.parametrize("owners", [(), ("fit_id", "score_id")])
    def test_one_owner(self, store, fill, tmp_path, owners):
        """An artifact belongs to one fit or one score."""
        source = tmp_path / "x.png"
        source.write_bytes(b"x")
        fit = fill.fit()
        ids = {"fit_id": fit.id, "score_id": fill.score(fill.run(), fit)}

        with pytest.raises(IntegrityError, match="CHECK constraint failed"):
            store.put_artifact(source, kind="picture", **{name: ids[name] for name in owners})


WRITER = """
import sys
from pathlib import Path
from harness.store import Store
from tests.store.filler import Filler
with Store.open(sys.argv[1], home=Path(sys.argv[2])) as store:
    fill = Filler(store)
    run_id = fill.run()
    for split in range(25):
        fill.trial(run_id, key=f"{sys.argv[3]}-{split}", split=split)
    store.finish_run(run_id, "done")
"""


class TestSeveralProcesses:
    def test_nothing_is_lost(self, store, url, home, pytestconfig):
        """Two processes that write at once lose nothing and are never refused."""
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, url, str(home), name], cwd=pytestconfig.rootpath
            )
            for name in ("a", "b")
        ]

        assert [process.wait() for process in processes] == [0, 0]
        runs = store.where_runs()
        assert [(run.status, run.trials_done) for run in runs] == [("done", 25)] * 2
        assert [len(store.where_fits(run.id)) for run in runs] == [25, 25]

    def test_one_fit_begun_by_two(self, store, fill, url, home):
        """Two stores that begin one fit get the same one."""
        draft = fill.draft()
        with Store.open(url, home=home) as second:
            assert second.begin_fit(draft).id == store.begin_fit(draft).id


def test_closed_by_the_block(url, home):
    """A store is a context manager, and may be opened and left many times."""
    for _ in range(2):
        with Store.open(url, home=home) as store:
            assert store.where_runs() == []
