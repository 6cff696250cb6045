"""Each check of a plugin is seen to fail on a plugin that breaks its promise, and no other."""

from __future__ import annotations

import pytest

from harness.testing.catalogue import checks_of
from harness.testing.check import run_check
from harness.testing.subjects import find_subjects

METHOD = """
from harness import MethodConfig, MethodSpec, Recipe, hookimpl

@hookimpl
def register_methods(register):
    register(MethodSpec(
        key="stripes", title="Stripes", summary="Of nothing.", method_version=1,
        config=MethodConfig, recipes={}, method="nowhere:Nothing",
    ))
"""

PAPER = """
from harness import hookimpl

@hookimpl
def register_papers(register):
    register('''
key: stripes
name: Stripes
title: On stripes
authors: [A. Author]
venue: These tests
year: 2020
url: URL
tables:
  - key: "1"
    printed: Table 1
    title: Stripes
    document: DOCUMENT
    ap: null
    datasets:
      viper: {protocol: PROTOCOL, unknown: []}
    rows:
      - name: Stripes
        cells: {viper: {rank1: "12.3"}}
''')
"""

CITED = {"URL": "https://example.org/stripes", "DOCUMENT": "stripes.md", "PROTOCOL": "viper"}


def paper(**changed: str) -> str:
    """Return a plugin that brings a cited table, but for what is changed."""
    text = PAPER
    for word, value in {**CITED, **changed}.items():
        text = text.replace(word, value)
    return text


def failures(name: str) -> dict[str, str]:
    """Run the checks of a plugin, and return what was seen by the name of those that fail."""
    subject = find_subjects(name)[0]
    assert subject.kind == "plugin"
    results = [run_check(check, subject, {}) for check in checks_of("plugin")]
    return {result.check.name: result.seen for result in results if result.status == "failed"}


@pytest.mark.parametrize(
    ("text", "check", "seen"),
    [
        ("import nothing_of_that_name", "loads", "No module named 'nothing_of_that_name'"),
        (METHOD.replace("register_methods", "register_method"), "loads", "unknown hook"),
        ("import torch\n" + METHOD, "no-torch-at-import", "importing reid_stripes imports torch"),
        (paper(URL="''' + ''' "), "loads", "'url' is None"),
        (paper(URL="stripes.pdf"), "published-tables", "has the url 'stripes.pdf'"),
        (paper(DOCUMENT="' '"), "published-tables", "which table of which document"),
        (paper(PROTOCOL="nothing"), "published-tables", "assumes the protocol 'nothing' on viper"),
        (paper().replace("key: stripes", "key: rain"), "loads", "there already"),
        (paper().replace("venue: These tests\n", ""), "loads", "its paper, line 2"),
    ],
)
def test_fault_fails_its_check_alone(install, text, check, seen):
    """A plugin with one fault fails the check of it and no other, which says what it saw."""
    install("stripes", text)
    found = failures("stripes")

    assert list(found) == [check]
    assert seen in found[check]


@pytest.mark.parametrize("entry", [None, "stripes"], ids=["one key", "one name"])
def test_two_plugins_of_one_key_or_name_are_told_by_both_distributions(install, entry):
    """Where two plugins claim one key, or one name, the check names both distributions."""
    install("stripes", METHOD)
    install("copied", METHOD, entry=entry)
    found = failures("stripes")

    assert list(found) == ["unique-keys"]
    assert "reid-stripes 0.1" in found["unique-keys"]
    assert "reid-copied 0.1" in found["unique-keys"]


def test_plugin_whose_tables_cite_fails_nothing(install):
    """A plugin that brings a cited table keeps every promise."""
    install("stripes", paper())

    assert failures("stripes") == {}
