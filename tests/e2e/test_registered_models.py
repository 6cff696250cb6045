"""Registered models in later fits: as initial weights, and as the product of another's stage."""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from harness.errors import IntegrityError, UnknownName, UsageError, WeightsError
from harness.loader import Registry, load_plugins
from harness.models import load_state
from harness.run.registered import copy_model, find_version, open_model
from harness.settings import Settings
from harness.store import Store, VersionDraft

TINY = ["--dataset", "synthped", "--recipe", "tiny", "--device", "cpu", "--json"]
RUN = ["run", "--plugin", "baseline-hr", *TINY]
RESULTS = Path(__file__).resolve().parents[2] / "results"


@pytest.fixture
def store(trained):
    """The store that has the trained model."""
    settings = Settings.from_environment()
    with Store.open(settings.db, home=settings.home) as opened:
        yield opened


def forget(home: Path) -> None:
    """Make the registry know of each version what it knows of a fit from before it."""
    with sqlite3.connect(home / "harness.sqlite") as database:
        database.execute(
            "update model_version set context = null, trained_on = null, trained_on_is_all = 0"
        )


def damage(store: Store, address: str) -> None:
    """Change one bit of the file of a version, on the disk."""
    file = store.models.find_file_or_raise(find_version(address, store))
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def fits_of(harness, report) -> list[dict[str, Any]]:
    """Return the fits of a run as a bundle has them."""
    lines = map(json.loads, harness("runs", "export", report["run_id"]).out.splitlines())
    return [line for line in lines if line["type"] == "fit"]


class TestOpen:
    def open(self, store, address, registry=None):
        return open_model(address, registry or load_plugins(), store, torch.device("cpu"))

    def test_the_method_as_it_was_scored(self, store, trained):
        """A version is built again without its data, to the same tensors, in eval mode."""
        version, method = self.open(store, trained)
        state = load_state(store.models.find_file_or_raise(version))

        assert version == find_version(trained, store)
        assert not any(network.training for network in method.networks.values())
        assert sum(len(network.state_dict()) for network in method.networks.values()) == len(state)
        for name, network in method.networks.items():
            for key, value in network.state_dict().items():
                assert torch.equal(value, state[f"{name}.{key}"])

    def test_no_such(self, store):
        """What is no address, or names nothing, is refused."""
        with pytest.raises(UsageError, match="is not the address"):
            find_version("baseline-hr", store)
        with pytest.raises(UnknownName, match="no model called"):
            find_version("models:/x/1", store)

    def test_absent_file(self, store, trained):
        """A version whose file is gone says how to get it."""
        store.models.find_file_or_raise(find_version(trained, store)).unlink()

        with pytest.raises(WeightsError, match=r"not on this machine.*models import FILE"):
            self.open(store, trained)

    def test_changed_file(self, store, trained):
        """A file that was changed on the disk is not opened."""
        damage(store, trained)

        with pytest.raises(IntegrityError, match="was changed"):
            self.open(store, trained)

    def test_older_than_the_registry(self, store, trained, home):
        """A version of which nobody knows the data says how the registry learns it."""
        forget(home)

        with pytest.raises(WeightsError, match=r"older than the registry.*`harness run` that made"):
            self.open(store, trained)

    def test_without_its_plugin(self, store, trained):
        """A version whose method is not installed says so."""
        with pytest.raises(UnknownName, match="'baseline-hr'"):
            self.open(store, trained, Registry())

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (
                {"method_version": 9},
                "trained by version 9 of 'baseline-hr'; version 1 is installed",
            ),
            ({"config": {"colour": "red"}}, r"does not know the configuration of models:/y/1"),
            ({"config": {"base_width": 8}}, r"does not fit its method: .* of another shape"),
        ],
    )
    def test_of_another_method(self, store, trained, change, message):
        """A method that has changed since is refused, never loaded in part."""
        version = find_version(trained, store)
        fields = VersionDraft.__dataclass_fields__
        values = {name: getattr(version, name) for name in fields} | {"name": "y", **change}
        store.models.add(VersionDraft(**values), store.models.find_file_or_raise(version))

        with pytest.raises(WeightsError, match=message):
            self.open(store, "models:/y/1")


class TestCopy:
    def test_of_a_file_without_a_description(self, store, trained, tmp_path):
        """The file of a fit from before the registry is described when it is exported."""
        version = find_version(trained, store)
        save_file(load_state(store.models.find_file_or_raise(version)), tmp_path / "old")
        values = {name: getattr(version, name) for name in VersionDraft.__dataclass_fields__}
        old = store.models.add(VersionDraft(**{**values, "name": "old"}), tmp_path / "old")
        copy_model(store, old, tmp_path / "new" / "m.safetensors")

        assert store.models.import_(tmp_path / "new" / "m.safetensors").sha256 == version.sha256

    def test_of_nobody_knows_what(self, store, trained, tmp_path, home):
        """A file that nobody can describe is not exported."""
        version = find_version(trained, store)
        save_file(load_state(store.models.find_file_or_raise(version)), tmp_path / "old")
        values = {name: getattr(version, name) for name in VersionDraft.__dataclass_fields__}
        store.models.add(VersionDraft(**{**values, "name": "old"}), tmp_path / "old")
        forget(home)

        with pytest.raises(WeightsError, match="older than the registry"):
            copy_model(store, find_version("models:/old/1", store), tmp_path / "m.safetensors")

    def test_of_a_changed_file(self, store, trained, tmp_path):
        """A file that was changed on the disk is not exported."""
        damage(store, trained)

        with pytest.raises(IntegrityError, match="was changed"):
            copy_model(store, find_version(trained, store), tmp_path / "m.safetensors")
        assert list(tmp_path.glob("m.*")) == []

    def test_unwritable(self, store, trained, tmp_path):
        """A place that cannot be written is told."""
        (tmp_path / "file").write_text("")

        with pytest.raises(UsageError, match=r"m\.safetensors cannot be written"):
            copy_model(store, find_version(trained, store), tmp_path / "file" / "m.safetensors")


class TestInitialWeights:
    def test_the_row_names_the_version(self, harness, trained):
        """Whatever alias is given, the row and the next fit know the version."""
        harness("models", "alias", trained, "best", "--reason", "the only one")
        report = harness(*RUN, "--weights", "models:/baseline-hr-synthped@best").json
        (second,) = harness("models", "list", "baseline-hr-synthped", "--json").json[1:]

        assert report["weights"] == trained
        assert fits_of(harness, report)[0]["weights"]["name"] == trained
        assert second["trained_on_is_all"]
        assert len(second["trained_on"]) == 32
        again = harness(*RUN, "--weights", trained).json
        assert again["trials"][0]["reused"]

    def test_of_a_changed_file(self, harness, trained, store):
        """A file that was changed on the disk starts no fit."""
        damage(store, trained)
        outcome = harness(*RUN, "--weights", trained)

        assert outcome.code == 4
        assert "was changed" in outcome.err

    def test_as_a_file(self, harness, trained, store):
        """The file of a version starts the same fit as its address."""
        file = store.models.find_file_or_raise(find_version(trained, store))
        first = harness(*RUN, "--weights", trained).json
        second = harness(*RUN, "--weights", str(file)).json

        assert second["trials"][0]["fit_id"] == first["trials"][0]["fit_id"]

    def test_leak(self, harness, trained):
        """A model that has seen test identities of another split is refused before training."""
        outcome = harness(*RUN, "--weights", trained, "--trials", "2")

        assert outcome.code == 7
        assert "models:/baseline-hr-synthped/1 was trained on" in outcome.err
        assert "of the test identities of split 1 of synthped" in outcome.err

    def test_of_a_file_that_does_not_declare(self, harness, trained, tmp_path, store):
        """Own identities are known even where those of the initial weights are not."""
        version = find_version(trained, store)
        state = load_state(store.models.find_file_or_raise(version))
        backbone = {k.removeprefix("extractor."): v for k, v in state.items() if "extractor" in k}
        torch.save(backbone, tmp_path / "w.pth")
        harness(*RUN, "--weights", str(tmp_path / "w.pth"))
        second = harness("models", "list", "baseline-hr-synthped", "--json").json[1]

        assert not second["trained_on_is_all"]
        assert len(second["trained_on"]) == 32
        assert "others that are not declared" in harness("models", "show", second["address"]).out
        leak = harness(*RUN, "--weights", second["address"], "--trials", "2")
        assert leak.code == 7
        assert (
            "does not declare all identities" in harness(*RUN, "--weights", second["address"]).err
        )

    def test_unknown(self, harness, trained, home):
        """Nobody knows whom a model of an older store has seen until its run is given once more."""
        forget(home)
        refused = harness(*RUN, "--weights", trained)
        assert refused.code == 7
        assert "older than the registry" in refused.err

        assert harness(*RUN, "--weights", "none").json["trials"][0]["reused"]
        (version,) = harness("models", "list", "--json").json
        assert len(version["trained_on"]) == 32
        assert harness(*RUN, "--weights", trained).code == 0

    def test_misspelt(self, harness, trained):
        """A misspelt address is refused as an address, not looked for as a file."""
        assert "is not the address" in harness(*RUN, "--weights", "models:baseline").err

    def test_default_of_the_environment(self, harness, trained, monkeypatch):
        """HARNESS_WEIGHTS takes an address, too; as a default it gives way to a narrow network."""
        monkeypatch.setenv("HARNESS_WEIGHTS", trained)

        assert harness(*RUN).json["weights"] == "none"


def test_fresh_repeat_is_a_version_of_the_same_file(harness, trained):
    """A repeat of a fit is a further version, on a CPU of the same bits."""
    harness(*RUN, "--weights", "none", "--fresh")
    first, second = harness("models", "list", "baseline-hr-synthped", "--json").json

    assert second["sha256"] == first["sha256"]
    assert second["fit_id"] != first["fit_id"]


def test_fit_of_a_changed_file(harness, trained, store, home):
    """A fit whose model was changed on the disk is not scored again from it."""
    damage(store, trained)
    with sqlite3.connect(home / "harness.sqlite") as database:
        database.execute("pragma foreign_keys = off")
        database.execute("update score set protocol_id = protocol_id || 'x'")
    outcome = harness(*RUN, "--weights", "none")

    assert outcome.code == 4, outcome.err
    assert "was changed" in outcome.err


def test_registered_late(harness, trained, home):
    """A fit that was stopped between its end and the registry is registered by the next run."""
    with sqlite3.connect(home / "harness.sqlite") as database:
        database.execute("delete from model_version")
    assert harness("models", "list", "--json").json == []

    assert harness(*RUN, "--weights", "none").json["trials"][0]["reused"]
    assert [v["address"] for v in harness("models", "list", "--json").json] == [trained]


def test_imported_fits_are_no_versions(harness):
    """A bundle has no models: its fits are listed, and the registry stays empty."""
    bundle = RESULTS / "caviar-baselines-quick.jsonl"
    assert harness("runs", "import", str(bundle)).code == 0

    assert harness("runs", "list", "--json").json
    assert harness("models", "list", "--json").json == []


STUDENT = '''
"""A student that learns from a registered teacher."""

from harness import MethodConfig, MethodSpec, ModelAddress, Recipe, hookimpl


class StudentConfig(MethodConfig):
    teacher: ModelAddress | None = None


@hookimpl
def register_methods(register):
    tiny = {"height": 48, "width": 24, "base_width": 4, "images": 64}
    register(MethodSpec(
        key="student", title="Student", summary="Starts from its teacher's stem.",
        method_version=1, config=StudentConfig, method="reid_student_method:Student",
        recipes={"tiny": Recipe(name="tiny", summary="As it is.", trials=1, values=tiny)},
    ))
'''

STUDENT_METHOD = """
import torch
from torch import nn

from harness import Stage, Stream


class Student:
    feature = "f"
    distance = "euclidean"
    backbones = ()

    def __init__(self, config, context):
        stem = context.models["teacher"]["extractor.conv1.weight"]
        self.stem = nn.Conv2d(3, stem.shape[0], stem.shape[2], 2, bias=False)
        with torch.no_grad():
            self.stem.weight.copy_(stem)
        self.networks = {"stem": self.stem}

    def stages(self):
        def step(batches, update):
            loss = self.stem(batches["train"].pixels).square().mean()
            update("sgd", loss)
            return {"size": loss}

        optimiser = torch.optim.SGD(self.stem.parameters(), lr=0.1)
        return [Stage(name="shrink", steps=2, streams={"train": Stream(2, 2)}, trains=("stem",),
                      optimisers={"sgd": optimiser}, train_step=step, identity_images=4)]

    def embed(self, batch):
        return {"f": self.stem(batch.pixels).mean(dim=(2, 3))}
"""


class TestStage:
    @pytest.fixture(autouse=True)
    def _installed(self, tmp_path, monkeypatch):
        """Install the student as a distribution of its own, and remove it afterwards."""
        monkeypatch.syspath_prepend(str(tmp_path))
        (tmp_path / "reid_student.py").write_text(STUDENT)
        (tmp_path / "reid_student_method.py").write_text(STUDENT_METHOD)
        info = tmp_path / "reid_student-0.1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: reid-student\nVersion: 0.1\n")
        (info / "entry_points.txt").write_text("[reid_harness.plugins]\nstudent = reid_student\n")
        yield
        for module in ("reid_student", "reid_student_method"):
            sys.modules.pop(module, None)

    def taught(self, harness, teacher, *words):
        return harness("run", "--plugin", "student", *TINY, "--set", f"teacher={teacher}", *words)

    def test_a_teacher(self, harness, trained, store):
        """A stage starts from the tensors of the model; the row names its version."""
        harness("models", "alias", trained, "best", "--reason", "the only one")
        report = self.taught(harness, "models:/baseline-hr-synthped@best").json
        address = "models:/student-synthped/1"
        version, _method = open_model(address, load_plugins(), store, torch.device("cpu"))
        teacher = find_version(trained, store)

        assert f"teacher={trained}" in report["narrowed"]
        assert version.config["teacher"] == trained
        assert version.context is not None
        assert version.context["models"] == {"teacher": teacher.sha256}
        assert version.trained_on == teacher.trained_on
        assert fits_of(harness, report)[0]["config"]["teacher"] == trained
        assert self.taught(harness, trained).json["trials"][0]["reused"]

    def test_leak(self, harness, trained):
        """A teacher that has seen test identities is refused by its setting."""
        outcome = self.taught(harness, trained, "--trials", "2")

        assert outcome.code == 7
        assert "was trained on" in outcome.err
        assert "--set teacher=..." in outcome.err

    def test_another_teacher_is_another_fit(self, harness, trained):
        """The alias decides nothing once it has moved: the new version is another fit."""
        harness("models", "alias", trained, "best", "--reason", "the only one")
        first = self.taught(harness, "models:/baseline-hr-synthped@best").json
        harness(*RUN, "--weights", trained)
        words = ("models:/baseline-hr-synthped/2", "best", "--reason", "the newer one")
        harness("models", "alias", *words)
        second = self.taught(harness, "models:/baseline-hr-synthped@best").json

        assert not second["trials"][0]["reused"]
        assert second["trials"][0]["fit_id"] != first["trials"][0]["fit_id"]

    def test_kept_for_its_student(self, harness, trained):
        """The file of a deleted teacher stays while a student is built with it."""
        self.taught(harness, trained)

        out = harness("models", "delete", trained, "--yes").out
        assert "another version needs it" in out.replace("\n", " ")

    def test_absent(self, harness, trained, store):
        """A teacher whose file is gone stops the fit with the setting that names it."""
        store.models.find_file_or_raise(find_version(trained, store)).unlink()
        outcome = self.taught(harness, trained)

        assert outcome.code == 7
        assert "that the setting 'teacher' names is not on this machine" in outcome.err

    def test_changed(self, harness, trained, store):
        """A teacher whose file was changed on the disk stops the fit."""
        damage(store, trained)

        assert self.taught(harness, trained).code == 4

    def test_no_address(self, harness, trained):
        """A setting that is no address is refused with the reason."""
        outcome = self.taught(harness, "best")

        assert outcome.code == 2
        assert "'best' is not the address of a model" in outcome.err
