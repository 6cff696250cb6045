"""The store: runs, fits, scores and their evidence in a database, and bundles to pass them on."""

from harness.store.drafts import (
    FitDraft,
    FitOutcome,
    Loss,
    MetricValue,
    ProtocolInfo,
    RecordIds,
    RunDraft,
    ScoreDraft,
    WeightsUsed,
    new_id,
)
from harness.store.external import ExternalDraft, ExternalView
from harness.store.locks import Locks
from harness.store.schema import upgrade
from harness.store.store import Store
from harness.store.versions import (
    AliasMove,
    ModelDescription,
    ModelVersionView,
    VersionDraft,
    model_name,
)
from harness.store.views import FitView, ImportSummary, Row, RowScore, RunView, ScoreView

__all__ = [
    "AliasMove",
    "ExternalDraft",
    "ExternalView",
    "FitDraft",
    "FitOutcome",
    "FitView",
    "ImportSummary",
    "Locks",
    "Loss",
    "MetricValue",
    "ModelDescription",
    "ModelVersionView",
    "ProtocolInfo",
    "RecordIds",
    "Row",
    "RowScore",
    "RunDraft",
    "RunView",
    "ScoreDraft",
    "ScoreView",
    "Store",
    "VersionDraft",
    "WeightsUsed",
    "model_name",
    "new_id",
    "upgrade",
]
