"""Which rows a baseline is of, and which row of a store is held against which of its rows.

A row is the same thing as long as method, data set, protocol by name, recipe, initial weights by
name and variant are. Its version, its config and the precision that the machine trains in may
change: that is what a gate is for. Where several rows of a store are the same thing in that sense,
the one that a run made or reused last is meant; one whose recipe was overridden with `--set` goes
with the row of a baseline that was overridden alike.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import compress
from typing import TYPE_CHECKING

from harness.errors import UsageError
from harness.gate.entries import RowEntry
from harness.run.contestants import find_row

if TYPE_CHECKING:
    from harness.store import Row, Store

Key = tuple[str | None, ...]

_HASH_SHOWN = 8


def choose_rows(store: Store, names: Sequence[str], run: str | None) -> list[Row]:
    """Return the rows that were asked for; all newest ones where nothing was.

    Args:
        store: Where they are.
        names: As `harness compare` takes them, METHOD/WORD...
        run: The start of a run's id, whose scores are meant.

    Raises:
        UnknownName: If there is no row or run of a name.
        UsageError: If there are several, or the run has no score that is the newest of its row.
    """
    if run is None:
        return [find_row(store, name) for name in names] if names else newest_rows(store)
    found = store.find_or_raise_run(run)
    scores = {score.id for score in store.where_scores(found.id)}
    rows = [_only(row, scores) for row in store.where_rows()]
    kept = [row for row in rows if row.trials]
    if not kept:
        raise UsageError(
            f"Run {found.id[:8]} has no score that is the newest of its row.",
            "Name another run, or a row: see `harness runs list`.",
        )
    return [*kept, *(find_row(store, name) for name in names)]


def newest_rows(store: Store) -> list[Row]:
    """Return the rows of a store, of those that are the same thing the newest; the oldest first."""
    ages = run_ages(store)
    ordered = sorted(store.where_rows(), key=lambda row: _age(row, ages))
    newest = {(*key_of_row(row), row.narrowed): row for row in ordered}
    return [row for row in ordered if newest[*key_of_row(row), row.narrowed] is row]


def find_match(entry: RowEntry, rows: Iterable[Row], entries: Iterable[RowEntry]) -> Row | None:
    """Return the row of a store that is held against a row of a baseline.

    Args:
        entry: Of the baseline.
        rows: The newest rows of the store, the oldest first.
        entries: All rows of the baseline.
    """
    alike = [row for row in rows if key_of_row(row) == key_of_entry(entry)]
    claimed = {other.narrowed for other in entries if key_of_entry(other) == key_of_entry(entry)}
    exact = [row for row in alike if row.narrowed == entry.narrowed]
    others = [row for row in alike if row.narrowed not in claimed]
    return next(reversed([*others, *exact]), None)


def name_rows(rows: Sequence[Row]) -> dict[str, Row]:
    """Return rows by names: METHOD/DATASET/RECIPE, and what else tells them apart."""
    names = _tell_apart([(_plain_name(row), _words(row)) for row in rows])
    return dict(sorted(zip(names, rows, strict=True), key=lambda item: _plain_name(item[1])))


def merge_entries(old: Iterable[RowEntry], new: Sequence[RowEntry]) -> tuple[RowEntry, ...]:
    """Return rows of a baseline with newer ones in the place of what is the same thing, by name.

    They are named anew: what told rows apart on either side may not tell them apart together.

    Args:
        old: Accepted before.
        new: Accepted now.
    """
    moved = {_thing(entry) for entry in new}
    entries = [*(entry for entry in old if _thing(entry) not in moved), *new]
    names = _tell_apart([(_plain_entry(entry), _words_of_entry(entry)) for entry in entries])
    for place, (name, entry) in enumerate(zip(names, entries, strict=True)):
        told = name if names.count(name) == 1 else f"{name}/{_id(entry)}"
        entries[place] = entry.model_copy(update={"name": told})
    return tuple(sorted(entries, key=lambda entry: entry.name))


def key_of_row(row: Row) -> Key:
    """Return what must be equal for two rows to be the same thing."""
    variant = row.variant
    return (
        row.method,
        row.dataset,
        row.protocol.key,
        row.recipe,
        row.weights.name,
        variant.feature,
        variant.distance,
        variant.precision,
        variant.rerank,
    )


def key_of_entry(entry: RowEntry) -> Key:
    """Return the same of a row of a baseline."""
    return (
        entry.method,
        entry.dataset,
        entry.protocol,
        entry.recipe,
        entry.weights,
        entry.feature,
        entry.distance,
        entry.precision,
        entry.rerank,
    )


def run_ages(store: Store) -> Mapping[str, str]:
    """Return when each run began."""
    return {run.id: run.created for run in store.where_runs()}


def covering_runs(scores: Collection[str], store: Store) -> list[str]:
    """Return ids of runs that hold all of some scores, the newest that do.

    Args:
        scores: Their ids.
        store: Where they are.

    Raises:
        UsageError: If a score is of a run only that has not ended.
    """
    left = set(scores)
    chosen = []
    for run in store.where_runs():
        held = {score.id for score in store.where_scores(run.id)} & left
        if held and run.status in ("done", "failed"):
            chosen.append(run.id)
            left -= held
    if left:
        raise UsageError(
            f"{len(left)} scores are of runs that have not ended.",
            "Finish these runs first: their command goes on where it stopped.",
        )
    return chosen


def _only(row: Row, scores: set[str]) -> Row:
    return replace(row, trials=tuple(each for each in row.trials if each.score.id in scores))


def _age(row: Row, ages: Mapping[str, str]) -> tuple[str, str]:
    """Return when a run last made or reused a row, and when its newest score was made."""
    return (
        max((ages[run] for run in row.runs), default=""),
        max((each.score.created for each in row.trials), default=""),
    )


def _id(entry: RowEntry) -> str:
    """Return what tells a row of a baseline from one that no word tells it from."""
    return entry.scores[0][:_HASH_SHOWN]


def _thing(entry: RowEntry) -> Key:
    return (*key_of_entry(entry), entry.narrowed)


def _tell_apart(named: Sequence[tuple[str, tuple[str, ...]]]) -> list[str]:
    """Return plain names with those of their words in which others of the same name differ."""
    rivals: dict[str, list[tuple[str, ...]]] = {}
    for plain, words in named:
        rivals.setdefault(plain, []).append(words)
    differs = {
        plain: [len(set(column)) > 1 for column in zip(*words, strict=True)]
        for plain, words in rivals.items()
    }
    return ["/".join((plain, *compress(words, differs[plain]))) for plain, words in named]


def _plain_name(row: Row) -> str:
    return _join_name(row.method, row.dataset, row.protocol.key, row.recipe)


def _plain_entry(entry: RowEntry) -> str:
    return _join_name(entry.method, entry.dataset, entry.protocol, entry.recipe)


def _join_name(method: str, dataset: str, protocol: str, recipe: str) -> str:
    return "/".join((method, dataset, *(() if protocol == dataset else (protocol,)), recipe))


def _words(row: Row) -> tuple[str, ...]:
    """Return what tells a row from others of its plain name; rows that differ have other words."""
    return (
        row.weights.name.replace("/", "_"),
        row.variant.feature,
        row.variant.distance,
        f"extract-{row.variant.precision}",
        f"rerank-{row.variant.rerank or 'none'}",
        row.config_hash[:_HASH_SHOWN],
        row.protocol.id[:_HASH_SHOWN],
        f"v{row.method_version}",
        f"train-{row.precision}",
        (row.weights.sha256 or "no-weights")[:_HASH_SHOWN],
    )


def _words_of_entry(entry: RowEntry) -> tuple[str, ...]:
    """Return the same of a row of a baseline, as far as it says."""
    return (
        entry.weights.replace("/", "_"),
        entry.feature,
        entry.distance,
        f"extract-{entry.precision}",
        f"rerank-{entry.rerank or 'none'}",
        entry.config_hash[:_HASH_SHOWN],
        entry.protocol_id[:_HASH_SHOWN],
        f"v{entry.method_version}",
    )
