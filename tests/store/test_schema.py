"""Creating, refusing and upgrading databases."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from harness.errors import IntegrityError, StoreError
from harness.store import FitOutcome, Store, database, schema, upgrade
from harness.store.models import Base
from tests.store.filler import Filler

NEXT = '''
"""A later revision: a new column in a table that others refer to."""
import sqlalchemy as sa
from alembic import op
revision = "0999"
down_revision = "{last}"
def upgrade():
    with op.batch_alter_table("fit", recreate="always") as fit:
        fit.add_column(sa.Column("colour", sa.String(), nullable=True))
'''


@pytest.fixture
def path(home: Path) -> Path:
    return home / "harness.sqlite"


def statements(path: Path) -> dict[str, set[str]]:
    """Return the lines of SQL of each table and index, in any order."""
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    result = {name: {line.strip(" \t,)") for line in sql.splitlines()} for name, sql in found}
    connection.close()
    return result


def set_revision(path: Path, revision: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = ?", [revision])
    connection.commit()
    connection.close()


class TestCreate:
    def test_migrations_give_the_models(self, store, path):
        """The migrated schema is that of the models: alembic finds nothing to do."""
        engine = create_engine(f"sqlite:///{path}")
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            difference = compare_metadata(context, Base.metadata)
        engine.dispose()

        assert difference == []

    def test_migrations_give_the_checks(self, store, path, tmp_path):
        """The migrated schema has the statements of the models, checks included."""
        engine = create_engine(f"sqlite:///{tmp_path / 'models.sqlite'}")
        Base.metadata.create_all(engine)
        engine.dispose()
        migrated = statements(path)
        del migrated["alembic_version"]

        assert migrated == statements(tmp_path / "models.sqlite")

    def test_one_head(self):
        """The names of the files tell the revisions as alembic reads them."""
        config = Config()
        config.set_main_option("script_location", str(schema.MIGRATIONS))
        scripts = ScriptDirectory.from_config(config)

        assert [scripts.get_current_head()] == schema.revisions()[-1:]
        assert [script.revision for script in scripts.walk_revisions()][::-1] == schema.revisions()

    def test_write_ahead_log(self, store, path):
        """Readers and a writer do not wait for each other."""
        connection = sqlite3.connect(path)

        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        connection.close()

    def test_foreign_keys(self, store, fill):
        """A row that refers to nothing is refused with a sentence."""
        with pytest.raises(IntegrityError, match="refused a row: FOREIGN KEY"):
            store.link_fit(fill.run(), "no such fit")

    def test_opened_again(self, store, fill, url, home):
        """What was stored is there for the next command."""
        run_id = fill.run()

        with Store.open(url, home=home) as again:
            assert [run.id for run in again.where_runs()] == [run_id]

    def test_by_several_processes_at_once(self, url, home):
        """Processes that open a new store at one time make one."""
        code = (
            "import sys; from pathlib import Path; from harness.store import Store;"
            "Store.open(sys.argv[1], home=Path(sys.argv[2])).close()"
        )
        command = [sys.executable, "-c", code, url, str(home)]
        processes = [subprocess.Popen(command) for _ in range(3)]

        assert [process.wait() for process in processes] == [0, 0, 0]


class TestRefused:
    def test_newer(self, store, path, url, home):
        """A newer schema is refused, with the command that updates the harness."""
        set_revision(path, "9999")

        for refuse in (lambda: Store.open(url, home=home), lambda: upgrade(url, home=home)):
            with pytest.raises(StoreError, match=r"9999, which is newer.*pip install --upgrade"):
                refuse()

    def test_foreign_database(self, path, url, home):
        """A database of something else is left alone."""
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE songs (id)")
        connection.close()

        with pytest.raises(StoreError, match="holds other things, 'songs' for one"):
            Store.open(url, home=home)
        assert list(statements(path)) == ["songs"]

    def test_no_database(self, path, url, home):
        """A file that is no database is named and left alone."""
        path.write_text("These are not the bytes of a database. " * 40)

        with pytest.raises(StoreError, match=r"harness\.sqlite cannot be used: file is not a data"):
            Store.open(url, home=home)
        assert path.read_text().startswith("These are not")

    def test_folder_cannot_be_made(self, home):
        """A folder that cannot be made is named."""
        (home / "file").write_text("")

        with pytest.raises(StoreError, match=r"The folder .*file/deep of the database cannot be"):
            Store.open(f"sqlite:///{home}/file/deep/h.sqlite", home=home)

    def test_path_is_a_folder(self, home):
        """A folder in the place of the file is refused with a sentence."""
        with pytest.raises(StoreError, match=r"unable to open database file.*HARNESS_DB"):
            Store.open(f"sqlite:///{home}", home=home)

    def test_lock_cannot_be_taken(self, url, home):
        """A lock file that cannot be opened is named."""
        (home / "harness.sqlite.lock").mkdir()

        with pytest.raises(StoreError, match=r"The lock .*harness\.sqlite\.lock cannot be taken"):
            Store.open(url, home=home)

    @pytest.mark.parametrize(
        ("url", "message"),
        [
            ("no address", "'no address' is not the address of a database"),
            ("nosuch://host/db", "no driver here for the database 'nosuch'"),
            ("sqlite://", "in memory is lost"),
            ("sqlite:///:memory:", "in memory is lost"),
        ],
    )
    def test_address(self, url, message, home):
        """An address that cannot serve is refused with a sentence."""
        with pytest.raises(StoreError, match=message):
            Store.open(url, home=home)

    def test_locked(self, store, fill, path, url, home, monkeypatch):
        """A database that another process keeps locked is told as that, after the waiting time."""
        monkeypatch.setattr(database, "BUSY_S", 0.05)
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")

        refused = pytest.raises(StoreError, match=r"database is locked.*try again when")
        with Store.open(url, home=home) as impatient, refused:
            Filler(impatient).protocol()
        holder.close()


class TestUpgrade:
    @pytest.fixture
    def one_more(self, tmp_path, monkeypatch):
        """A future in which there is one more revision, in a folder with an odd name."""
        folder = tmp_path / "100%s"
        shutil.copytree(schema.MIGRATIONS, folder)
        later = NEXT.format(last=schema.revisions()[-1])
        (folder / "versions" / "r0999_colour.py").write_text(later)
        monkeypatch.setattr(schema, "MIGRATIONS", folder)

    def test_older_is_refused_with_the_command(self, store, url, home, one_more):
        """An older schema is refused, with the command that upgrades it."""
        with pytest.raises(StoreError, match=r"this version needs 0999.*harness store upgr"):
            Store.open(url, home=home)

    def test_upgrade(self, store, fill, url, path, home, one_more):
        """An upgrade changes a table that others refer to, and loses nothing."""
        run_id = fill.run()
        score_id = fill.trial(run_id)
        upgrade(url, home=home)

        assert "colour VARCHAR" in statements(path)["fit"]
        with Store.open(url, home=home) as upgraded:
            assert [score.id for score in upgraded.where_scores(run_id)] == [score_id]
            assert len(upgraded.where_fits(run_id)) == 1

    @pytest.fixture
    def store_of(self, url, home, tmp_path, monkeypatch):
        """Return a function that makes a store of an earlier schema and fills it."""

        def make(revision, filling):
            now, folder = schema.MIGRATIONS, tmp_path / revision
            later = {f"r{number}" for number in schema.revisions() if number > revision}
            shutil.copytree(now, folder)
            for path in (folder / "versions").glob("r*.py"):
                if path.name[:5] in later:
                    path.unlink()
            monkeypatch.setattr(schema, "MIGRATIONS", folder)
            with Store.open(url, home=home) as early:
                filled = filling(Filler(early))
            monkeypatch.setattr(schema, "MIGRATIONS", now)
            return filled

        return make

    def test_from_the_first_schema(self, store_of, url, path, home):
        """A store of the first schema gains the table of external numbers, and keeps its runs."""

        def filling(fill):
            run_id = fill.run()
            return run_id, fill.trial(run_id)

        run_id, score_id = store_of("0001", filling)
        assert "external" not in statements(path)

        upgrade(url, home=home)
        with Store.open(url, home=home) as upgraded:
            assert [score.id for score in upgraded.where_scores(run_id)] == [score_id]
            assert upgraded.externals.where() == []

    def test_models_of_the_second_schema(self, store_of, url, path, home, tmp_path):
        """The fits whose models are here become versions; those that were imported do not."""
        file = tmp_path / "model.safetensors"
        file.write_bytes(b"tensors")

        def fit(fill, **named):
            made = fill.store.begin_fit(fill.draft(**named))
            digest = fill.store.put_artifact(file, kind="model", fit_id=made.id)
            fill.store.start_fit(made.id)
            outcome = FitOutcome(seconds=1.0, identity_images=1, steps=1, model_sha256=digest)
            fill.store.finish_fit(made.id, outcome)
            return made.id

        def filling(fill):
            kept = [fit(fill, split=0), fit(fill, split=1), fit(fill, method="a b")]
            return [*kept, fill.fit(split=2).id]  # the last one has no file

        first, second, other, _imported = store_of("0002", filling)
        assert "model_version" not in statements(path)

        upgrade(url, home=home)
        with Store.open(url, home=home) as upgraded:
            versions = upgraded.models.where()
            kept = upgraded.models.find_file_or_raise(versions[0])
            assert kept.read_bytes() == b"tensors"
        assert [(v.name, v.version, v.fit_id) for v in versions] == [
            ("a-b-caviar", 1, other),
            ("baseline-hr-caviar", 1, first),
            ("baseline-hr-caviar", 2, second),
        ]
        assert {(v.context, v.trained_on, v.trained_on_is_all) for v in versions} == {
            (None, None, False)
        }
        assert [v.split for v in versions] == [0, 0, 1]
        assert versions[1].config == {"height": 128}
        assert (versions[1].licence, versions[1].created[:2]) == ("BSD-3-Clause", "20")

    def test_nothing_to_do(self, store, fill, url, home):
        """To upgrade a store of the newest schema changes nothing."""
        run_id = fill.run()
        upgrade(url, home=home)

        assert [run.id for run in store.where_runs()] == [run_id]

    def test_new_database(self, url, home):
        """To upgrade where there is nothing is to create."""
        upgrade(url, home=home)

        with Store.open(url, home=home) as created:
            assert created.where_runs() == []
