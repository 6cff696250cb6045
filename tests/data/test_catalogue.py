"""The promises of `harness.data.catalogue`."""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.data import catalogue
from harness.errors import DataError, UsageError
from harness.settings import Settings
from harness.types import Counts, DatasetCard, DatasetSpec, Record

HERE = "tests.data.test_catalogue"

CARD = DatasetCard(
    key="tiny",
    title="Tiny",
    summary="",
    citation="",
    year=2020,
    licence="",
    status="available",
    how_to_get="Ask its authors.",
    folders=("Tiny-1.0", "tiny"),
    expected=Counts(images=2, identities=1, cameras=2),
)


def read(root: Path) -> Sequence[Record]:
    """Read `PID_CAMERA.txt`, in no particular order."""
    return [
        Record(p.stem.split("-")[0], p.name, int(p.name[0]), int(p.name[2]))
        for p in sorted(root.glob("*.txt"), reverse=True)
    ]


def read_made(root: Path) -> Sequence[Record]:
    """Read `NAME.txt`, and `NAME@rN.txt` as made from it."""
    return [
        Record(p.stem, p.name, 1, 1, 2 if "@" in p.stem else 1, p.stem.split("@r")[0])
        for p in root.glob("*.txt")
    ]


generated: list[Path] = []
fail_once: list[bool] = []


def generate(root: Path) -> None:
    """Write a complete copy; where told to, be interrupted after the first file."""
    generated.append(root)
    (root / "1_1.txt").write_text("one")
    if fail_once:
        fail_once.clear()
        raise KeyboardInterrupt
    (root / "1_2.txt").write_text("two")


@pytest.fixture
def spec(monkeypatch: pytest.MonkeyPatch) -> DatasetSpec:
    """A data set whose functions are found by address, as a plugin's are."""
    monkeypatch.setitem(sys.modules, HERE, sys.modules[__name__])
    return DatasetSpec(CARD, read=f"{HERE}:read", protocol="tiny")


@pytest.fixture
def made(spec: DatasetSpec) -> DatasetSpec:
    """The same, generated."""
    generated.clear()
    return replace(spec, generate=f"{HERE}:generate", rule="tiny@1")


@pytest.fixture
def settings(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An empty home and an empty data folder."""
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path / "data"))
    return Settings.from_environment()


def copy_at(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "1_1.txt").write_text("one")
    (folder / "1_2.txt").write_text("two")
    return folder


class TestLocate:
    def test_the_usual_names_in_order(self, spec: DatasetSpec, settings: Settings) -> None:
        """A folder of the first usual name wins over one of the second."""
        second = copy_at(settings.data / "tiny")
        assert catalogue.locate(spec, settings) == second
        first = copy_at(settings.data / "Tiny-1.0")
        assert catalogue.locate(spec, settings) == first

    def test_a_registered_folder_comes_first(
        self, spec: DatasetSpec, settings: Settings, tmp_path: Path
    ) -> None:
        """What the user registered wins over what lies around."""
        copy_at(settings.data / "tiny")
        mine = copy_at(tmp_path / "mine")
        assert catalogue.add(spec, mine, settings) == CARD.expected
        assert catalogue.locate(spec, settings) == mine

    def test_without_a_copy_it_says_what_to_do(self, spec: DatasetSpec, settings: Settings) -> None:
        """What to get, where to put it, the command, and what runs without it."""
        with pytest.raises(DataError, match="no copy of Tiny: none is registered") as caught:
            catalogue.locate(spec, settings)
        step = caught.value.next_step
        assert "Ask its authors." in step
        assert str(settings.data / "Tiny-1.0") in step
        assert "harness data add tiny FOLDER" in step
        assert "--dataset synthped" in step

    def test_a_registered_folder_that_is_gone_is_named(
        self, spec: DatasetSpec, settings: Settings, tmp_path: Path
    ) -> None:
        """An unmounted disk is told from a data set that was never there."""
        mine = copy_at(tmp_path / "mine")
        catalogue.add(spec, mine, settings)
        mine.rename(tmp_path / "elsewhere")
        with pytest.raises(DataError, match=f"the registered folder {mine} is gone"):
            catalogue.locate(spec, settings)

    def test_what_is_made_from_another_lies_where_that_lies(
        self, spec: DatasetSpec, settings: Settings, tmp_path: Path
    ) -> None:
        """One registration serves a data set and what is made from it, whichever was named."""
        card = CARD.model_copy(update={"key": "mlr-tiny"})
        made = replace(spec, card=card, made_from="tiny")
        first, second = copy_at(tmp_path / "a"), copy_at(tmp_path / "b")
        catalogue.add(spec, first, settings)
        assert catalogue.find(made, settings) == first
        catalogue.add(made, second, settings)
        assert catalogue.find(spec, settings) == second


class TestGenerate:
    def test_once(self, made: DatasetSpec, settings: Settings) -> None:
        """It is made on first use, after a notice, and found afterwards."""
        notices: list[str] = []
        assert catalogue.find(made, settings) is None
        root, records = catalogue.load(made, settings, notices.append)
        assert root == settings.home / "datasets" / "tiny@1"
        assert [record.id for record in records] == ["1_1", "1_2"]
        assert catalogue.load(made, settings, notices.append) == (root, records)
        assert len(generated) == 1
        assert len(notices) == 1
        assert catalogue.find(made, settings) == root

    def test_an_interrupted_one_starts_again(self, made: DatasetSpec, settings: Settings) -> None:
        """What an interruption left is never taken for complete."""
        fail_once.append(True)
        with pytest.raises(KeyboardInterrupt):
            catalogue.load(made, settings)
        assert catalogue.find(made, settings) is None
        _, records = catalogue.load(made, settings)
        assert len(records) == 2

    def test_two_at_once_make_it_once(self, made: DatasetSpec, settings: Settings) -> None:
        """Of two that ask at the same time one generates and the other waits."""
        threads = [
            threading.Thread(target=catalogue.locate, args=(made, settings)) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(generated) == 1
        assert catalogue.find(made, settings) is not None

    def test_a_new_rule_is_another_folder(self, made: DatasetSpec, settings: Settings) -> None:
        """Images made by an older rule are not used under a newer one."""
        first = catalogue.locate(made, settings)
        assert catalogue.locate(replace(made, rule="tiny@2"), settings) != first


class TestRead:
    def test_sorted_by_id(self, spec: DatasetSpec, tmp_path: Path) -> None:
        """The reader's order does not matter."""
        records = catalogue.read(spec, copy_at(tmp_path / "x"))
        assert [record.id for record in records] == ["1_1", "1_2"]

    def test_an_empty_folder(self, spec: DatasetSpec, tmp_path: Path) -> None:
        """A folder without a single image is the wrong folder."""
        with pytest.raises(DataError, match=f"no image of Tiny in {tmp_path}"):
            catalogue.read(spec, tmp_path)

    def test_two_images_of_one_id(self, spec: DatasetSpec, tmp_path: Path) -> None:
        """Two images of one id would make every table of results ambiguous."""
        folder = copy_at(tmp_path / "x")
        (folder / "1_2-again.txt").write_text("two")
        with pytest.raises(DataError, match="has 2 images called '1_2'"):
            catalogue.read(spec, folder)

    def test_an_image_without_its_original(self, spec: DatasetSpec, tmp_path: Path) -> None:
        """A made image whose high-resolution original is missing is named with it."""
        (tmp_path / "1_1@r2.txt").write_text("small")
        reader = replace(spec, read=f"{HERE}:read_made")
        with pytest.raises(DataError, match=r"image '1_1@r2' of Tiny is made from '1_1', which is"):
            catalogue.read(reader, tmp_path)
        (tmp_path / "1_1.txt").write_text("one")
        assert len(catalogue.read(reader, tmp_path)) == 2


class TestAdd:
    def test_what_is_no_folder_is_refused(
        self, spec: DatasetSpec, settings: Settings, tmp_path: Path
    ) -> None:
        """Nothing is registered that cannot be read."""
        with pytest.raises(DataError, match="There is no folder"):
            catalogue.add(spec, tmp_path / "nowhere", settings)
        with pytest.raises(DataError, match="no image of Tiny"):
            catalogue.add(spec, tmp_path, settings)
        assert catalogue.find(spec, settings) is None

    def test_a_generated_set_has_no_folder(
        self, made: DatasetSpec, settings: Settings, tmp_path: Path
    ) -> None:
        """A generated data set is used as it is."""
        with pytest.raises(UsageError, match="is generated"):
            catalogue.add(made, copy_at(tmp_path / "x"), settings)

    def test_two_sets_are_kept(self, spec: DatasetSpec, settings: Settings, tmp_path: Path) -> None:
        """Registering a second data set does not forget the first."""
        other = replace(spec, card=CARD.model_copy(update={"key": "other"}))
        first, second = copy_at(tmp_path / "a"), copy_at(tmp_path / "b")
        catalogue.add(spec, first, settings)
        catalogue.add(other, second, settings)
        assert catalogue.find(spec, settings) == first
        assert catalogue.find(other, settings) == second


class TestCheck:
    @pytest.fixture
    def hashed(self, spec: DatasetSpec, monkeypatch: pytest.MonkeyPatch) -> DatasetSpec:
        """A data set with the hashes of its complete copy."""
        expected = {
            "1_1.txt": hashlib.sha256(b"one").hexdigest(),
            "1_2.txt": hashlib.sha256(b"two").hexdigest(),
        }
        monkeypatch.setattr(catalogue, "load_hashes", lambda _name: expected)
        return replace(spec, card=CARD.model_copy(update={"hashes": "tiny.sha256"}))

    def test_a_complete_copy(self, hashed: DatasetSpec, tmp_path: Path) -> None:
        """Counts and bytes agree; a file of another kind is no image."""
        folder = copy_at(tmp_path / "x")
        (folder / "Thumbs.db").write_bytes(b"")
        steps: list[int] = []
        report = catalogue.check(hashed, folder, steps.append)
        assert report == catalogue.Report(CARD.expected, 2, None)
        assert sum(steps) == catalogue.files_to_check(hashed) == 2

    def test_the_first_wrong_file_is_named(self, hashed: DatasetSpec, tmp_path: Path) -> None:
        """Missing, surplus or of other bytes: the first by path is named."""
        folder = copy_at(tmp_path / "x")
        (folder / "1_2.txt").write_text("TWO")
        assert catalogue.check(hashed, folder).problem == (
            "1_2.txt has other bytes than the original."
        )
        (folder / "1_2.txt").unlink()
        assert catalogue.check(hashed, folder).problem == "1_2.txt is missing."
        (folder / "1_0.txt").write_text("zero")
        assert catalogue.check(hashed, folder).problem == (
            "1_0.txt does not belong to the data set."
        )

    def test_counts_alone(self, spec: DatasetSpec, tmp_path: Path) -> None:
        """Without hashes the counts are compared and shown side by side."""
        folder = copy_at(tmp_path / "x")
        assert catalogue.check(spec, folder).problem is None
        (folder / "2_2.txt").write_text("more")
        report = catalogue.check(spec, folder)
        assert report.files == 0
        assert report.problem == (
            "It has 3 images of 2 identities by 2 cameras; "
            "complete are 2 images of 1 identities by 2 cameras."
        )

    def test_what_the_reader_refuses_is_the_problem(
        self, spec: DatasetSpec, tmp_path: Path
    ) -> None:
        """A copy that cannot be read is reported, not raised."""
        report = catalogue.check(spec, tmp_path)
        assert report.counts is None
        assert report.problem == f"There is no image of Tiny in {tmp_path}."


def test_subsets_are_counted_and_said() -> None:
    """Of a layout that divides a data set each part is counted, the training first."""
    records = [
        Record("a", "", 5, 1, subset="gallery"),
        Record("b", "", 6, 2, subset="train"),
        Record("c", "", 5, 2, subset="gallery"),
    ]
    assert catalogue.in_words(catalogue.count(records)) == (
        "3 images (1 train, 2 gallery) of 2 identities by 2 cameras"
    )


def test_junk_is_no_identity() -> None:
    """Junk and distractors count as images, not as identities."""
    records = [Record(str(pid), "", pid, 1) for pid in (-1, 0, 5)]
    assert catalogue.count(records) == Counts(images=3, identities=1, cameras=1)
