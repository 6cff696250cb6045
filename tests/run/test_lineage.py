"""What a model says of itself: the data set that was asked for, and whom it has seen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.loader import load_plugins
from harness.run.lineage import describe_model
from harness.run.plan import RunPlan, make_plan
from harness.run.request import RunRequest
from harness.settings import Settings
from harness.types import Trial


@pytest.fixture
def plan(synthped) -> RunPlan:
    """A plan on the embedded data set."""
    request = RunRequest("baseline-hr", "synthped", "tiny", device="cpu", weights="none")
    return make_plan(request, load_plugins(), Settings.from_environment())


def test_of_a_data_set_made_from_another(plan):
    """It is of the data set that was asked for; its identities are called by the original."""
    card = plan.dataset.card.model_copy(update={"key": "mlr-synthped"})
    derived = replace(plan.dataset, card=card, made_from="synthped")
    about = describe_model(replace(plan, dataset=derived), Trial(0, 0))

    assert about.dataset == "mlr-synthped"
    assert "trained on mlr-synthped, split 0" in about.source
    assert {entry.partition(":")[0] for entry in about.trained_on or ()} == {"synthped"}
