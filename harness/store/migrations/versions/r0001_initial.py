"""The first schema: protocols, fits, scores, runs and artifacts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create all tables."""
    _create_protocols()
    _create_fits()
    _create_scores()
    _create_runs()
    _create_links()
    _create_artifacts()


def _known_status() -> sa.CheckConstraint:
    return sa.CheckConstraint("status IN ('planned', 'running', 'done', 'failed')", name="status")


def _create_protocols() -> None:
    op.create_table(
        "protocol",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("manifest", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("headline", sa.String(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "records",
        sa.Column("protocol_id", sa.String(), nullable=False),
        sa.Column("split", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("query", sa.LargeBinary(), nullable=False),
        sa.Column("gallery", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("protocol_id", "split"),
        sa.ForeignKeyConstraint(["protocol_id"], ["protocol.id"]),
    )


def _create_fits() -> None:
    op.create_table(
        "fit",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("repeat", sa.Integer(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("method_version", sa.Integer(), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("config_hash", sa.String(), nullable=False),
        sa.Column("recipe", sa.String(), nullable=False),
        sa.Column("narrowed", sa.String(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("manifest", sa.String(), nullable=False),
        sa.Column("split", sa.Integer(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("precision", sa.String(), nullable=False),
        sa.Column("weights", sa.JSON(), nullable=False),
        sa.Column("device", sa.JSON(), nullable=False),
        sa.Column("provenance", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created", sa.String(), nullable=False),
        sa.Column("started", sa.String(), nullable=True),
        sa.Column("finished", sa.String(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("identity_images", sa.Integer(), nullable=False),
        sa.Column("steps", sa.Integer(), nullable=False),
        sa.Column("model_sha256", sa.String(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key", "repeat"),
        _known_status(),
    )
    op.create_table(
        "loss",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("fit_id", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("fit_id", "stage", "step", "name"),
        sa.ForeignKeyConstraint(["fit_id"], ["fit.id"]),
    )


def _create_scores() -> None:
    op.create_table(
        "score",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("fit_id", sa.String(), nullable=False),
        sa.Column("protocol_id", sa.String(), nullable=False),
        sa.Column("split", sa.Integer(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("feature", sa.String(), nullable=False),
        sa.Column("distance", sa.String(), nullable=False),
        sa.Column("precision", sa.String(), nullable=False),
        sa.Column("rerank", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created", sa.String(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("images", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("evidence", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["protocol_id", "split"], ["records.protocol_id", "records.split"]),
        sa.ForeignKeyConstraint(["fit_id"], ["fit.id"]),
        _known_status(),
    )
    op.create_index("ix_score_fit_id", "score", ["fit_id"])
    op.create_table(
        "metric",
        sa.Column("score_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("k", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("note", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("score_id", "name", "k"),
        sa.ForeignKeyConstraint(["score_id"], ["score.id"]),
    )


def _create_runs() -> None:
    op.create_table(
        "run",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("argv", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created", sa.String(), nullable=False),
        sa.Column("finished", sa.String(), nullable=True),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("recipe", sa.String(), nullable=False),
        sa.Column("protocol_id", sa.String(), nullable=False),
        sa.Column("trials", sa.JSON(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("environment", sa.JSON(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["protocol_id"], ["protocol.id"]),
        _known_status(),
    )


def _create_links() -> None:
    for table, other in (("run_fit", "fit"), ("run_score", "score")):
        op.create_table(
            table,
            sa.Column("run_id", sa.String(), nullable=False),
            sa.Column(f"{other}_id", sa.String(), nullable=False),
            sa.Column("position", sa.Integer(), nullable=False),
            sa.PrimaryKeyConstraint("run_id", f"{other}_id"),
            sa.ForeignKeyConstraint(["run_id"], ["run.id"]),
            sa.ForeignKeyConstraint([f"{other}_id"], [f"{other}.id"]),
        )
    op.create_index("ix_run_score_score_id", "run_score", ["score_id"])


def _create_artifacts() -> None:
    op.create_table(
        "artifact",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("fit_id", sa.String(), nullable=True),
        sa.Column("score_id", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["fit_id"], ["fit.id"]),
        sa.ForeignKeyConstraint(["score_id"], ["score.id"]),
        sa.CheckConstraint("(fit_id IS NULL) <> (score_id IS NULL)", name="one_owner"),
    )
    op.create_index("ix_artifact_sha256", "artifact", ["sha256"])
