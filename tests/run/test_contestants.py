"""What can be compared is found by the id of a run or the name of a row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import Inconclusive, UnknownName, UsageError
from harness.run.contestants import find_contestant
from harness.store import Store, WeightsUsed
from harness.types import Variant
from tests.store.filler import Filler


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{home / 'harness.sqlite'}", home=home) as opened:
        yield opened


@pytest.fixture
def fill(store: Store) -> Filler:
    return Filler(store)


@pytest.fixture
def runs(store: Store, fill: Filler) -> dict[str, str]:
    """Two runs of `one`, over other splits and equal in all else; and two configs of `two`."""
    found = {}
    for name, method, split, config in (
        ("first", "one", 0, "aaaa1111"),
        ("second", "one", 1, "aaaa1111"),
        ("narrow", "two", 0, "bbbb2222"),
        ("wide", "two", 0, "bbbb3333"),
    ):
        found[name] = fill.run(method=method)
        fill.trial(found[name], method=method, split=split, config_hash=config)
        store.finish_run(found[name], "done")
    return found


def test_run(store, runs):
    """A run is found by the start of its id, with its own trials only."""
    found = find_contestant(store, runs["first"][:8])

    assert (found.kind, found.runs, found.method) == ("run", (runs["first"],), "one")
    assert [score.split for score in found.scores] == [0]


def test_row(store, runs):
    """A row is found by its method, with the trials of all its runs."""
    found = find_contestant(store, "one")

    assert (found.kind, found.name, found.dataset) == ("row", "one", "caviar")
    assert set(found.runs) == {runs["first"], runs["second"]}
    assert [score.split for score in found.scores] == [0, 1]


@pytest.mark.parametrize("name", ["two/bbbb3333", "two/caviar/bbbb3", "two/quick/f/bbbb33"])
def test_row_by_what_tells_it(store, runs, name):
    """Words tell a row from the others of its method, in any order; of a hash the start will do."""
    assert find_contestant(store, name).runs == (runs["wide"],)


@pytest.mark.usefixtures("runs")
def test_several_rows(store):
    """A name that several rows have is refused with the names that tell them apart."""
    with pytest.raises(UsageError, match="2 rows called 'two/caviar'") as refused:
        find_contestant(store, "two/caviar")

    assert refused.value.next_step == "Name one of them: two/bbbb2222, two/bbbb3333."
    assert find_contestant(store, "two/bbbb2222").method == "two"


@pytest.mark.usefixtures("runs")
def test_word_that_no_row_has(store):
    """A word that no row of the method has is refused with the names that there are."""
    with pytest.raises(UnknownName, match="no row called 'two/viper'") as refused:
        find_contestant(store, "two/viper")

    assert "two/bbbb2222, two/bbbb3333" in refused.value.next_step


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize("name", ["three", "three/caviar", "zzzz"])
def test_unknown(store, name):
    """A name of neither a run nor a row is refused, with the command that lists the runs."""
    with pytest.raises(UnknownName, match="harness runs list"):
        find_contestant(store, name)


def test_method_that_reads_like_an_id(store, fill):
    """A row whose method could be the start of an id is found by a word more."""
    run_id = fill.run()
    method = run_id[:4]
    fill.trial(run_id, method=method)

    assert find_contestant(store, method).kind == "run"
    assert find_contestant(store, f"{method}/caviar").kind == "row"


def test_weights_with_a_slash_in_their_name(store, fill):
    """Weights of a registry are called without the slash that parts words."""
    for name in ("models:/a", "imagenet"):
        fill.trial(fill.run(), weights=WeightsUsed(name, name))

    found = find_contestant(store, "baseline-hr/models:_a")
    assert len(found.scores) == 1


def test_run_without_a_score(store, fill):
    """A run that has nothing to compare is refused, with its status."""
    run_id = fill.run()
    fill.fit(run_id, done=False)
    store.finish_run(run_id, "failed", "The loss is NaN.")

    with pytest.raises(Inconclusive, match=rf"Run {run_id[:8]} \(failed\) has no score"):
        find_contestant(store, run_id)


def test_run_of_several_variants(store, fill):
    """A run with scores of two features has no mean; its rows are found by the feature."""
    run_id = fill.run()
    fit = fill.fit(run_id)
    fill.score(run_id, fit)
    fill.score(run_id, fit, variant=Variant("g", "cosine"))

    with pytest.raises(UsageError, match=r"2 variants \(features f, g\)") as refused:
        find_contestant(store, run_id)
    assert "baseline-hr/caviar/FEATURE" in refused.value.next_step
    assert find_contestant(store, "baseline-hr/caviar/g").scores[0].variant.feature == "g"
