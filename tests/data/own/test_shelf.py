"""Data sets of the user's own are files on a shelf: all of them or none, and never an image."""

from __future__ import annotations

import re
import shutil

import pytest

from harness.data import catalogue
from harness.data.own.registration import OwnRequest, examine, gather, register
from harness.data.own.shelf import check_name, list_own, load_own, remove, shelf
from harness.errors import DataError, PluginError, UsageError
from harness.loader import load_plugins
from harness.settings import Settings
from harness.specs import all_protocols
from tests.data.own.trees import PATTERN, draw, names

LOW = """\
key: mall-lr
dataset: mall
title: queries of low resolution
source: Ours.
query: {cameras: [1]}
gallery: {cameras: [2]}
junk: same-camera
degradation: {side: query, rates: [2, 3], seed: 0, down: bicubic, up: bilinear, domain: native}
headline: cmc_single@1
splits_of: mall
"""


@pytest.fixture
def mall(tmp_path):
    """Register a small data set, and return the folder of its images."""
    images = draw(tmp_path / "images", names(range(1, 7)))
    request = OwnRequest("mall", folder=images, pattern=PATTERN)
    register(examine(request, gather(request)), Settings.from_environment())
    return images


def folder():
    return shelf(Settings.from_environment()) / "mall"


def test_it_is_registered_as_one_of_a_plugin(mall):
    """Its spec, protocol and folder are found by what finds those of plugins."""
    registry = load_plugins()
    spec = registry.dataset("mall")
    root, records = catalogue.load(spec, Settings.from_environment())

    assert root == mall
    assert catalogue.count(records) == spec.card.expected
    assert all_protocols(registry.protocols)[spec.protocol].dataset == "mall"
    assert str(registry.origin("dataset", "mall")) == "mall (your own)"
    assert sorted(p.name for p in folder().iterdir()) == [
        "dataset.yaml",
        "protocol.yaml",
        "records.csv",
    ]


def test_a_further_protocol_takes_the_splits_of_the_first(mall):
    """A file that the user writes beside the proposed one is a protocol, too."""
    (folder() / "protocol-lr.yaml").write_text(LOW)
    registry = load_plugins()
    found = all_protocols(registry.protocols)

    assert registry.problems == []
    assert found["mall-lr"].splits == found["mall"].splits


def test_files_that_were_shared_need_only_their_folder(mall, home):
    """Who is given the files says where the images lie, and that is all."""
    (home / "datasets.json").unlink()
    settings, spec = Settings.from_environment(), load_plugins().dataset("mall")
    with pytest.raises(DataError, match="There is no copy of mall"):
        catalogue.locate(spec, settings)
    with pytest.raises(DataError, match=r"lacks 12 of the 12 images .*; the first is 001_c1_1.png"):
        catalogue.add(spec, home, settings)
    assert catalogue.add(spec, mall, settings) == spec.card.expected
    assert catalogue.locate(spec, settings) == mall


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        ("dataset.yaml", "title: [", "this is not YAML"),
        ("dataset.yaml", "title: mall\n", "line 1: the key 'summary' is missing"),
        ("protocol.yaml", LOW.split("splits_of")[0], "say who tests in one way"),
        ("protocol-lr.yaml", LOW.replace("mall-lr", "mall"), "takes the splits of itself"),
        (
            "protocol-lr.yaml",
            LOW.replace("dataset: mall", "dataset: hall"),
            "is the protocol 'mall-lr' of the data set 'hall'",
        ),
    ],
)
def test_a_broken_one_stops_nobody_else(mall, harness, file, text, reason):
    """A file that was edited into nonsense is told with its place, where it is asked for."""
    (folder() / file).write_text(text)
    (problem,) = load_plugins().problems
    asked = harness("data", "check", "mall")

    assert str(folder() / file) in problem.reason
    assert reason in problem.reason
    assert problem.advice == f"Correct the files in {folder()}, or `harness data remove mall`."
    assert asked.code == 3
    assert str(folder() / file) in asked.err
    assert "mall (your own) could not be loaded" in harness("data", "list").err
    assert harness("data", "check").code == 0


@pytest.mark.usefixtures("mall")
@pytest.mark.parametrize(("key", "other"), [("caviar", "hall"), ("hall", "hall"), ("zoo", "zoo")])
def test_a_protocol_of_another_is_not_taken(harness, key, other):
    """A file whose key is that of a protocol elsewhere is named, and stops nobody else."""
    neighbour = shutil.copytree(folder(), folder().with_name(other))
    text = (neighbour / "protocol.yaml").read_text()
    (neighbour / "protocol.yaml").write_text(text.replace('"mall"', f'"{other}"'))
    (folder() / "protocol-x.yaml").write_text(LOW.replace("key: mall-lr", f"key: {key}"))
    (problem,) = load_plugins().problems

    assert problem.origin.name == "mall"
    assert f"{folder() / 'protocol-x.yaml'} is the protocol {key!r}, which is" in problem.reason
    assert all_protocols(load_plugins().protocols)[key].dataset == key
    run = harness("run", "--plugin", "initial-weights", "--dataset", other, "--recipe", "absent")
    assert "There is no recipe" in run.err


def test_a_missing_file_is_named(mall):
    """Without one of its files a data set is told to be incomplete."""
    (folder() / "protocol.yaml").unlink()
    with pytest.raises(UsageError, match=r"protocol\.yaml cannot be read: No such file"):
        load_own("mall", Settings.from_environment())


def test_a_plugin_that_comes_later_does_not_hide_it(mall):
    """Where a plugin brings the same name, nothing is chosen in silence."""
    folder().rename(folder().with_name("caviar"))
    file = folder().with_name("caviar") / "protocol.yaml"
    file.write_text(re.sub('(key|dataset): "mall"', r"\1: caviar", file.read_text()))
    with pytest.raises(PluginError, match="is called like one of your own") as refused:
        load_plugins()
    assert "`harness data remove caviar`" in refused.value.next_step
    remove("caviar", Settings.from_environment())
    load_plugins()


@pytest.mark.parametrize(
    ("key", "replace", "reason"),
    [
        ("My Mall", False, "'My Mall' cannot be the name of a data set"),
        ("", False, "'' cannot be the name"),
        ("../up", True, "cannot be the name"),
        ("viper", True, "'viper' is taken by the data set of a plugin"),
        ("mall", False, "There is a data set 'mall' of your own"),
    ],
)
def test_names_that_cannot_be_given(mall, key, replace, reason):
    """A name is a plain word, and is nobody else's."""
    taken = {"viper": "the data set of a plugin", "mall": "yours"}
    with pytest.raises(UsageError, match=re.escape(reason)):
        check_name(key, taken, Settings.from_environment(), replace=replace)


def test_replaced_is_what_the_harness_wrote(harness, mall):
    """The list, the counts and the proposed protocol are new; what the user wrote stays."""
    settings, card = Settings.from_environment(), folder() / "dataset.yaml"
    (folder() / "protocol-lr.yaml").write_text(LOW)
    (folder() / "consent.txt").write_text("All of them agreed.")
    own_words = card.read_text().replace("licence: Not stated.", "licence: CC BY 4.0")
    card.write_text(own_words.replace("title: mall", "# Of the north door.\ntitle: The mall"))
    draw(mall, names([7]))
    words = ("--folder", str(mall), "--pattern", PATTERN, "--splits", "2", "--replace")
    added = harness("data", "add", "mall", *words)

    assert added.code == 0, added.err
    own = load_own("mall", settings)
    assert [len(protocol.splits) for protocol in own.protocols] == [2, 2]
    assert (own.card.licence, own.card.title) == ("CC BY 4.0", "The mall")
    assert own.card.expected.images == 14
    assert card.read_text().startswith("# What this data set is")
    assert card.read_text().count("\n# Of the north door.\n") == 1
    assert (folder() / "consent.txt").read_text() == "All of them agreed."


def test_what_cannot_be_read_again_is_not_written(harness, mall, tmp_path):
    """Where a file of the user's does not fit the new ones, the old stay and nothing is left over.

    Here the further protocol takes the splits of one that a layout leaves without any.
    """
    (folder() / "protocol-lr.yaml").write_text(LOW)
    before = {file.name: file.read_text() for file in folder().iterdir()}
    layout = [f"train/{n}" for n in names([1, 2])] + [f"test/{n}" for n in names(range(3, 7))]
    draw(tmp_path / "layout", layout)
    for file in mall.glob("*.png"):
        part = "train" if int(file.name[:3]) < 3 else "test"
        shutil.copy(file, tmp_path / "layout" / part / file.name)
    pattern = rf"(?P<subset>train|test)/{PATTERN}"
    words = ("--folder", str(tmp_path / "layout"), "--pattern", pattern, "--replace")
    told = harness("data", "add", "mall", *words)

    assert told.code == 6
    assert f"mall is left as it was: {folder() / 'protocol-lr.yaml'}" in told.err
    assert {file.name: file.read_text() for file in folder().iterdir()} == before
    assert [path.name for path in folder().parent.iterdir()] == ["mall"]


def test_removed_as_a_whole(mall, home):
    """What is removed leaves the images."""
    settings = Settings.from_environment()
    remove("mall", settings)
    assert list_own(settings) == ()
    assert list(shelf(settings).iterdir()) == []
    assert len(list(mall.glob("*.png"))) == 12
    assert "mall" not in (home / "datasets.json").read_text()
    with pytest.raises(UsageError, match=r"no data set 'mall' of your own\. Your own are: none"):
        remove("mall", settings)


def test_it_keeps_the_promises_of_a_plugin(mall, harness):
    """The conformance kit reads a data set that is a list of files like any other."""
    done = harness("plugins", "check", "mall", "--json")
    statuses = {row["check"]: row["status"] for row in done.json["checks"]}

    assert done.code == 0
    assert set(statuses.values()) == {"ok"}
    assert {"reads", "queries-match"} <= set(statuses)
