"""The store: what is kept of every command, down to the ranks of each query.

The contract:

- Nothing that has ended changes. Runs and fits go from planned or running to done or failed; a
  score and its metrics appear in one transaction. To do a thing again is to store a new repeat.
- A running run or fit whose lock no living process holds reads as `interrupted`. Hold
  `store.locks.hold(id)` around the work.
- Several processes may read and write at once; each call is one transaction. A store may be used by
  several threads.
- Names tell failure: `find_` may return None, `find_or_raise_` raises, `where_` returns a list,
  `load_` decodes something large.
- Every method raises StoreError where the database cannot be used, and IntegrityError where it is
  given the id of something that is not stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from harness.store import artifacts, bundle, fits, rows, runs, schema, scores
from harness.store.database import Database
from harness.store.drafts import (
    FitDraft,
    FitOutcome,
    Loss,
    ProtocolInfo,
    RecordIds,
    RunDraft,
    ScoreDraft,
)
from harness.store.external import Externals
from harness.store.locks import Locks
from harness.store.reading import fit_view
from harness.store.registry import ModelRegistry
from harness.store.views import Finished, FitView, ImportSummary, Row, RunView, ScoreView
from harness.types import Evidence, Variant


class Store:
    """An open store; see the module's docstring for its contract.

    Args:
        database: With the schema of this version.
        home: HARNESS_HOME, for locks and artifacts.
    """

    def __init__(self, database: Database, home: Path) -> None:
        self._database = database
        self._artifacts = home / "artifacts"
        self.locks = Locks(home / "locks")
        self.externals = Externals(database)
        self.models = ModelRegistry(database, self._artifacts, self.locks)

    @classmethod
    def open(cls, url: str, *, home: Path) -> Self:
        """Open the store at an address, and create it where there is none.

        Args:
            url: The database, in SQLAlchemy's form.
            home: HARNESS_HOME.

        Raises:
            StoreError: If it cannot be read, is not a store, or has another schema.
        """
        database = Database(url)
        schema.prepare(database, home)
        return cls(database, home)

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    # Runs

    def begin_run(self, draft: RunDraft) -> str:
        """Store a run as running and return its id. Hold the lock of `draft.id` before."""
        with self._database.writing() as session:
            runs.begin_run(session, draft)
        return draft.id

    def finish_run(self, run_id: str, status: Finished, error: str | None = None) -> None:
        """Store the end of a run.

        Raises:
            IntegrityError: If it has ended before.
        """
        with self._database.writing() as session:
            runs.finish_run(session, run_id, status, error)

    def link_fit(self, run_id: str, fit_id: str) -> None:
        """Note that a run made or reused a fit; a second time changes nothing."""
        with self._database.writing() as session:
            runs.link_fit(session, run_id, fit_id)

    def link_score(self, run_id: str, score_id: str) -> None:
        """Note that a run made or reused a score; a second time changes nothing."""
        with self._database.writing() as session:
            runs.link_score(session, run_id, score_id)

    def where_runs(self) -> list[RunView]:
        """Return all runs, the newest first, without decoding anything large."""
        with self._database.reading() as session:
            return runs.where_runs(session, self.locks)

    def find_or_raise_run(self, prefix: str) -> RunView:
        """Return the one run whose id starts so.

        Raises:
            UnknownName: If there is none.
            UsageError: If there are several.
        """
        with self._database.reading() as session:
            return runs.find_or_raise_run(session, self.locks, prefix)

    # Fits

    def find_fit(self, key: str, *, repeat: int | None = None) -> FitView | None:
        """Return the newest fit of a key whatever its status, or a certain repeat of it."""
        with self._database.reading() as session:
            return fits.find_fit(session, self.locks, key, repeat)

    def find_done_fit(self, key: str) -> FitView | None:
        """Return the newest done fit of a key, whatever became of newer ones."""
        with self._database.reading() as session:
            return fits.find_done_fit(session, self.locks, key)

    def begin_fit(self, draft: FitDraft) -> FitView:
        """Store a fit as planned, or return the one that has its key and repeat.

        Of two processes that begin the same fit, both get the same; its lock decides who trains it.
        """
        with self._database.writing() as session:
            return fits.begin_fit(session, self.locks, draft)

    def start_fit(self, fit_id: str) -> None:
        """Store that training begins or is resumed. Hold its lock before.

        Raises:
            IntegrityError: If it has ended.
        """
        with self._database.writing() as session:
            fits.start_fit(session, fit_id)

    def finish_fit(self, fit_id: str, outcome: FitOutcome) -> None:
        """Store that a fit is done.

        Raises:
            IntegrityError: If it has ended before.
        """
        with self._database.writing() as session:
            fits.finish_fit(session, fit_id, outcome)

    def fail_fit(self, fit_id: str, error: str) -> None:
        """Store that a fit failed, and why.

        Raises:
            IntegrityError: If it has ended before.
        """
        with self._database.writing() as session:
            fits.fail_fit(session, fit_id, error)

    def where_fits(self, run_id: str) -> list[FitView]:
        """Return the fits of a run, in its order."""
        with self._database.reading() as session:
            return [fit_view(row, self.locks) for row in fits.of_run(session, run_id)]

    def record_losses(self, fit_id: str, losses: Sequence[Loss]) -> None:
        """Store losses; what the fit had of the same stages from their first steps on is replaced.

        So a fit that resumes from a checkpoint replaces what it does again.
        """
        with self._database.writing() as session:
            fits.record_losses(session, fit_id, losses)

    def where_losses(self, fit_id: str) -> list[Loss]:
        """Return the losses of a fit, in the order in which they were recorded."""
        with self._database.reading() as session:
            return fits.losses(session, fit_id)

    # Protocols and scores

    def put_protocol(self, info: ProtocolInfo) -> None:
        """Store a protocol, unless it is there. Of its labels, the first that were stored stay.

        Raises:
            IntegrityError: If its id stands for another content.
        """
        with self._database.writing() as session:
            scores.put_protocol(session, info)

    def put_records(
        self, protocol_id: str, split: int, *, query: RecordIds, gallery: RecordIds
    ) -> None:
        """Store the records of one split, unless they are there.

        Raises:
            IntegrityError: If other records are there.
        """
        with self._database.writing() as session:
            scores.put_records(session, protocol_id, split, query, gallery)

    def load_records(self, protocol_id: str, split: int) -> tuple[RecordIds, RecordIds]:
        """Return the query and the gallery records of one split, in the order of the evidence."""
        with self._database.reading() as session:
            return scores.load_records(session, protocol_id, split)

    def add_score(self, draft: ScoreDraft, *, run_id: str) -> str:
        """Store a score with metrics, evidence and files, link it to a run, and return its id."""
        kept = [artifacts.keep_file(self._artifacts, *file) for file in draft.files.items()]
        with self._database.writing() as session:
            score_id = scores.add_score(session, draft)
            runs.link_score(session, run_id, score_id)
            for info in kept:
                artifacts.add_artifact(session, replace(info, score_id=score_id))
        return score_id

    def find_score(self, fit_id: str, protocol_id: str, variant: Variant) -> ScoreView | None:
        """Return the newest done score of a fit under a protocol and variant."""
        with self._database.reading() as session:
            return scores.find_score(session, fit_id, protocol_id, variant)

    def where_scores(self, run_id: str) -> list[ScoreView]:
        """Return the scores of a run, in its order, without their evidence."""
        with self._database.reading() as session:
            return scores.where_scores(session, run_id)

    def load_evidence(self, score_id: str) -> Evidence:
        """Return the evidence of a score.

        Raises:
            IntegrityError: If the score failed and left none, or it is damaged.
        """
        with self._database.reading() as session:
            return scores.load_evidence(session, score_id)

    def where_rows(self, dataset: str | None = None) -> list[Row]:
        """Return the leaderboard rows of a data set, or of all, in a fixed order."""
        with self._database.reading() as session:
            return rows.where_rows(session, self.locks, dataset)

    # Artifacts and bundles

    def put_artifact(
        self, source: Path, *, kind: str, fit_id: str | None = None, score_id: str | None = None
    ) -> str:
        """Copy a file into the store under its content and return its SHA-256.

        Args:
            source: The file.
            kind: `model`, `features` or `restored`.
            fit_id: The fit that it belongs to; give this or `score_id`.
            score_id: The score that it belongs to.
        """
        kept = artifacts.keep_file(self._artifacts, kind, source)
        with self._database.writing() as session:
            artifacts.add_artifact(session, replace(kept, fit_id=fit_id, score_id=score_id))
        return kept.sha256

    def find_artifact(self, sha256: str) -> Path | None:
        """Return where an artifact lies, or None where it is not on this machine."""
        with self._database.reading() as session:
            return artifacts.find_file(session, self._artifacts, sha256)

    def export(self, run_ids: Sequence[str] | None = None) -> Iterator[str]:
        """Yield runs with all that belongs to them as the lines of a bundle.

        Args:
            run_ids: Whole ids; all runs that have ended, and external numbers, where None.

        Raises:
            UsageError: If one of the runs has not ended.
        """
        with self._database.reading() as session:
            chosen = bundle.ended_runs(session) if run_ids is None else run_ids
            yield from bundle.export(session, chosen, externals=run_ids is None)

    def import_(self, lines: Iterable[str], *, name: str = "the bundle") -> ImportSummary:
        """Store what a bundle has and the store has not; all of it or nothing.

        Args:
            lines: The bundle.
            name: Of the bundle, for errors.

        Raises:
            DataError: If it is no bundle, a newer one, truncated or damaged; with the line.
            IntegrityError: If an object differs from the stored one of the same id.
        """
        with self._database.writing() as session:
            return bundle.import_(session, lines, name)
