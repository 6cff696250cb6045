"""The model registry; the fits whose models were kept here become its first versions.

A bundle brings no models, so a fit that was imported has no artifact and becomes no version. What
an older fit does not tell, its context and the identities that it was trained on, stays open until
the same `harness run` finds it again.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables and register the models that are here, the oldest first."""
    _create_versions()
    _create_aliases()
    _register()


def _create_versions() -> None:
    op.create_table(
        "model",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "model_version",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("fit_id", sa.String(), nullable=True),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("method_version", sa.Integer(), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("context", sa.JSON(), nullable=True),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("split", sa.Integer(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("licence", sa.Text(), nullable=False),
        sa.Column("trained_on", sa.JSON(), nullable=True),
        sa.Column("trained_on_is_all", sa.Boolean(), nullable=False),
        sa.Column("created", sa.String(), nullable=False),
        sa.Column("deleted", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("name", "version"),
        sa.ForeignKeyConstraint(["name"], ["model.name"]),
        sa.ForeignKeyConstraint(["fit_id"], ["fit.id"]),
    )
    op.create_index("ix_model_version_sha256", "model_version", ["sha256"])
    op.create_index("ix_model_version_fit_id", "model_version", ["fit_id"])


def _create_aliases() -> None:
    op.create_table(
        "model_alias",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", "alias"),
        _of_a_version(),
    )
    op.create_table(
        "model_alias_move",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("from_version", sa.Integer(), nullable=True),
        sa.Column("to_version", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["name"], ["model.name"]),
    )
    op.create_table(
        "model_tag",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", "version", "key"),
        _of_a_version(),
    )


def _of_a_version() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["name", "version"], ["model_version.name", "model_version.version"]
    )


def _register() -> None:
    """Make a version of each done fit that has an artifact of its model."""
    connection = op.get_bind()
    tables = sa.MetaData()
    tables.reflect(connection, only=["fit", "artifact", "model", "model_version"])
    fit, artifact = tables.tables["fit"], tables.tables["artifact"]
    kept = sa.exists().where(artifact.c.fit_id == fit.c.id, artifact.c.sha256 == fit.c.model_sha256)
    done = sa.select(fit).where(fit.c.status == "done", kept).order_by(fit.c.finished, fit.c.id)
    count: Counter[str] = Counter()
    versions = []
    for row in connection.execute(done).mappings():
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{row['method']}-{row['dataset']}")
        count[name] += 1
        versions.append(_version(row, name, count[name]))
    if versions:
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        names = [{"name": name, "created": now} for name in count]
        connection.execute(tables.tables["model"].insert(), names)
        connection.execute(tables.tables["model_version"].insert(), versions)


def _version(fit: sa.RowMapping, name: str, number: int) -> dict[str, Any]:
    """Return the row of a version; what an older fit does not tell is NULL."""
    same = ("method", "method_version", "config", "dataset", "split", "seed")
    return {column: fit[column] for column in same} | {
        "name": name,
        "version": number,
        "sha256": fit["model_sha256"],
        "fit_id": fit["id"],
        "source": f"{fit['method']} {fit['method_version']} trained on {fit['dataset']}, split "
        f"{fit['split']}, seed {fit['seed']}",
        "licence": fit["weights"]["licence"],
        "trained_on_is_all": False,
        "created": fit["finished"],
    }
