"""Where pages lie: safe names, all different."""

from __future__ import annotations

from pathlib import PurePosixPath

from hypothesis import given
from hypothesis import strategies as st

from leaderboard import addresses


def test_plain_keys_keep_their_name():
    """Keys and ids as the harness makes them are file names as they are."""
    assert addresses.dataset_page("mlr-cuhk03") == "datasets/mlr-cuhk03.html"
    assert addresses.method_page("baseline-hr-lr") == "methods/baseline-hr-lr.html"
    run = "0b6c1f0e-3a55-4f0c-9d5e-4a9b8f0d9a11"
    assert addresses.run_page(run) == f"runs/{run}.html"


@given(st.text())
def test_any_key_is_a_safe_name(key):
    """Whatever a plugin calls its data set, its page lies in the folder of data sets."""
    path = PurePosixPath(addresses.dataset_page(key))
    assert path.parent == PurePosixPath("datasets")
    assert path.name.isascii()
    assert path.name == path.name.lower()
    assert not set(path.name) - set("abcdefghijklmnopqrstuvwxyz0123456789-_.")
    assert not path.name.startswith(".")


@given(st.lists(st.text(), unique=True))
def test_different_keys_have_different_pages(keys):
    """Two keys never share a page, also where a file system ignores case."""
    assert len({addresses.run_page(key).lower() for key in keys}) == len(keys)


def test_no_run_takes_the_place_of_the_list():
    """A run called index does not overwrite the list of runs."""
    assert addresses.run_page("index") != addresses.RUNS
