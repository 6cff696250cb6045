"""The plugin loader: isolated failures, refused duplicates, unknown hooks, provenance."""

from __future__ import annotations

import sys
import textwrap

import pytest

from harness.errors import PluginError, UnknownName
from harness.loader import load_plugins, resolve
from harness.specs import all_papers, all_protocols

METHOD = """
from harness import MethodConfig, MethodSpec, Recipe, hookimpl

@hookimpl
def register_methods(register):
    recipe = Recipe(name="smoke", summary="", trials=1)
    register(MethodSpec(key="{key}", title="{key}", summary="", method_version=1,
                        config=MethodConfig, recipes={{"smoke": recipe}}, method="nowhere:Thing"))
"""

PAPER = """
key: stripes
name: Stripes
title: On stripes
authors: [A. Author]
venue: These tests
year: 2020
url: https://example.org/stripes
tables:
  - key: "1"
    printed: Table 1
    title: Stripes
    document: stripes.md
    ap: null
    datasets:
      viper: {protocol: viper, unknown: []}
    rows:
      - name: Stripes
        cells: {viper: {rank1: "12.3"}}
"""

PROTOCOL = """
key: stripes
dataset: stripes
title: one camera against the other
source: made up
query: {cameras: [1]}
gallery: {cameras: [2]}
junk: same-camera
degradation: null
headline: cmc_single@1
splits:
  - {train: [1], test: [2]}
"""

TEXTS = {"paper": PAPER, "protocol": PROTOCOL}


def texts(papers: list[str], protocols: list[str]) -> str:
    """Return the code of a plugin that brings these papers and protocols."""
    return (
        "from harness import hookimpl\n"
        "@hookimpl\n"
        f"def register_papers(register):\n    for text in {papers!r}: register(text)\n"
        "@hookimpl\n"
        f"def register_protocols(register):\n    for text in {protocols!r}: register(text)\n"
    )


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that installs a distribution with one plugin on the path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made: list[str] = []

    def add(distribution: str, entry: str, code: str, version: str = "1.0") -> None:
        module = distribution.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(code))
        info = tmp_path / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        )
        (info / "entry_points.txt").write_text(f"[reid_harness.plugins]\n{entry} = {module}\n")
        made.append(module)

    yield add
    for module in made:
        sys.modules.pop(module, None)


def test_first_party_plugins():
    """The plugins that ship register their methods, data sets and the built-in metrics."""
    registry = load_plugins()

    assert {"baseline-hr", "baseline-hr-lr", "initial-weights"} <= set(registry.methods)
    assert {"caviar", "viper", "synthped"} <= set(registry.datasets)
    assert {"cmc_single@1", "map_trapezoid@1"} <= set(registry.metrics)
    assert registry.problems == []
    assert registry.origin("method", "baseline-hr").distribution == "reid-harness"


def test_third_party_plugin_is_found(install):
    """A plugin that is installed is found, with where it comes from."""
    install("reid-other", "other", METHOD.format(key="other"), version="2.5")
    registry = load_plugins()

    assert registry.method("other").key == "other"
    assert str(registry.origin("method", "other")) == "other (reid-other 2.5)"


def test_texts_of_a_plugin_are_collected(install):
    """What a plugin registers as text, protocols and papers, is kept as it is, with its origin."""
    install("reid-texts", "texts", texts(papers=[PAPER], protocols=[PROTOCOL]))
    registry = load_plugins()

    assert (registry.protocols, registry.papers) == ([PROTOCOL], [PAPER])
    assert registry.origin("paper", "stripes").distribution == "reid-texts"
    assert registry.origin("protocol", "stripes").distribution == "reid-texts"


@pytest.mark.parametrize(
    ("paper", "protocol", "said"),
    [
        (PAPER.replace("year: 2020\n", ""), PROTOCOL, "its paper, line 2: the key 'year' is mis"),
        (
            PAPER,
            PROTOCOL.replace("junk: same-camera\n", ""),
            "its protocol, line 2: the key 'junk'",
        ),
        (
            PAPER,
            PROTOCOL.replace("splits:\n  - {train: [1], test: [2]}", "splits_of: gone"),
            "gone",
        ),
        (PAPER.replace("key: stripes", "key: rain"), PROTOCOL, "paper 'rain', which is there"),
        (PAPER, PROTOCOL.replace("key: stripes", "key: viper"), "protocol 'viper', which is there"),
    ],
    ids=["paper", "protocol", "splits of none", "paper that ships", "protocol that ships"],
)
def test_wrong_text_of_a_plugin_is_a_problem_of_its_own(install, paper, protocol, said):
    """A paper or protocol that is wrong is its plugin's problem; it stops no other."""
    install("reid-texts", "texts", texts(papers=[paper], protocols=[protocol]))
    registry = load_plugins()

    assert [problem.origin.distribution for problem in registry.problems] == ["reid-texts"]
    assert said in registry.problems[0].reason
    assert (registry.papers, registry.protocols) == ([], [])
    assert {"rain", "intact"} <= set(all_papers(registry.papers))


def test_protocol_takes_the_splits_of_another_plugin(install):
    """A protocol may take the identities of one that a plugin before it brings."""
    other = PROTOCOL.replace("key: stripes", "key: striped").partition("splits:")[0]
    install("reid-a", "a", texts(papers=[], protocols=[PROTOCOL]))
    install("reid-b", "b", texts(papers=[], protocols=[f"{other}splits_of: stripes\n"]))
    registry = load_plugins()

    assert registry.problems == []
    assert all_protocols(registry.protocols)["striped"].splits[0].train == (1,)


@pytest.mark.parametrize("kind", ["paper", "protocol"])
def test_two_plugins_with_one_paper_or_protocol(install, kind):
    """Two plugins that bring one paper or protocol are refused, and both are named."""
    brought = texts(**{"papers": [], "protocols": [], f"{kind}s": [TEXTS[kind]]})
    install("reid-a", "a", brought)
    install("reid-b", "b", brought)
    with pytest.raises(PluginError, match=rf"the {kind} 'stripes': a \(reid-a.*b \(reid-b"):
        load_plugins()


def test_doctor_names_the_plugin_of_a_wrong_paper(harness, install):
    """The doctor calls a plugin broken whose paper does not parse; other commands go on."""
    install("reid-texts", "texts", texts(papers=["key: null"], protocols=[]))
    doctor = harness("plugins", "doctor")

    assert doctor.code == 3
    assert "texts (reid-texts 1.0)" in doctor.out
    assert harness("papers", "list").code == 0


def test_broken_plugin_does_not_stop_the_others(install):
    """A plugin that raises on import is a problem of its own; the others load."""
    install("reid-broken", "broken", "raise RuntimeError('no CUDA')")
    install("reid-other", "other", METHOD.format(key="other"))
    registry = load_plugins()

    assert "other" in registry.methods
    assert [str(p.origin) for p in registry.problems] == ["broken (reid-broken 1.0)"]
    assert registry.problems[0].reason == "RuntimeError: no CUDA"


def test_broken_plugin_is_fatal_for_who_asks(install):
    """Asking for a plugin that failed to import says why, and what to do."""
    install("reid-broken", "broken", "raise RuntimeError('no CUDA')")
    with pytest.raises(PluginError, match=r"broken \(reid-broken 1\.0\).*no CUDA.*plugins doctor"):
        load_plugins().method("broken")


def test_unknown_key_beside_a_broken_plugin_names_it(install):
    """A key that nobody has may be the broken plugin's: it is named, with the nearest key."""
    install("reid-broken", "broken", "raise RuntimeError('no CUDA')")
    with pytest.raises(PluginError, match=r"'intcat'.*broken \(reid-broken 1\.0\).*doctor"):
        load_plugins().method("intcat")


def test_two_distributions_with_one_name(install):
    """Two plugins of one name are refused, and both distributions are named."""
    install("reid-a", "same", METHOD.format(key="a"))
    install("reid-b", "same", METHOD.format(key="b"))
    with pytest.raises(PluginError, match=r"claim the plugin 'same'.*reid-[ab] .*reid-[ab] "):
        load_plugins()


def test_two_plugins_with_one_key(install):
    """Two plugins that register one key are refused, and both distributions are named."""
    install("reid-a", "a", METHOD.format(key="same"))
    install("reid-b", "b", METHOD.format(key="same"))
    with pytest.raises(
        PluginError, match=r"claim the method 'same': a \(reid-a 1\.0\) and b \(reid-b 1\.0\)"
    ):
        load_plugins()


def test_misspelt_hook_is_a_problem(install):
    """A hook that the harness does not know is a problem, not silence."""
    install(
        "reid-typo",
        "typo",
        "from harness import hookimpl\n\n@hookimpl\ndef register_metods(register):\n    pass\n",
    )

    assert "register_metods" in load_plugins().problems[0].reason


def test_unknown_name_offers_the_nearest():
    """An unknown method or data set is answered with the nearest name."""
    registry = load_plugins()
    with pytest.raises(UnknownName, match="Did you mean 'baseline-hr'"):
        registry.method("baselin-hr")
    with pytest.raises(UnknownName, match="Did you mean 'caviar'"):
        registry.dataset("caviarr")


def test_lazy_address_that_leads_nowhere():
    """A lazy address that cannot be imported names who needed it."""
    with pytest.raises(PluginError, match=r"method 'x' cannot be imported from nowhere:Thing"):
        resolve("nowhere:Thing", needed_by="method 'x'")
