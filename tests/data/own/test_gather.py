"""What a CSV or a folder says of its images is taken as it is, or refused with a next step."""

from __future__ import annotations

import os
import re

import pytest

from harness.data.own.gather import gather_csv, gather_folder, number_labels
from harness.errors import DataError, UsageError
from tests.data.own.trees import PATTERN, draw, names


def test_a_folder_by_its_pattern(tmp_path):
    """The pattern tells who and by which camera; what it does not match is named, not lost."""
    draw(tmp_path, [*names([1, 2]), "plan.png", ".hidden/003_c1_1.png"])
    (tmp_path / "notes.txt").write_text("no image")
    found = gather_folder(tmp_path, PATTERN, single_camera=False)

    assert [(r.id, r.path, r.pid, r.camid) for r in found.records] == [
        ("001_c1_1.png", "001_c1_1.png", 1, 1),
        ("001_c2_1.png", "001_c2_1.png", 1, 2),
        ("002_c1_1.png", "002_c1_1.png", 2, 1),
        ("002_c2_1.png", "002_c2_1.png", 2, 2),
    ]
    assert found.passed_over == ("plan.png",)
    assert (found.people, found.cameras) == ({}, {})


def test_folders_can_tell_the_subset_and_the_camera(tmp_path):
    """A pattern sees the whole path; the folders of Market-1501 are known as subsets."""
    draw(tmp_path, ["bounding_box_test/east/7.png", "query/west/7.png"])
    pattern = r"(?P<subset>\w+)/(?P<camid>east|west)/(?P<pid>\d+)\.png"
    found = gather_folder(tmp_path, pattern, single_camera=False)

    assert [(r.pid, r.camid, r.subset) for r in found.records] == [
        (7, 1, "gallery"),
        (7, 2, "query"),
    ]
    assert found.cameras == {"east": 1, "west": 2}


@pytest.mark.parametrize(
    ("labels", "lowest", "expected"),
    [
        (["0012", "7", "-1"], -1, {"0012": 12, "7": 7, "-1": -1}),
        (["anna", "7", "bob"], -1, {"7": 1, "anna": 2, "bob": 3}),
        (["0", "2", "10"], 1, {"0": 1, "2": 2, "10": 3}),
        (["20240101123456", "3"], 1, {"20240101123456": 1, "3": 2}),
    ],
    ids=["numbers stay", "names are numbered", "by value where all are numbers", "too long"],
)
def test_labels_become_numbers(labels, lowest, expected):
    """Numbers stay where all may; otherwise all are numbered from 1 in their order."""
    assert number_labels(labels, lowest) == expected


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["bob", "anna", "carl"], {"anna": 4, "bob": 1, "carl": 2}),
        (["carl", "9", "10"], {"carl": 2, "10": 4, "9": 5}),
    ],
)
def test_names_keep_their_numbers(labels, expected):
    """A name that came later is numbered above all, and the number of one that left is not free."""
    assert number_labels(labels, -1, {"bob": 1, "carl": 2, "dora": 3}) == expected


def test_numbers_stay_numbers():
    """Where all were numbers they are so again; a name among them would number all anew."""
    assert number_labels(["3", "7"], -1, {}) == {"3": 3, "7": 7}
    with pytest.raises(DataError, match="So far all were numbers, and 'anna' is no number from -1"):
        number_labels(["3", "anna"], -1, {})
    with pytest.raises(DataError, match="'0' is no number from 1"):
        number_labels(["0", "3"], 1, {})


@pytest.mark.parametrize(
    ("pattern", "error", "message"),
    [
        (r"(?P<pid>\d+", UsageError, "is no regular expression: missing ), unterminated"),
        (r"(?P<camid>\d).*", UsageError, "has no group pid"),
        (r"(?P<pid>\d+).*", UsageError, "has no group camid"),
        (r"(?P<pid>\d+)_c(?P<camid>\d)", DataError, "matches none of the 4 images"),
        (r"(?P<subset>\d)(?P<pid>\d+)_c(?P<camid>\d).*", DataError, "finds the subset '0' in"),
        (r"(?P<pid>x*)\d+_c(?P<camid>\d).*", DataError, "finds no pid or no camid in 001_c1_1.png"),
    ],
)
def test_a_pattern_that_does_not_fit_is_refused(tmp_path, pattern, error, message):
    """A pattern that is none, lacks a group or matches nothing is an error that shows it."""
    draw(tmp_path, names([1, 2]))
    with pytest.raises(error, match=re.escape(message)):
        gather_folder(tmp_path, pattern, single_camera=False)


@pytest.mark.parametrize(
    ("pattern", "better"),
    [
        (r"(?P<pid>\d+)_c(?P<camid>\d)", r"try '(?:.*/)?(?P<pid>\d+)_c(?P<camid>\d).*'."),
        (r"(?P<pid>\d\d)_c(?P<camid>\d).*", r"try '.*?(?P<pid>\d\d)_c(?P<camid>\d).*'."),
    ],
)
def test_a_pattern_of_a_part_is_shown_how_to_match_the_whole(tmp_path, pattern, better):
    """Where a pattern matches a part of a path, the advice is a pattern that works."""
    draw(tmp_path / "mall", names([11, 12]))
    with pytest.raises(DataError) as refused:
        gather_folder(tmp_path, pattern, single_camera=False)

    assert better in refused.value.next_step
    advised = re.search(r"try '(.*)'\.$", refused.value.next_step)
    assert advised is not None
    found = gather_folder(tmp_path, advised[1], single_camera=False)
    assert {r.pid for r in found.records} == {11, 12}


def test_a_folder_that_is_not_there_or_has_no_image(tmp_path):
    """Without a folder, or an image in it, there is nothing to take."""
    with pytest.raises(DataError, match=f"There is no folder {tmp_path}/absent"):
        gather_folder(tmp_path / "absent", PATTERN, single_camera=False)
    with pytest.raises(DataError, match="There is no image in"):
        gather_folder(tmp_path, PATTERN, single_camera=False)


@pytest.mark.parametrize("name", [b" 001_c1_1.png", b"001_c1_\xe4.png", b"001_c1_\n.png"])
def test_a_name_that_no_list_can_hold(tmp_path, name):
    """A file whose name a CSV would not give back is told before anything is opened."""
    draw(tmp_path, names([1, 2]))
    (tmp_path / os.fsdecode(name)).write_bytes(b"")
    with pytest.raises(DataError, match="cannot stand in a list") as refused:
        gather_folder(tmp_path, PATTERN, single_camera=False)

    assert repr(os.fsdecode(name)) in refused.value.what
    refused.value.what.encode()


def test_a_csv_with_names_subsets_and_resolutions(tmp_path):
    """Columns in any order; others are passed over; `split` is read as `subset`."""
    file = tmp_path / "list.csv"
    file.write_text(
        "camid,angle,path,pid,split,r,angle\n"
        'north,45,"a, b.png",anna,train,native,\n\n'
        "south,90,c.png,bob,test,1,\n"
    )
    found = gather_csv(file, None, single_camera=False)

    assert [(r.path, r.pid, r.camid, r.subset, r.r) for r in found.records] == [
        ("a, b.png", 1, 1, "train", None),
        ("c.png", 2, 2, "gallery", 1),
    ]
    assert found.root == tmp_path
    assert found.people == {"anna": 1, "bob": 2}


def test_one_camera_needs_no_camid(tmp_path):
    """Who says that there is one camera need not name it."""
    draw(tmp_path, ["1_1.png"])
    (tmp_path / "list.csv").write_text("path,pid\n1_1.png,1\n")
    by_pattern = gather_folder(tmp_path, r"(?P<pid>\d+)_\d\.png", single_camera=True)
    by_csv = gather_csv(tmp_path / "list.csv", None, single_camera=True)

    assert by_pattern.records == by_csv.records
    assert by_csv.records[0].camid == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,pid\na.png,1\n", "has no column 'camid'; its columns are path, pid"),
        ("path;pid;camid\na.png;1;1\n", "has no column 'path'; its columns are path;pid;camid"),
        ("path,pid,camid,pid\na.png,1,1,2\n", "has two columns 'pid'"),
        ("split,path,pid,camid,split\n", "has two columns 'split'"),
        ("path,pid,camid\n", "lists no image"),
        ("path,pid,camid\na.png,1\n", "line 2: it has 2 cells, and there are 3 columns"),
        ("path,pid,camid\na.png,1,1\na.png,1,1\n", "line 3: a.png is on line 2 already"),
        ("path,pid,camid\na.png,1,1\n./a.png,1,1\n", "line 3: a.png is on line 2 already"),
        ("path,pid,camid\n/a.png,1,1\n", "line 2: path is '/a.png'"),
        ("path,pid,camid\n../a.png,1,1\n", "line 2: path is '../a.png'"),
        ("path,pid,camid\n,1,1\n", "line 2: path is ''"),
        ("path,pid,camid\na.png,,1\n", "line 2: pid is empty"),
        ("path,pid,camid\na.png,-2,1\n", "a.png has the identity -2"),
        ("path,pid,camid,subset\na.png,1,1,Train\n", "line 2: subset is 'Train'"),
        ("path,pid,camid,r\na.png,1,1,2\n", "line 2: r is '2'"),
        ('path,pid,camid\n"a.png,1,1\n', "cannot be read"),
    ],
)
def test_a_csv_that_is_none_is_refused_with_its_line(tmp_path, text, message):
    """What cannot be taken as it stands is an error that names the line."""
    file = tmp_path / "list.csv"
    file.write_text(text)
    with pytest.raises(DataError, match=re.escape(message)):
        gather_csv(file, None, single_camera=False)


def test_a_csv_that_is_not_there_or_not_utf8(tmp_path):
    """A missing file and another encoding are errors that name the file."""
    with pytest.raises(DataError, match=r"absent\.csv cannot be read: No such file"):
        gather_csv(tmp_path / "absent.csv", None, single_camera=False)
    (tmp_path / "latin.csv").write_bytes("path,pid,camid\nä.png,1,1\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"latin.csv cannot be read: .*utf-8"):
        gather_csv(tmp_path / "latin.csv", None, single_camera=False)
