"""`harness run --protocol` chooses among the protocols of the data set."""

from __future__ import annotations

import pytest

from harness.errors import UnknownName
from harness.loader import load_plugins
from harness.run.plan import choose_protocol
from harness.run.request import RunRequest


def chosen(dataset: str, protocol: str | None) -> str:
    request = RunRequest(plugin="baseline-hr", dataset=dataset, protocol=protocol)
    registry = load_plugins()
    return choose_protocol(request, registry.dataset(dataset), registry).key


def test_the_default_and_another():
    """Without a word the data set's default is taken; a protocol of its own can be named."""
    assert chosen("mlr-viper", None) == "mlr-viper"
    assert chosen("mlr-viper", "mlr-viper") == "mlr-viper"


@pytest.mark.parametrize("other", ["viper", "caviar", "mlr-vipr"])
def test_what_is_none_of_its_own_is_refused(other):
    """A protocol of another data set is as unknown as one that is not there."""
    with pytest.raises(UnknownName, match=f"no protocol of 'mlr-viper' called '{other}'") as caught:
        chosen("mlr-viper", other)
    assert "mlr-viper" in caught.value.known
    assert "viper" not in caught.value.known


def test_a_wrong_protocol_is_told_before_the_data_is_looked_for(harness):
    """Without a copy of the data set, a protocol that it does not have is still the first error."""
    outcome = harness(
        "run", "--plugin", "baseline-hr", "--dataset", "caviar", "--protocol", "viper"
    )

    assert outcome.code == 2
    assert "no protocol of 'caviar' called 'viper'" in outcome.err
