"""External numbers: kept apart, stored once, carried by bundles."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import IntegrityError
from harness.store import ExternalDraft, MetricValue
from tests.store.test_bundle import changed


def external(**named: Any) -> ExternalDraft:
    values: dict[str, Any] = {
        "dataset": "market1501",
        "name": "Their net",
        "file": "features.npz",
        "sha256": "a" * 64,
        "settings": {"rule": "market1501", "distance": "cosine", "rerank": None},
        "headline": "cmc_multi@1",
        "queries": 3,
        "queries_without_match": 1,
        "gallery": 9,
        "metrics": (
            MetricValue("cmc_multi@1", 1, 0.5),
            MetricValue("cmc_multi@1", 20, None, "fewer than 20 candidates"),
        ),
    }
    return ExternalDraft(**{**values, **named})


class TestAdd:
    def test_read_back(self, store):
        """What was stored is read back, with an id and the time."""
        store.externals.add(external())
        (view,) = store.externals.where()

        assert {name: getattr(view, name) for name in ExternalDraft.__slots__} == {
            name: getattr(external(), name) for name in ExternalDraft.__slots__
        }
        assert view.created.startswith("20")

    def test_once(self, store):
        """The same numbers of the same file are stored once; any difference is a new entry."""
        first = store.externals.add(external())

        assert store.externals.add(external()) == first
        assert store.externals.add(external(settings={"rule": "no-camera"})) != first
        assert store.externals.add(external(name="Another")) != first
        assert len(store.externals.where()) == 3

    def test_by_data_set(self, store):
        """Those of one data set can be asked for, in the order of their names."""
        for name, dataset in (("b", "caviar"), ("a", "caviar"), ("c", "viper")):
            store.externals.add(external(name=name, dataset=dataset))

        assert [view.name for view in store.externals.where("caviar")] == ["a", "b"]
        assert store.externals.where("market1501") == []

    def test_apart_from_runs(self, store):
        """External numbers are neither a run nor a row of the leaderboard."""
        store.externals.add(external())

        assert store.where_runs() == []
        assert store.where_rows() == []


class TestBundle:
    def test_round_trip(self, store, other):
        """A bundle of the whole store carries them, and importing it twice adds nothing."""
        store.externals.add(external())
        bundle = list(store.export())

        assert other.import_(bundle).added == {"external": 1}
        assert other.externals.where() == store.externals.where()
        assert other.import_(bundle).added == {}
        assert list(other.export()) == bundle

    def test_not_with_chosen_runs(self, store, fill):
        """A bundle of chosen runs has nothing that they did not make."""
        store.externals.add(external())
        run_id = fill.run()
        store.finish_run(run_id, "done")

        assert not any('"external"' in line for line in store.export([run_id]))

    def test_changed_by_hand(self, store, other):
        """Numbers that differ from those stored under their id are refused."""
        store.externals.add(external())
        bundle = list(store.export())
        other.import_(bundle)

        with pytest.raises(IntegrityError, match=r"external .* is stored with another 'queries'"):
            other.import_(changed(bundle, "external", queries=4))
