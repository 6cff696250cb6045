"""What can be compared: a run by its id, or a row of the leaderboard by its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import Inconclusive, UnknownName, UsageError

if TYPE_CHECKING:
    from harness.store import Row, RunView, ScoreView, Store

_HASH_SHOWN = 8
_HASH_START = 4


@dataclass(frozen=True, slots=True)
class Contestant:
    """One side of a comparison.

    Attributes:
        name: The start of the run's id, or the row as it was asked for.
        kind: `run` or `row`.
        method: Key of the method.
        dataset: Key of the data set.
        recipe: Name of the recipe.
        runs: Ids of the runs that hold its scores.
        protocol_id: The protocol.
        headline: Full name of the protocol's headline metric.
        scores: One for each trial.
    """

    name: str
    kind: str
    method: str
    dataset: str
    recipe: str
    runs: tuple[str, ...]
    protocol_id: str
    headline: str
    scores: tuple[ScoreView, ...]


def find_contestant(store: Store, name: str) -> Contestant:
    """Return the run or row of a name.

    Args:
        store: Where it is.
        name: The start of a run's id, or a row as METHOD[/WORD...], the words being what tells it
            from other rows of the method: data set, protocol, recipe, config hash, weights, feature
            and so on.

    Raises:
        UnknownName: If there is neither.
        UsageError: If there are several, or the run has scores of several variants.
        Inconclusive: If the run has no score.
    """
    ids = [run.id for run in store.where_runs()]
    if any(each.startswith(name) for each in ids):
        return _of_run(store, store.find_or_raise_run(name))
    rows = store.where_rows()
    of_method = [row for row in rows if row.method == name.partition("/")[0]]
    if not of_method:
        known = [*ids, *{row.method for row in rows}]
        raise UnknownName("run or row", name, known, "harness runs list")
    return _of_row(name, of_method)


def find_row(store: Store, name: str) -> Row:
    """Return the row of a name, as `find_contestant` takes it.

    Raises:
        UnknownName: If there is none.
        UsageError: If there are several.
    """
    rows = store.where_rows()
    of_method = [row for row in rows if row.method == name.partition("/")[0]]
    if not of_method:
        raise UnknownName("row", name, {row.method for row in rows}, "harness runs list")
    return _choose(name, of_method)


def _of_run(store: Store, run: RunView) -> Contestant:
    scores = [
        score
        for score in store.where_scores(run.id)
        if score.status == "done" and score.protocol_id == run.protocol_id
    ]
    if not scores:
        raise Inconclusive(
            f"Run {run.id[:8]} ({run.status}) has no score to compare.",
            "Run its command again to finish it, or name another run.",
        )
    variants = {score.variant for score in scores}
    if len(variants) > 1:
        features = ", ".join(sorted({variant.feature for variant in variants}))
        raise UsageError(
            f"Run {run.id[:8]} has scores of {len(variants)} variants (features {features}), which "
            "have no mean.",
            f"Name a row instead, as {run.method}/{run.dataset}/FEATURE.",
        )
    return Contestant(
        name=run.id[:8],
        kind="run",
        method=run.method,
        dataset=run.dataset,
        recipe=run.recipe,
        runs=(run.id,),
        protocol_id=run.protocol_id,
        headline=run.headline,
        scores=tuple(scores),
    )


def _choose(name: str, rows: Sequence[Row]) -> Row:
    """Return the one of the rows of a method that has all words of a name."""
    words = name.split("/")[1:]
    found = [row for row in rows if all(_is_called(row, word) for word in words)]
    if not found:
        raise UnknownName("row", name, [_short_name(row, rows) for row in rows])
    if len(found) > 1:
        names = ", ".join(_short_name(row, rows) for row in found)
        raise UsageError(
            f"There are {len(found)} rows called {name!r}.", f"Name one of them: {names}."
        )
    return found[0]


def _of_row(name: str, rows: Sequence[Row]) -> Contestant:
    row = _choose(name, rows)
    return Contestant(
        name=name,
        kind="row",
        method=row.method,
        dataset=row.dataset,
        recipe=row.recipe,
        runs=row.runs,
        protocol_id=row.protocol.id,
        headline=row.protocol.headline,
        scores=tuple(trial.score for trial in row.trials),
    )


def _is_called(row: Row, word: str) -> bool:
    """Say whether a row has a word in its name; of a hash, the start is enough."""
    hashes = (row.config_hash, row.protocol.id, row.weights.sha256 or "")
    is_hash = len(word) >= _HASH_START and any(each.startswith(word) for each in hashes)
    return is_hash or word in _words(row)


def _short_name(row: Row, rows: Sequence[Row]) -> str:
    """Return the shortest name, words taken in their order, that tells a row from the others."""
    name, left = [row.method], rows
    for word in _words(row):
        fewer = [other for other in left if word in _words(other)]
        if len(fewer) < len(left):
            name, left = [*name, word], fewer
    return "/".join(name)


def _words(row: Row) -> tuple[str, ...]:
    """Return the words by which a row is called; rows that differ have other words."""
    return (
        row.dataset,
        row.protocol.key,
        row.protocol.id[:_HASH_SHOWN],
        row.recipe,
        row.config_hash[:_HASH_SHOWN],
        row.weights.name.replace("/", "_"),
        (row.weights.sha256 or "no-weights")[:_HASH_SHOWN],
        f"v{row.method_version}",
        f"train-{row.precision}",
        row.variant.feature,
        row.variant.distance,
        f"extract-{row.variant.precision}",
        f"rerank-{row.variant.rerank or 'none'}",
    )
