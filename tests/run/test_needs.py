"""A method that a data set does not suit is refused before anything is decoded."""

from __future__ import annotations

import pytest

from harness.data.protocol import resolve
from harness.errors import DataError, UsageError
from harness.loader import Registry, load_plugins
from harness.run.needs import check_needs
from harness.specs import ProtocolSpec
from harness.types import MethodConfig, MethodSpec, Record, Trial
from harness.types.method import Need

TRIALS = [Trial(0, 0), Trial(1, 0)]


def method(*needs: Need) -> MethodSpec:
    return MethodSpec(
        key="restorer",
        title="Restorer",
        summary="",
        method_version=1,
        config=MethodConfig,
        recipes={},
        method="nowhere:Nothing",
        needs=needs,
    )


def protocol(query_r: int | None, train_r: int | None = 1):
    """Identities 1 and 2 test in split 0 and train in split 1; 2 trains at a rate of its own."""
    records = [Record("1_1", "", 1, 1), Record("1_2", "", 1, 2, query_r)]
    records += [Record("2_1", "", 2, 1, train_r), Record("2_2", "", 2, 2, train_r)]
    spec = ProtocolSpec.model_validate(
        {
            "key": "tiny-plain",
            "dataset": "tiny",
            "title": "",
            "source": "",
            "query": {"cameras": [2]},
            "gallery": {"cameras": [1]},
            "junk": "same-camera",
            "degradation": None,
            "headline": "cmc_single@1",
            "splits": [{"train": [2], "test": [1]}, {"train": [1], "test": [2]}],
        }
    )
    return resolve(spec, records, "m")


def test_queries_of_high_resolution_are_refused():
    """A method that restores queries is told which data set it was given, and which suit it."""
    with pytest.raises(UsageError) as caught:
        check_needs(method("lr-queries"), protocol(query_r=1), TRIALS, load_plugins())
    assert caught.value.what == (
        "'restorer' restores queries of low resolution, but all queries of tiny "
        "(protocol tiny-plain) are of high resolution."
    )
    assert "`--dataset mlr-viper`" in caught.value.next_step
    assert "--dataset viper`" not in caught.value.next_step


def test_without_a_data_set_to_offer():
    """Where no data set is known to suit, the listing is named."""
    with pytest.raises(UsageError, match="harness data list"):
        check_needs(method("lr-queries"), protocol(query_r=1), TRIALS, Registry())


@pytest.mark.parametrize("r", [None, 2, 8])
def test_one_query_of_low_resolution_is_enough(r):
    """Native and made low resolution both count, in whichever split that is run."""
    check_needs(method("lr-queries"), protocol(query_r=r), TRIALS, Registry())
    with pytest.raises(UsageError):
        check_needs(method("lr-queries"), protocol(query_r=r), TRIALS[1:], Registry())


@pytest.mark.parametrize("r", [None, 2])
def test_training_without_high_resolution_is_refused(r):
    """A split whose training images are all of low resolution has nothing to make pairs from."""
    with pytest.raises(DataError, match="none of the 2 training images of tiny, split 0"):
        check_needs(method("hr-pairs"), protocol(1, train_r=r), TRIALS, Registry())
    check_needs(method("hr-pairs"), protocol(1, train_r=r), TRIALS[1:], Registry())


def test_a_method_without_needs_takes_anything():
    """Only what a method declares is asked for."""
    check_needs(method(), protocol(query_r=1, train_r=None), TRIALS, Registry())
