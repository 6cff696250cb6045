"""A data set that is added again keeps who is who: weights know identities by number."""

from __future__ import annotations

import pytest

from harness.data.listing import read_listing
from harness.data.own.shelf import CARD, LISTING, load_own, shelf
from harness.settings import Settings
from tests.data.own.trees import draw

PEOPLE = ("bob", "carl", "dora", "eve", "fay")


def folder():
    return shelf(Settings.from_environment()) / "mall"


def numbers():
    """Return the number of each person, by the file names of their images."""
    return {r.path.split("_")[0]: r.pid for r in read_listing(folder() / LISTING)}


@pytest.fixture
def add(harness, tmp_path):
    """Return a function that adds a data set of some people, by a CSV with a label for each."""

    def call(labels, *words):
        names = [(f"{who}_c{c}.png", pid, f"cam{c}") for who, pid in labels.items() for c in (1, 2)]
        draw(tmp_path / "images", [name for name, _, _ in names])
        lines = [",".join(map(str, cells)) for cells in names]
        (tmp_path / "mall.csv").write_text("\n".join(["path,pid,camid", *lines]))
        csv, root = str(tmp_path / "mall.csv"), str(tmp_path / "images")
        return harness("data", "add", "mall", "--csv", csv, "--root", root, *words)

    return call


def same(people):
    return {name: name for name in people}


def test_who_came_later_takes_no_number(add):
    """Names keep their numbers, also over a data set that they are missing from."""
    assert add(same(PEOPLE)).code == 0
    assert numbers() == {"bob": 1, "carl": 2, "dora": 3, "eve": 4, "fay": 5}
    assert add(same(("anna", *PEOPLE[:-1])), "--replace").code == 0
    assert numbers() == {"anna": 6, "bob": 1, "carl": 2, "dora": 3, "eve": 4}
    assert add(same(("gil", *PEOPLE)), "--replace").code == 0
    assert numbers() == {"gil": 7, "bob": 1, "carl": 2, "dora": 3, "eve": 4, "fay": 5}

    card = load_own("mall", Settings.from_environment()).card
    assert card.identity_names == numbers() | {"anna": 6}
    assert card.camera_names == {"cam1": 1, "cam2": 2}


def test_numbers_that_moved_are_refused(add):
    """An image whose number is another one now would be another person to weights that saw it."""
    assert add({name: pid for pid, name in enumerate(PEOPLE, 1)}).code == 0
    before = numbers()
    told = add({name: pid for pid, name in enumerate(("anna", *PEOPLE), 1)}, "--replace")

    assert told.code == 6
    assert "10 images have another identity than before" in told.err
    assert "bob_c1.png (identity 1, now 2)" in told.out
    assert numbers() == before
    came = {name: pid for pid, name in enumerate((*PEOPLE, "anna"), 1)}
    assert add(came, "--replace").code == 0
    assert numbers() == came


def test_names_among_numbers_are_refused(add):
    """One name among identities that were numbers would number all anew."""
    assert add({name: pid for pid, name in enumerate(PEOPLE, 1)}).code == 0
    told = add(
        {name: name if name == "bob" else n for n, name in enumerate(PEOPLE, 1)}, "--replace"
    )

    assert told.code == 6
    assert "'bob' is no number from -1" in told.err


def test_a_label_may_be_mended_but_nobody_renamed(add, tmp_path):
    """An image may go to another person who is known; a person under a new name is refused."""
    assert add(same(PEOPLE)).code == 0
    mended = same(PEOPLE) | {"fay": "bob"}
    renamed = same(PEOPLE) | {"fay": "fay-marie"}
    told = add(renamed, "--replace")
    assert told.code == 6
    assert "fay_c1.png (identity 5, now 6)" in told.out
    assert add(mended, "--replace").code == 6

    draw(tmp_path / "images", ["fay-2_c1.png", "fay-2_c2.png"])
    assert add(mended | {"fay-2": "fay"}, "--replace").code == 0
    assert numbers()["fay"] == 1


@pytest.mark.parametrize("file", [CARD, LISTING])
def test_without_what_was_nothing_is_replaced(add, file):
    """Where the card or the list of before is lost, it is not guessed who had which number."""
    assert add(same(PEOPLE)).code == 0
    (folder() / file).unlink()
    told = add(same(PEOPLE), "--replace")

    assert told.code != 0
    assert f"{file} cannot be read" in told.err
