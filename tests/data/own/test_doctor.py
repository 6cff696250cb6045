"""Each thing that is odd about a data set is found, with how many, and nothing else is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.data.own.doctor import diagnose
from harness.data.own.people import searchable
from harness.data.own.survey import Seen, Survey, survey
from tests.data.own.trees import draw, gathered, names, record, surveyed

PEOPLE = range(1, 6)
SOUND = tuple(record(pid, camid, n) for pid in PEOPLE for camid in (1, 2) for n in (1, 2))
LAYOUT = tuple(
    replace(r, subset="train" if r.pid < 3 else "query" if r.camid == 1 else "gallery")
    for r in SOUND
)


def found(*records, seen=None, single_camera=False):
    """Return level and words of each finding by its key."""
    findings = diagnose(gathered(*records), seen or surveyed(*records), single_camera=single_camera)
    assert all(finding.change for finding in findings)
    return {finding.key: (finding.level, finding.what, finding.examples) for finding in findings}


@pytest.mark.parametrize("records", [SOUND, LAYOUT], ids=["random halves", "subsets"])
def test_nothing_is_said_of_what_is_sound(records):
    """Where all is well there is no finding."""
    assert found(*records) == {}


def test_one_camera_is_an_error_until_it_is_known():
    """Nobody can be found by another camera; who knows that is told what the numbers are not."""
    alone = [r for r in SOUND if r.camid == 1]
    assert list(found(*alone)) == ["one-camera"]
    assert found(*alone)["one-camera"][0] == "error"
    known = found(*alone, single_camera=True)
    assert known["one-camera"][0] == "warning"
    (finding,) = diagnose(gathered(*alone), surveyed(*alone), single_camera=False)
    assert "`--single-camera`" in finding.change
    assert "no-camera" in finding.change


def test_identities_without_a_match_by_another_camera_are_counted():
    """Who was seen by one camera only is named; who has one image is, too."""
    records = (*SOUND, record(7, 1), record(8, 2, 1), record(8, 2, 2))
    report = found(*records)
    assert report["no-cross-camera-match"] == (
        "warning",
        "2 identities of 7 have no match by another camera.",
        ("7", "8"),
    )
    assert report["one-image-only"] == ("warning", "1 identity has one image only.", ("7",))
    assert set(report) == {"no-cross-camera-match", "one-image-only"}


def test_in_a_layout_only_queries_need_a_match():
    """A gallery image by the query's camera is no match; a training identity needs none."""
    trained_by_one = [r for r in LAYOUT if r.pid != 1 or r.camid == 1]
    assert found(*trained_by_one) == {}
    lost = [replace(r, camid=1) if r.pid == 5 else r for r in LAYOUT]
    assert found(*lost)["no-cross-camera-match"] == (
        "warning",
        "1 identity of 3 has no match by another camera.",
        ("5",),
    )


def test_identities_on_both_sides_of_a_layout():
    """Who trains and is tested is an error that names them."""
    both = [replace(r, subset="train") if r.pid == 4 and r.camid == 2 else r for r in LAYOUT]
    level, what, examples = found(*both)["identities-on-both-sides"]
    assert (level, examples) == ("error", ("4",))
    assert "1 identity is both in training and in the test" in what


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([r for r in LAYOUT if r.subset != "train"], "no image in train."),
        ([r for r in LAYOUT if r.subset == "train"], "no image in gallery."),
        ([replace(LAYOUT[0], subset=None), *LAYOUT[1:]], "1 image is in no subset"),
    ],
)
def test_a_layout_that_lacks_something(records, words):
    """A layout has training and gallery images, and forgets none."""
    level, what, _examples = found(*records)["incomplete-subsets"]
    assert level == "error"
    assert words in what


def test_too_few_identities_to_split():
    """Two train and two test at least."""
    level, what, _examples = found(*[r for r in SOUND if r.pid < 4])["too-few-identities"]
    assert level == "error"
    assert what.startswith("3 identities can be queried and found again by another camera; 4 are")


def test_the_same_picture_of_two_people_is_worse_than_of_one():
    """Equal bytes under two identities are an error, under one a warning, and both are named."""
    seen = dict(surveyed(*SOUND).seen)
    seen["1_1_2"] = seen["1_1_1"]
    seen["3_1_1"] = seen["2_2_1"]
    report = found(*SOUND, seen=Survey(seen, {}))
    assert report["same-image-of-two-identities"] == (
        "error",
        "1 picture is there under two identities: at most one of them is right.",
        ("2_2_1 (identity 2, camera 2) = 3_1_1 (identity 3, camera 1)",),
    )
    assert report["duplicate-files"][0] == "warning"
    assert report["duplicate-files"][2] == (
        "1_1_1 (identity 1, camera 1) = 1_1_2 (identity 1, camera 1)",
    )


def test_tiny_images_and_unlike_cameras():
    """What is too small to show a person is named; so are cameras of unlike resolution."""
    seen = dict(surveyed(*SOUND).seen)
    seen["1_1_1"] = Seen("x", 31, 32)
    assert found(*SOUND, seen=Survey(seen, {}))["tiny-images"][2] == ("1_1_1 (31 x 32)",)

    unlike = {r.path: Seen(r.path, 96 if r.camid == 1 else 64, 32) for r in SOUND}
    report = found(*SOUND, seen=Survey(unlike, {}))
    assert report["unlike-resolutions"][0] == "note"
    assert report["unlike-resolutions"][2] == ("camera 2: 64 pixels", "camera 1: 96 pixels")
    marked = [replace(r, r=None) if r.camid == 2 else r for r in SOUND]
    assert found(*marked, seen=Survey(unlike, {})) == {}


def test_of_many_unlike_cameras_the_ends_are_shown():
    """With many cameras the lowest and the highest are shown, and all low ones are named."""
    records = [record(pid, camid) for pid in range(1, 6) for camid in range(1, 9)]
    seen = {r.path: Seen(r.path, 40 + 10 * r.camid, 32) for r in records}
    (finding,) = diagnose(gathered(*records), Survey(seen, {}), single_camera=False)
    assert [example.split(":")[0] for example in finding.examples] == [
        "camera 1",
        "camera 2",
        "camera 3",
        "camera 7",
        "camera 8",
    ]
    assert "camera 1, 2, 3, 4 took" in finding.change  # 120 / 1.5 = 80 = 40 + 10 x 4


def test_files_that_are_no_image(tmp_path):
    """A missing, an empty and a cut file are errors with their reasons; the others are read."""
    draw(tmp_path, names([1], [1, 2, 3]))
    (tmp_path / "001_c2_1.png").write_bytes(b"")
    cut = tmp_path / "001_c3_1.png"
    cut.write_bytes(cut.read_bytes()[:200])
    opened: list[int] = []
    done = survey(tmp_path, [*names([1], [1, 2, 3]), "absent.png"], opened.append)

    assert sum(opened) == 4
    assert list(done.seen) == ["001_c1_1.png"]
    assert (done.seen["001_c1_1.png"].height, done.seen["001_c1_1.png"].width) == (64, 32)
    level, what, examples = found(*SOUND, seen=done)["unreadable"]
    assert (level, what) == ("error", "3 images cannot be read.")
    assert "the file is empty" in examples[0]
    assert "there is no such file" in examples[2]


def test_nobody_and_names_and_files_passed_over_are_told():
    """Distractors, junk, numbered names and files outside of the pattern are no surprise later."""
    records = (*SOUND, record(0, 1), record(-1, 1), record(-1, 2))
    report = found(*records)
    assert report["nobody"][1] == (
        "1 image of identity 0 as distractors and 2 images of identity -1 as junk are taken: "
        "nobody to search for."
    )
    named = replace(
        gathered(*SOUND),
        people={"anna": 1, "bob": 2},
        cameras={"door": 1},
        passed_over=("plan.png",),
        pattern=".*",
    )
    words = {f.key: f.what for f in diagnose(named, surveyed(*SOUND), single_camera=False)}
    assert words == {
        "not-matched": "The pattern passes over 1 image and takes 20.",
        "numbered": "Names are numbered: 2 identities from 1 to 2 and 1 camera (door is 1).",
    }


def test_errors_come_first():
    """What must be mended is read before what may be."""
    records = [record(pid, 1) for pid in range(0, 6)]
    levels = [
        f.level for f in diagnose(gathered(*records), surveyed(*records), single_camera=False)
    ]
    assert levels == sorted(levels, key=["error", "warning", "note"].index)
    assert {"error", "warning"} <= set(levels)


@pytest.mark.parametrize("single_camera", [False, True])
def test_searchable_agrees_with_trying_every_pair(single_camera):
    """An identity is searchable where some image has another one that may be its match."""
    records = [record(1, 1), record(1, 2), record(2, 1, 1), record(2, 1, 2), record(3, 1)]
    naive = set()
    for a in records:
        for b in records:
            if a.id != b.id and a.pid == b.pid and (single_camera or a.camid != b.camid):
                naive.add(a.pid)
    assert searchable(records, single_camera=single_camera) == sorted(naive)
