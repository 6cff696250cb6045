"""`harness plugins check`: the table, the JSON, the exit code, and what is refused."""

from __future__ import annotations

import pytest

from harness.testing import CHECKS

CHECK = ("plugins", "check")


def test_sound_plugin_exits_with_zero(harness):
    """Of a metric that keeps its promises every check is ok or skipped with a reason."""
    outcome = harness(*CHECK, "cmc_single", "--json")
    report = outcome.json

    assert outcome.code == 0
    assert report["passed"]
    assert {row["status"] for row in report["checks"]} == {"ok", "skipped"}
    assert all(row["seen"] for row in report["checks"])


def test_broken_plugin_exits_with_three(harness, install):
    """A failing check is told with promise, sight and mending, and ends with exit code 3."""
    install("stripes", "import nothing_of_that_name")
    outcome = harness(*CHECK, "stripes")
    text = " ".join(outcome.out.split())

    assert outcome.code == 3
    assert "stripes fails the check loads" in text
    assert "promised: Its entry point leads to a module" in text
    assert "seen: reid_stripes: ModuleNotFoundError" in text
    assert "to mend: Correct the entry point" in text
    assert "1 failed" in text


def test_key_of_a_plugin_that_does_not_load_is_refused_with_its_name(harness, install):
    """A key that nothing has may be of a plugin that does not load, which is named."""
    install("stripes", "import nothing_of_that_name")
    outcome = harness(*CHECK, "striped-method")
    text = " ".join(outcome.err.split())

    assert outcome.code == 3
    assert "called 'striped-method' among the plugins that load; stripes (reid-stripes" in text
    assert "Run `harness plugins check stripes` first" in text


def test_skipped_with_a_reason_it_does_not_fail(harness, install):
    """A check that is skipped with a reason is shown with it, and fails nothing."""
    install("stripes", "import nothing_of_that_name")
    skip = ("--skip", "loads=on another machine it does")
    outcome = harness(*CHECK, "stripes", "--only", "loads", *skip, "--json")
    (row,) = outcome.json["checks"]

    assert outcome.code == 0
    assert row["status"] == "skipped"
    assert row["seen"] == "on another machine it does"


def test_skipping_what_blocks_the_rest_is_no_pass(harness, install):
    """A reason given for one check is none for those that it keeps from looking."""
    install("stripes", "import nothing_of_that_name")
    outcome = harness(*CHECK, "stripes", "--skip", "loads=on another machine it does", "--json")

    assert outcome.code == 3
    assert {row["status"] for row in outcome.json["checks"]} == {"ok", "skipped", "blocked"}


@pytest.mark.usefixtures("faulty", "synthped")
def test_what_could_not_be_looked_at_is_no_pass(harness):
    """A check that something else is in the way of is blocked, and ends with exit code 3."""
    only = ("--only", "gradients", "--only", "batch-size")
    outcome = harness(*CHECK, "cannotbebuilt", *only, "--json")

    assert outcome.code == 3
    assert not outcome.json["passed"]
    assert {row["status"] for row in outcome.json["checks"]} == {"blocked"}
    assert {row["seen"] for row in outcome.json["checks"]} == {"it cannot be built: see `builds`"}


def test_only_runs_what_is_named(harness):
    """`--only` leaves every other check out."""
    outcome = harness(*CHECK, "cmc_single", "--only", "metric-card", "--json")

    assert [row["check"] for row in outcome.json["checks"]] == ["metric-card"]


def test_list_shows_every_promise(harness):
    """`--list` shows all checks, or those of a plugin, and runs none."""
    everything = harness(*CHECK, "--list", "--json").json
    of_intact = harness(*CHECK, "intact", "--list", "--json").json

    assert [row["check"] for row in everything] == [check.name for check in CHECKS]
    assert {row["kind"] for row in of_intact} == {"plugin", "method"}
    assert "no-torch-at-import" in harness(*CHECK, "--list").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "There is no plugin named to check. Give one of"),
        (("baseline-hx",), "called 'baseline-hx'. Did you mean 'baseline-hr'"),
        (("cmc_single", "--only", "metric-cart"), "no check called 'metric-cart'"),
        (("cmc_single", "--only", "batch-size"), "None of batch-size is a check of 'cmc_single'"),
        (("cmc_single", "--skip", "metric-card"), "'metric-card' is skipped without a reason"),
        (("cmc_single", "--skip", "metric-cart=old"), "no check called 'metric-cart'"),
    ],
)
def test_bad_input_gets_a_sentence_and_exit_code_two(harness, words, said):
    """What cannot be done is refused in a sentence, with what to do next."""
    outcome = harness(*CHECK, *words)

    assert outcome.code == 2
    assert said in " ".join(outcome.err.split())
