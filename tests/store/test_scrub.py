"""What leaves a machine in a bundle."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.store.scrub import scrub, scrub_command

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("/~:.a @=C\\hom'\n,-"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
)


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ("/data/sets/caviar", "caviar"),
        ("--out=/tmp/x.json", "--out=x.json"),
        ("~/sets/caviar/", "caviar"),
        ("/usr/bin:/home/ann/bin", "bin:bin"),
        ("No such file: '/home/ann/a b.png'", "No such file: 'a b.png'"),
        ("in /home/ann", "in ~"),
        ("/Users/ann/", "~"),
        ("C:\\Users\\ann\\caviar", "caviar"),
        ("D:/sets/caviar", "caviar"),
        ("sqlite:////home/ann/h.sqlite", "sqlite:///h.sqlite"),
        ("postgresql://ann:secret@db/harness", "postgresql://db/harness"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("https://example.org:80/a", "https://example.org:80/a"),
        ("sets/caviar/1.jpg", "sets/caviar/1.jpg"),
        ("../sets", "../sets"),
        ("query/gallery at 1/2", "query/gallery at 1/2"),
        ("3 / 10", "3 / 10"),
        ("", ""),
    ],
)
def test_text(given_, expected):
    """Of an absolute path the last name stays; all else stays whole."""
    assert scrub(given_) == expected


def test_own_home(monkeypatch):
    """The user's home is hidden wherever it lies, also where its name has a space."""
    monkeypatch.setenv("HOME", "/srv/people/Ann Lee")

    assert scrub("/srv/people/Ann Lee") == "~"
    assert scrub("--data=/srv/people/Ann Lee/caviar") == "--data=caviar"
    assert scrub("/srv/people/Ann Leeward") != "~ward"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("models:/home/3", "models:/home/3"),
        ("teacher=models:/a-b.c@best, x", "teacher=models:/a-b.c@best, x"),
        ("Start from models:/a/3.", "Start from models:/a/3."),
        ("models:/home/ann/x.pth", "models:x.pth"),
        ("models:/srv", "models:srv"),
        ("mymodels:/srv/3", "mymodels:3"),
    ],
)
def test_registered_model(text, expected):
    """The address of a registered model stays whole; what is none is a path."""
    assert scrub(text) == expected
    assert scrub(expected) == expected


def test_home_is_the_root(monkeypatch):
    """A home at the root does not turn slashes into tildes."""
    monkeypatch.setenv("HOME", "/")

    assert scrub("a/b /c") == "a/b c"


def test_inside_json():
    """Every string is scrubbed, however deep; keys and numbers stay."""
    assert scrub({"/a/b": ["/c/d", 1, None, {"x": "/e/f"}]}) == {"/a/b": ["d", 1, None, {"x": "f"}]}


@settings(deadline=None, max_examples=50)
@given(JSON)
def test_idempotent(value):
    """To scrub twice is to scrub once; imports compare on that ground."""
    assert scrub(scrub(value)) == scrub(value)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text("abc.-_", min_size=1), min_size=2))
def test_no_folder_survives(names):
    """No absolute path of more than one name survives."""
    assert "/" not in scrub("--data=/" + "/".join(names))


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("--weights=/srv/My Models/secret client/x.pth", "--weights=x.pth"),
        ("/srv/My Models/x.pth", "x.pth"),
        (r"C:\Users\Jane Doe\x.pth", "x.pth"),
        ("~/my data/x", "x"),
        ("relative dir/x.pth", "relative dir/x.pth"),
        ("lr=1e-4", "lr=1e-4"),
        ("--plugin", "--plugin"),
    ],
)
def test_words_of_a_command(word, expected):
    """A word of a command line that is a path, spaces and all, becomes the path's last name."""
    assert scrub_command(["harness", word]) == ["harness", expected]
    assert scrub_command([expected]) == [expected]
