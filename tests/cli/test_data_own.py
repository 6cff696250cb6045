"""`harness data add NAME --csv|--folder`, `check` and `remove`, as a user types them."""

from __future__ import annotations

import shutil

import pytest

from harness.data.own.shelf import shelf
from harness.settings import Settings
from tests.data.own.trees import PATTERN, draw, names


@pytest.fixture
def images(tmp_path):
    """Return a folder with six people by two cameras."""
    return draw(tmp_path / "images", names(range(1, 7)))


@pytest.fixture
def mall(harness, images):
    """Register it."""
    assert harness("data", "add", "mall", "--folder", str(images), "--pattern", PATTERN).code == 0
    return images


def test_add_tells_what_it_found_and_proposes(harness, images):
    """The counts, the findings, the protocol with its reasons, and what to type next."""
    draw(images, ["plan.png", "007_c1_1.png"])
    done = harness("data", "add", "mall", "--folder", str(images), "--pattern", PATTERN)

    assert done.code == 0, done.err
    assert "mall: 13 images of 7 identities by 2 cameras." in done.out
    assert "The pattern passes over 1 image" in done.out
    assert "1 identity of 7 has no match by another camera" in done.out
    assert "10 random halves of 6 identities" in done.out
    assert "harness run --plugin baseline-hr --dataset mall" in done.out


def test_add_as_json(harness, images, tmp_path):
    """The same from a CSV, as one document."""
    lines = [f"{name},{name[:3]},{name[5]}" for name in names(range(1, 7))]
    (tmp_path / "mall.csv").write_text("\n".join(["path,pid,camid", *lines]))
    words = ("--csv", str(tmp_path / "mall.csv"), "--root", str(images), "--splits", "3")
    report = harness("data", "add", "mall", *words, "--seed", "5", "--json").json

    assert report["added"]
    assert report["counts"] == {"images": 12, "identities": 6, "cameras": 2}
    assert report["findings"] == []
    assert (report["protocol"]["splits"], report["protocol"]["headline"]) == (3, "cmc_single@1")
    assert "default_rng(5)" in report["protocol"]["reasons"][0]


def test_an_error_registers_nothing(harness, images):
    """Where something is wrong it is told with code 6, and nothing is left behind."""
    (images / "001_c1_1.png").write_bytes(b"")
    words = ("data", "add", "mall", "--folder", str(images), "--pattern", PATTERN)
    told, as_json = harness(*words), harness(*words, "--json")

    assert (told.code, as_json.code) == (6, 6)
    assert "Nothing was registered." in told.out
    assert "mall: 1 image cannot be read." in told.err
    assert "Replace them by good copies" in told.err
    assert not as_json.json["added"]
    assert as_json.json["findings"][0]["key"] == "unreadable"
    assert not shelf(Settings.from_environment()).exists()


@pytest.mark.parametrize(
    ("words", "code", "what", "next_step"),
    [
        ((), 2, "Where are the images of 'hall'?", "--csv FILE"),
        (("--csv", "x.csv", "--folder", "."), 2, "Where are the images of 'hall'?", "one of"),
        (("--folder", "."), 2, "needs a pattern", "--pattern '"),
        (("--folder", ".", "--pattern", "x", "--root", "."), 2, "--root is for --csv", "Leave"),
        (("--csv", "x.csv", "--pattern", "x"), 2, "--pattern is for --folder", "Give the folder"),
        (("--csv", "x.csv", "--splits", "0"), 2, "0 splits are none", "1 or more"),
        (("--csv", "x.csv"), 6, "x.csv cannot be read", "UTF-8"),
        ((".",), 2, "no dataset called 'hall'", "If it is your own: `harness data add hall"),
        ((".", "--csv", "x.csv"), 2, "is for a known data set", "`--root` or `--folder`"),
        ((".", "--splits", "3"), 2, "is for a known data set", "`--root` or `--folder`"),
        ((".", "--seed", "3"), 2, "is for a known data set", "`--root` or `--folder`"),
        ((".", "--single-camera"), 2, "is for a known data set", "`--root` or `--folder`"),
        ((".", "--replace"), 2, "is for a known data set", "`--root` or `--folder`"),
    ],
)
def test_options_that_do_not_fit(harness, words, code, what, next_step):
    """What contradicts itself is refused before anything is looked for."""
    told = harness("data", "add", "hall", *words)

    assert told.code == code
    assert what in told.err
    assert next_step in told.err


def test_names_that_are_taken(harness, mall):
    """The name of an installed data set or protocol is nobody's, one's own wants --replace."""
    words = ("--folder", str(mall), "--pattern", PATTERN)
    assert (
        "'caviar' is taken by a data set of datasets"
        in harness("data", "add", "caviar", *words).err
    )
    assert (
        "is taken by the protocol 'mlr-viper-maxpool'"
        in harness("data", "add", "mlr-viper-maxpool", *words).err
    )
    again = harness("data", "add", "mall", *words)
    assert again.code == 2
    assert "Add `--replace`" in again.err
    assert harness("data", "add", "mall", *words, "--replace").code == 0


@pytest.mark.parametrize("name", ["2024", "null", "true", "0x1f", "1e5"])
def test_a_name_that_yaml_takes_for_something_else(harness, images, name):
    """A name of digits, or a word of YAML, is a name: what is added is there."""
    added = harness("data", "add", name, "--folder", str(images), "--pattern", PATTERN)

    assert added.code == 0, added.err
    assert harness("data", "check", name).code == 0


def test_splits_of_a_layout_are_not_asked_for(harness, tmp_path):
    """Where the folders divide the data set, --splits contradicts them."""
    layout = draw(tmp_path, [f"train/{n}" for n in names([1])] + [f"test/{n}" for n in names([2])])
    pattern = rf"(?P<subset>train|test)/{PATTERN}"
    told = harness("data", "add", "m", "--folder", str(layout), "--pattern", pattern, "--splits=3")

    assert told.code == 2
    assert "--splits 3 asks for others" in told.err


def test_one_camera_that_are_two(harness, images):
    """--single-camera does not hide cameras that are told apart."""
    words = ("--folder", str(images), "--pattern", PATTERN, "--single-camera")
    told = harness("data", "add", "mall", *words)

    assert told.code == 2
    assert "--single-camera is given, and there are 2 cameras" in told.err


@pytest.mark.usefixtures("mall")
def test_check_is_content_with_what_was_added(harness):
    """Nothing changed: exit 0, and every file was compared."""
    (row,) = harness("data", "check", "mall", "--json").json
    assert (row["problem"], row["findings"], row["files_compared"]) == (None, [], 12)
    assert "the bytes of 12 files are as expected" in harness("data", "check", "mall").out
    (listed,) = (r for r in harness("data", "list", "--json").json if r["key"] == "mall")
    assert listed["expected"] == {"images": 12, "identities": 6, "cameras": 2}


def test_check_counts_the_files_that_it_compared(harness, mall):
    """A file whose bytes nobody wrote down cannot be compared, and is not said to be."""
    file = shelf(Settings.from_environment()) / "mall" / "records.csv"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], lines[1].rsplit(",", 1)[0] + ",", *lines[2:]]))
    (row,) = harness("data", "check", "mall", "--json").json
    assert (row["problem"], row["files_compared"]) == (None, 11)

    file.write_text("\n".join(line.rsplit(",", 1)[0] for line in lines))
    assert "mall: the counts are as expected" in harness("data", "check", "mall").out


def test_check_goes_on_after_a_list_that_is_none(harness, mall):
    """One data set that cannot be read is wrong; the others are told all the same."""
    words = ("--folder", str(mall), "--pattern", PATTERN)
    assert harness("data", "add", "plaza", *words).code == 0
    file = shelf(Settings.from_environment()) / "mall" / "records.csv"
    file.write_text("path,pid\n")
    told, as_json = harness("data", "check"), harness("data", "check", "--json")

    assert (told.code, as_json.code) == (6, 6)
    rows = {row["key"]: row for row in as_json.json}
    assert rows["plaza"]["problem"] is None
    assert rows["mall"]["counts"] is None
    assert f"{file} has no column 'camid'" in rows["mall"]["problem"]
    assert f"mall: {file} has no column 'camid'" in told.err


def change_bytes(images, files):
    shutil.copy(images / "002_c1_1.png", images / "001_c1_1.png")


def lose_file(images, files):
    (images / "001_c1_1.png").unlink()


def lose_line(images, files):
    file = files / "records.csv"
    file.write_text("\n".join(file.read_text().splitlines()[:-1]))


def name_a_stranger(images, files):
    file = files / "protocol.yaml"
    file.write_text(file.read_text().replace("test: [", "test: [77, "))


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        (change_bytes, "changed-files", "1 file has other bytes than when"),
        (lose_file, "unreadable", "1 image cannot be read"),
        (lose_line, "other-counts", "records.csv has 11 images of 6 identities"),
        (name_a_stranger, "unfit-protocol", "no image of identity 77"),
    ],
)
def test_check_finds_what_changed(harness, mall, change, key, words):
    """A changed or missing file, an edited list and a wrong protocol are errors with code 6."""
    change(mall, shelf(Settings.from_environment()) / "mall")
    told = harness("data", "check", "mall", "--json")

    assert told.code == 6
    (row,) = told.json
    finding = next(finding for finding in row["findings"] if finding["key"] == key)
    assert finding["level"] == "error"
    assert words in finding["what"]
    assert "mall: " in told.err


def test_check_tells_of_new_images(harness, mall):
    """An image that came later is no part of the data set until it is added again."""
    draw(mall, ["009_c1_1.png"])
    told = harness("data", "check", "mall")

    assert told.code == 0
    assert "1 image of the folder is not in the data set." in told.out
    assert "009_c1_1.png" in told.out


def test_marked_queries_are_no_layout(harness, tmp_path):
    """Of three cameras the queries are marked in the list, and the check does not mind."""
    folder = draw(tmp_path / "three", names(range(1, 7), (1, 2, 3)))
    assert harness("data", "add", "three", "--folder", str(folder), "--pattern", PATTERN).code == 0
    (row,) = harness("data", "check", "three", "--json").json
    assert row["findings"] == []


@pytest.mark.usefixtures("mall")
def test_remove(harness):
    """A removed data set is gone from the list; only one's own can be removed."""
    assert "are where they were" in harness("data", "remove", "mall").out
    assert "mall" not in {row["key"] for row in harness("data", "list", "--json").json}
    assert harness("data", "remove", "mall", "--json").code == 2
    assert harness("data", "remove", "caviar").code == 2


def test_one_camera_is_scored_without_junk(harness, tmp_path):
    """Under `none` an image of the query's camera is a match: there are numbers."""
    folder = draw(tmp_path / "one", names(range(1, 9), [1], 3))
    words = ("--folder", str(folder), "--pattern", r"(?P<pid>\d+)_c1_\d\.png")
    assert harness("data", "add", "one", *words).code == 2
    assert harness("data", "add", "one", *words, "--single-camera").code == 0
    run = harness("run", "--plugin", "initial-weights", "--dataset", "one", "--recipe", "tiny",
                  "--device", "cpu", "--trials", "1", "--json")  # fmt: skip

    assert run.code == 0, run.err
    assert run.json["metrics"]["map_sum_precision"]["value"] > 0


@pytest.mark.parametrize(
    ("folder", "pattern", "cameras", "headline"),
    [
        ("VIPeR", r"(?P<camid>cam_[ab])/(?P<pid>\d+)_\d+\.bmp", 2, "cmc_single@1"),
        (
            "mini-Market-1501",
            r"(?P<subset>[^/]+)/(?P<pid>-1|\d{4})_c(?P<camid>\d).*\.jpg",
            6,
            "cmc_multi@1",
        ),
    ],
)
def test_real_folders(harness, real_data, folder, pattern, cameras, headline):
    """Real data sets by a pattern have the protocol that the field uses on them."""
    words = ("--folder", str(real_data / folder), "--pattern", pattern, "--json")
    report = harness("data", "add", "own", *words).json

    assert report["added"]
    assert report["counts"]["cameras"] == cameras
    assert report["protocol"]["headline"] == headline
    assert {finding["level"] for finding in report["findings"]} <= {"warning", "note"}
