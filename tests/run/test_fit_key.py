"""The key of a fit: what was trained before is found again, and nothing else is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.data.protocol import resolve
from harness.loader import load_plugins
from harness.run.plan import RunPlan, fit_key, make_plan
from harness.run.request import RunRequest
from harness.settings import Settings
from harness.specs import Degradation
from harness.types import Trial

BUNDLE = Path(__file__).resolve().parents[2] / "results" / "caviar-baselines-quick.jsonl"
MAXPOOL = Degradation(
    side="query", rates=(2, 3), seed=0, down="maxpool", up="bilinear", domain="native"
)


def test_keys_of_stored_fits_do_not_change(real_data, real_weights, monkeypatch):
    """A fit that a bundle brought is found by the same command, whatever options were added."""
    monkeypatch.setenv("HARNESS_DATA", str(real_data))
    weights = str(real_weights / "resnet50-market1501.safetensors")
    rows = [json.loads(line) for line in BUNDLE.read_text(encoding="utf-8").splitlines()]
    fits = [row for row in rows if row["type"] == "fit" and row["split"] == 0]
    assert {row["method"] for row in fits} >= {"baseline-hr", "baseline-hr-lr"}
    for row in fits:
        request = RunRequest(
            row["method"], "caviar", row["recipe"], weights=weights, precision=row["precision"]
        )
        plan = make_plan(request, load_plugins(), Settings.from_environment())
        assert fit_key(plan, Trial(row["split"], row["seed"])) == row["key"]


@pytest.fixture
def plan(synthped) -> RunPlan:
    """A plan on the embedded data set."""
    request = RunRequest("initial-weights", "synthped", "smoke", device="cpu", weights="none")
    return make_plan(request, load_plugins(), Settings.from_environment())


def under(plan: RunPlan, degradation: Degradation) -> RunPlan:
    """Return the plan under a protocol that degrades."""
    spec = plan.protocol.spec.model_copy(update={"degradation": degradation})
    return replace(plan, protocol=resolve(spec, plan.protocol.records, plan.manifest))


def test_a_test_set_of_low_resolution_shares_the_fit(plan):
    """Rates and seed of the queries are no part of training, so the fit is reused."""
    bicubic = MAXPOOL.model_copy(update={"down": "bicubic"})
    assert fit_key(under(plan, bicubic), Trial(0, 0)) == fit_key(plan, Trial(0, 0))


def test_another_way_to_degrade_is_another_fit(plan):
    """Training copies are made like the queries, so filter and resolution are in the key."""
    resized = MAXPOOL.model_copy(update={"domain": "resized", "size": (64, 32)})
    keys = {fit_key(p, Trial(0, 0)) for p in (plan, under(plan, MAXPOOL), under(plan, resized))}
    assert len(keys) == 3
