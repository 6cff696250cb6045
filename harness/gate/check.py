"""Hold a store against a baseline: the library door of `harness check`. Nothing is printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import HarnessError, UsageError
from harness.gate.baseline import Baseline, find_file, read_baseline
from harness.gate.bundles import store_of
from harness.gate.entries import FeatureEntry, RowEntry
from harness.gate.feature_files import rank_file, stored_side
from harness.gate.held import Held, ask
from harness.gate.questions import Question, settle
from harness.gate.rows import find_match, name_rows, newest_rows
from harness.gate.sides import load_entry, load_row
from harness.gate.speed import compare_speed, machines_differ
from harness.gate.timings import read_timings
from harness.gate.verdict import Check, Verdict, worst_code, worst_outcome
from harness.run.environment import describe_environment
from harness.run.file_request import FileRequest
from harness.store.drafts import now

if TYPE_CHECKING:
    from harness.loader import Registry
    from harness.store import Row, Store
    from harness.types import MetricSpec


def check_baseline(
    baseline: Path | str,
    store: Store,
    registry: Registry,
    *,
    strict: bool = False,
    noise: float | None = None,
    benchmark: Path | None = None,
) -> Verdict:
    """Return what there is to say of a store held against a baseline.

    Args:
        baseline: Its file, or its name in the folder `baselines`.
        store: Whose newest rows are held against those of the baseline.
        registry: Names the metrics.
        strict: Whether an undecided check is an error.
        noise: A noise floor, in points, where none was learnt from repeats.
        benchmark: What pytest-benchmark wrote, held against the times of the baseline.

    Raises:
        UnknownName: If there is no baseline of that name.
        DataError: If the baseline or the benchmark file cannot be read.
        IntegrityError: If the baseline is not what was accepted.
        UsageError: If the noise is no number of points, times are given to hold against none, or
            nothing is left to check.
    """
    if noise is not None and not 0 <= noise <= 100:
        raise UsageError(f"{noise:g} points are no noise.", "Give a small number, such as 0.05.")
    path = find_file(baseline)
    accepted = read_baseline(path)
    gate = _Gate(accepted, path, store, registry.metrics, noise)
    asked = [*gate.ask_rows(), *gate.ask_files()]
    speed, told = _check_speed(accepted, benchmark)
    checks = [*settle(asked), *speed]
    if not checks:
        raise UsageError(
            f"Nothing was checked: the baseline {accepted.name} has times only.",
            "Give `--benchmark FILE`, what `pytest --benchmark-json=FILE` wrote.",
        )
    return Verdict(
        baseline=accepted.name,
        reason=accepted.reason,
        created=now(),
        outcome=worst_outcome(checks),
        strict=strict,
        exit_code=worst_code(checks, strict=strict),
        checks=tuple(checks),
        new_rows=gate.new_rows(),
        baseline_environment=accepted.environment,
        environment=describe_environment(),
        notes=(*gate.notes(), *told),
    )


class _Gate:
    """A store beside a baseline.

    Args:
        accepted: The baseline.
        path: Its file, beside which feature files are looked for.
        store: What is held against it.
        specs: All metrics, by full name.
        noise: A noise floor, in points, where none was learnt; or None.
    """

    def __init__(
        self,
        accepted: Baseline,
        path: Path,
        store: Store,
        specs: Mapping[str, MetricSpec],
        noise: float | None,
    ) -> None:
        self.accepted, self.path, self.store = accepted, path, store
        self.specs, self.noise = specs, noise
        self.rows = newest_rows(store)
        self.matched = {
            entry.name: find_match(entry, self.rows, accepted.rows) for entry in accepted.rows
        }

    def ask_rows(self) -> list[Check | Question]:
        """Return what is asked of the rows."""
        asked: list[Check | Question] = []
        with store_of(self.accepted.bundle, name=str(self.path)) as old:
            for entry in self.accepted.rows:
                asked += self._ask_row(entry, old)
        return asked

    def ask_files(self) -> list[Check | Question]:
        """Return what is asked of the feature files."""
        return [one for entry in self.accepted.features for one in self._ask_file(entry)]

    def new_rows(self) -> tuple[str, ...]:
        """Return the names of rows that are held against nothing."""
        used = {id(row) for row in self.matched.values()}
        return tuple(name for name, row in name_rows(self.rows).items() if id(row) not in used)

    def notes(self) -> tuple[str, ...]:
        """Return what else there is to say."""
        same = [
            entry.name
            for entry in self.accepted.rows
            if entry.scores == _scores(self.matched[entry.name])
        ]
        if not same:
            return ()
        return (
            f"Nothing new was run of {', '.join(same)}: the store's newest scores are those of "
            "the baseline.",
        )

    def _ask_row(self, entry: RowEntry, old: Store) -> Iterator[Check | Question]:
        row = self.matched[entry.name]
        say = partial(Check, row=entry.name, dataset=entry.dataset, metric="all", tier="integrity")
        if row is None:
            yield say(
                outcome="missing",
                what="The store has no such row.",
                next_step=f"Run it: `harness run --plugin {entry.method} --dataset "
                f"{entry.dataset} --recipe {entry.recipe}`; or accept a baseline without it.",
            )
        elif row.protocol.id != entry.protocol_id:
            yield say(outcome="refused", what=_unlike(entry, row), next_step=_LIKE)
        else:
            new, before = load_row(self.store, row), load_entry(old, entry)
            yield from ask(Held(entry.name, entry.metrics, new, before, self.specs, self.noise))

    def _ask_file(self, entry: FeatureEntry) -> Iterator[Check | Question]:
        say = partial(Check, row=entry.name, dataset=entry.name, metric="all", tier="integrity")
        file = self.path.parent / entry.name
        if not file.is_file():
            yield say(
                outcome="missing",
                what=f"There is no file {file}.",
                next_step="Extract the features again, or accept a baseline without them.",
            )
            return
        old = stored_side(entry, self.accepted.evidence[entry.name])
        try:
            ranked = rank_file(_request(file, entry))
        except HarnessError as error:
            yield say(outcome="refused", what=error.what, next_step=error.next_step)
            return
        if ranked.labels != entry.labels:
            yield say(outcome="refused", what=_OTHER_LABELS, next_step=_LIKE)
            return
        yield from ask(Held(entry.name, entry.metrics, ranked.side, old, self.specs, self.noise))


_LIKE = "Unlike is not compared: bring back what it was, or accept a new baseline with a reason."

_OTHER_LABELS = (
    "The file is of other images: identities or cameras of its query or gallery are not those of "
    "the baseline, or in another order."
)


def _request(file: Path, entry: FeatureEntry) -> FileRequest:
    """Return how a feature file was ranked when it was accepted."""
    return FileRequest(file=file, rule=entry.rule, distance=entry.distance, rerank=entry.rerank)


def _unlike(entry: RowEntry, row: Row) -> str:
    """Say in which way the protocol of a row is another."""
    if row.protocol.manifest != entry.manifest:
        return (
            f"The images of {entry.dataset} are others: their manifest is "
            f"{row.protocol.manifest[:12]} here and {entry.manifest[:12]} in the baseline."
        )
    return (
        f"The protocol {entry.protocol} is another: its id is {row.protocol.id[:12]} here and "
        f"{entry.protocol_id[:12]} in the baseline."
    )


def _scores(row: Row | None) -> tuple[str, ...]:
    return () if row is None else tuple(trial.score.id for trial in row.trials)


def _check_speed(accepted: Baseline, file: Path | None) -> tuple[list[Check], list[str]]:
    """Return the checks of speed, and what else there is to say of it."""
    if file is None and accepted.benchmark is not None:
        return [], ["The times of the baseline were not checked: give `--benchmark FILE`."]
    if file is None:
        return [], []
    if accepted.benchmark is None:
        raise UsageError(
            f"The baseline {accepted.name} has no times.",
            "Accept some: `harness baseline accept NAME --keep --benchmark FILE --reason TEXT`.",
        )
    old, new = accepted.benchmark.timings, read_timings(file)
    return compare_speed(old, new), machines_differ(old, new)
