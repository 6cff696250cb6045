"""The model registry: versions that never change, aliases that move with a reason."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from harness.errors import IntegrityError, StoreError, UnknownName, UsageError, WeightsError
from harness.store import FitOutcome, ModelDescription, VersionDraft
from harness.store.model_file import describe_file
from harness.types import ModelAddress
from tests.store.filler import Filler

EMPTY = (2).to_bytes(8, "little") + b"{}"  # a safetensors file without a tensor

ABOUT = ModelDescription(
    method="baseline-hr",
    method_version=1,
    config={"height": 128},
    context={"identities": 3, "images": 9, "cameras": 2},
    dataset="caviar",
    split=0,
    seed=1,
    source="made here",
    licence="none is stated",
    trained_on=("caviar:1", "caviar:2"),
    trained_on_is_all=True,
)


def draft(name: str = "m", fit_id: str | None = None, **named) -> VersionDraft:
    return VersionDraft(**{**asdict(ABOUT), **named}, name=name, fit_id=fit_id)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    path.write_bytes(describe_file(EMPTY, ABOUT))
    return path


@pytest.fixture
def fit(fill):
    """Return a function that stores a done fit and returns its id."""
    return lambda **named: fill.fit(**named).id


@pytest.fixture
def two(store, fit, file):
    """Two versions of one model, of two fits that left the same file."""
    return [store.models.add(draft(fit_id=fit()), file) for _ in range(2)]


def at(version: int | str, name: str = "m") -> ModelAddress:
    return ModelAddress(f"models:/{name}{'@' if isinstance(version, str) else '/'}{version}")


class TestVersions:
    def test_numbers_count_from_one_by_name(self, store, fit, file):
        """Each name counts its own versions from 1."""
        names = ["a", "b", "a"]
        made = [store.models.add(draft(name, fit()), file) for name in names]

        assert [(v.name, v.version) for v in made] == [("a", 1), ("b", 1), ("a", 2)]
        assert [v.address for v in store.models.where()] == [
            "models:/a/1",
            "models:/a/2",
            "models:/b/1",
        ]
        assert [v.version for v in store.models.where("a")] == [1, 2]

    def test_a_fit_has_one(self, store, fit, file):
        """The same fit a second time is the version that is there."""
        given = draft(fit_id=fit())

        assert store.models.add(given, file) == store.models.add(given, file)

    def test_all_of_it_is_kept(self, store, fit, file):
        """A version comes back with all that was said of it, and its file by content."""
        given = draft(fit_id=fit())
        version = store.models.add(given, file)
        file.write_bytes(b"something else")

        assert {k: v for k, v in asdict(version).items() if k in asdict(given)} == asdict(given)
        kept = store.models.find_file_or_raise(version)
        assert kept.read_bytes() == describe_file(EMPTY, ABOUT)
        assert store.find_artifact(version.sha256) == kept

    def test_what_nobody_knew_is_added_once(self, store, fit, file):
        """A version of before the registry is completed by its fit, and then stays."""
        fit_id = fit()
        unknown: dict[str, Any] = {"context": None, "trained_on": None, "trained_on_is_all": False}
        old = store.models.add(draft(fit_id=fit_id, **unknown), file)
        completed = store.models.add(draft(fit_id=fit_id), file)
        again = store.models.add(draft(fit_id=fit_id, trained_on=()), file)

        assert (old.context, old.trained_on) == (None, None)
        assert completed == replace(
            old, **{name: getattr(ABOUT, name) for name in (*unknown, "context")}
        )
        assert again == completed

    def test_names_of_nothing(self, store, two):
        """An unknown model, version or alias is refused with what there is."""
        with pytest.raises(UnknownName, match=r"no model called 'n'.*harness models list"):
            store.models.find_or_raise(at(1, "n"))
        with pytest.raises(UnknownName, match=r"no version of 'm' called '3'.*Known: 1, 2"):
            store.models.find_or_raise(at(3))
        with pytest.raises(UnknownName, match=r"no alias of 'm' called 'best'.*Known: none"):
            store.models.find_or_raise(at("best"))
        with pytest.raises(UnknownName, match="no model called 'n'"):
            store.models.where("n")

    def test_a_name_alone(self, store, two):
        """A name is no version: the aliases and the newest version are offered."""
        with pytest.raises(UsageError, match=r"names no version.*it has none; .*models:/m/2"):
            store.models.find_or_raise(ModelAddress("models:/m"))

        store.models.move_alias(at(1), "best", "why not")
        with pytest.raises(UsageError, match=r"its aliases: @best \(1\); or a version"):
            store.models.find_or_raise(ModelAddress("models:/m"))

    def test_absent_file(self, store, two):
        """A file that somebody removed is told, with where it was looked for."""
        store.models.find_file_or_raise(two[0]).unlink()

        with pytest.raises(WeightsError, match=r"models:/m/1 is not on this machine.*artifacts"):
            store.models.find_file_or_raise(two[0])

    def test_damaged_file(self, store, two):
        """A file of which one bit was changed is not given out, whoever asks."""
        place = store.models.find_file_or_raise(two[0])
        content = place.read_bytes()
        place.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

        with pytest.raises(IntegrityError, match=r"was changed.*Remove it"):
            store.models.find_file_or_raise(two[0])
        with pytest.raises(IntegrityError, match=two[0].sha256[:12]):
            store.models.find_sound_file(two[0].sha256)
        place.unlink()
        assert store.models.find_sound_file(two[0].sha256) is None

    def test_file_that_cannot_be_kept(self, store, fit, tmp_path):
        """A version whose file cannot be read is not made."""
        with pytest.raises(StoreError, match="cannot be kept"):
            store.models.add(draft(fit_id=fit()), tmp_path / "absent")
        assert store.models.where() == []


class TestAliases:
    def test_moves(self, store, two):
        """An alias points where it was moved last, and its history has each move and why."""
        store.models.move_alias(at(1), "best", "first")
        store.models.move_alias(at(2), "best", "better")
        store.models.move_alias(at("best"), "served", "the same")
        store.models.remove_alias(at(2), "best", "no more")

        assert store.models.find_or_raise(at("served")).version == 2
        assert store.models.where("m")[1].aliases == ("served",)
        moves = store.models.where_moves("m")
        assert [(m.alias, m.from_version, m.to_version, m.reason) for m in moves] == [
            ("best", None, 1, "first"),
            ("best", 1, 2, "better"),
            ("served", None, 2, "the same"),
            ("best", 2, None, "no more"),
        ]

    def test_to_where_it_is(self, store, two):
        """A move to where an alias points is refused, and not in the history."""
        store.models.move_alias(at(1), "best", "first")

        with pytest.raises(UsageError, match="'best' points at models:/m/1 already"):
            store.models.move_alias(at(1), "best", "again")
        assert len(store.models.where_moves("m")) == 1

    @pytest.mark.parametrize("name", ["3", "a b", "", "a/b", "a@b"])
    def test_no_name(self, store, two, name):
        """An alias that could not stand in an address is refused."""
        with pytest.raises(UsageError, match="cannot be the name of an alias"):
            store.models.move_alias(at(1), name, "first")

    def test_of_nothing(self, store, two):
        """An alias that is not there cannot be removed."""
        with pytest.raises(UnknownName, match="no alias of 'm'"):
            store.models.remove_alias(ModelAddress("models:/m"), "best", "first")

    def test_removed_from_where_it_is(self, store, two):
        """An alias goes by the name of its model, or by the version that it points at; no other."""
        store.models.move_alias(at(2), "served", "first")
        for address in (ModelAddress("models:/m"), at(2), at("best"), at("served")):
            store.models.move_alias(at(2), "best", "the same")
            with pytest.raises(UsageError, match=r"'best' points at models:/m/2, not at .*m/1"):
                store.models.remove_alias(at(1), "best", "wrong")
            store.models.remove_alias(address, "best", "no more")

        assert store.models.where("m")[1].aliases == ("served",)
        with pytest.raises(UnknownName, match="no version of 'm' called '9'"):
            store.models.remove_alias(at(9), "served", "wrong")

    def test_two_processes_move_one(self, store, two, url, home):
        """Of processes that move one alias, each finds where the one before left it."""
        code = (
            "import sys; from pathlib import Path; from harness.store import Store\n"
            "from harness.types import ModelAddress\n"
            "store = Store.open(sys.argv[1], home=Path(sys.argv[2]))\n"
            "for i in range(20):\n"
            "    name = f'models:/m/{1 + (i + int(sys.argv[3])) % 2}'\n"
            "    try: store.models.move_alias(ModelAddress(name), 'best', sys.argv[3])\n"
            "    except Exception as error: assert 'already' in str(error), error\n"
        )
        command = [sys.executable, "-c", code, url, str(home)]
        processes = [subprocess.Popen([*command, word]) for word in ("0", "1")]
        assert [process.wait() for process in processes] == [0, 0]

        moves = store.models.where_moves("m")
        assert [m.from_version for m in moves] == [None, *(m.to_version for m in moves[:-1])]
        assert {m.reason for m in moves} == {"0", "1"}
        assert store.models.find_or_raise(at("best")).version == moves[-1].to_version


class TestTags:
    def test_set_and_removed(self, store, two):
        """A tag holds what was written last, on its version only."""
        store.models.set_tag(at(1), "reviewed", "no")
        store.models.set_tag(at(1), "reviewed", "yes")
        tagged = store.models.set_tag(at(1), "a", "")

        assert tagged.tags == {"a": "", "reviewed": "yes"}
        assert store.models.where("m")[1].tags == {}
        assert store.models.remove_tag(at(1), "a").tags == {"reviewed": "yes"}

    @pytest.mark.parametrize("key", ["", " ", "a b", "a\nb", "a=b", "\x1b[1m"])
    def test_no_key(self, store, two, key):
        """A key that is blank, or that a table could not show, is refused."""
        with pytest.raises(UsageError, match="cannot be the key of a tag"):
            store.models.set_tag(at(1), key, "")
        assert store.models.where("m")[0].tags == {}

    def test_of_nothing(self, store, two):
        """A tag that is not there cannot be removed."""
        store.models.set_tag(at(1), "a", "")

        with pytest.raises(UnknownName, match=r"no tag of models:/m/1 called 'b'.*Known: a"):
            store.models.remove_tag(at(1), "b")


class TestDelete:
    def test_the_mark_stays(self, store, two, fit, file):
        """A deleted version is told as that, and its number is never given again."""
        store.models.delete(at(2))
        third = store.models.add(draft(fit_id=fit()), file)

        assert third.version == 3
        assert [v.deleted is None for v in store.models.where("m")] == [True, False, True]
        with pytest.raises(UsageError, match=r"models:/m/2 was deleted on 20\d\d-"):
            store.models.find_or_raise(at(2))

    def test_its_fit_does_not_bring_it_back(self, store, two, file):
        """The fit of a deleted version makes no new one."""
        store.models.delete(at(2))
        same = store.models.add(draft(fit_id=two[1].fit_id), file)

        assert (same.version, same.deleted is None) == (2, False)

    def test_aliased(self, store, two):
        """A version that an alias points at is not deleted."""
        store.models.move_alias(at(1), "best", "first")

        with pytest.raises(UsageError, match=r"models:/m/1 is what 'best' points at.*--remove"):
            store.models.delete(at("best"))
        assert store.models.find_or_raise(at(1)).deleted is None

    def test_the_file_goes_with_the_last(self, store, two):
        """The file stays while another version is the same, and goes with the last."""
        assert store.models.delete(at(1)) is False
        assert store.models.find_file_or_raise(two[1]).is_file()
        assert store.models.delete(at(2)) is True
        assert store.models.find_file(two[1].sha256) is None

    def test_a_student_needs_its_teacher(self, store, fit, file, tmp_path):
        """A model that a method is built with keeps its file while the method's model is there."""
        teacher = store.models.add(draft("teacher", fit()), file)
        other = tmp_path / "other"
        other.write_bytes(b"other")
        context = {**(ABOUT.context or {}), "models": {"teacher": teacher.sha256}}
        store.models.add(draft("student", fit(), context=context), other)

        assert store.models.delete(at(1, "teacher")) is False
        assert store.models.delete(at(1, "student")) is True

    @pytest.mark.parametrize("context", [[1], {"models": [1]}, {"models": None}, {}])
    def test_beside_a_malformed_version(self, store, fit, file, tmp_path, context):
        """A version whose context is of no known form keeps nobody from deleting another."""
        (tmp_path / "other").write_bytes(b"other")
        store.models.add(draft("odd", fit(), context=context), tmp_path / "other")
        store.models.add(draft("sound", fit()), file)

        assert store.models.delete(at(1, "sound")) is True


class TestImport:
    def test_into_another_store(self, store, other, fit, file):
        """A file says all that the version elsewhere said; only its fit is not there."""
        here = store.models.add(draft("baseline-hr-caviar", fit()), file)
        there = other.models.import_(store.models.find_file_or_raise(here))

        assert there == replace(here, fit_id=None, created=there.created)
        assert other.models.find_file_or_raise(there).read_bytes() == file.read_bytes()

    def test_twice(self, other, file):
        """A second import is the version that is there; under another name it is another."""
        first = other.models.import_(file, name="x")

        assert other.models.import_(file, name="x") == first
        assert other.models.import_(file, name="y").address == "models:/y/1"

    def test_after_it_was_deleted(self, other, file):
        """A deleted model that is imported gets a new number."""
        other.models.import_(file, name="x")
        other.models.delete(at(1, "x"))

        assert other.models.import_(file, name="x").version == 2

    def test_with_its_fit(self, other, file):
        """An imported file joins the fit of an imported bundle that left it."""
        made = other.begin_fit(Filler(other).draft())
        other.start_fit(made.id)
        digest = sha256(file.read_bytes()).hexdigest()
        outcome = FitOutcome(seconds=1.0, identity_images=1, steps=1, model_sha256=digest)
        other.finish_fit(made.id, outcome)

        version = other.models.import_(file)
        assert version.fit_id == made.id
        assert other.find_artifact(digest) == other.models.find_file(digest)

    def test_no_name(self, other, file):
        """A name that could not stand in an address is refused."""
        with pytest.raises(UsageError, match=r"'a b' cannot be the name of a model"):
            other.models.import_(file, name="a b")
