"""The gate in a user's own tests: `reid_gate`, its marker, and `--reid-accept`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.gate.accept import AcceptRequest, accept
from harness.gate.baseline import read_baseline
from harness.gate.bundles import store_of
from harness.gate.check import check_baseline
from harness.gate.in_tests import explain
from harness.loader import load_plugins
from harness.run.file_request import FileRequest
from tests.gate.verdicts import EVERY, FAILED, PASSED, verdict

pytest_plugins = ["pytester"]

PLUGINS = ("-p", "harness.gate.pytest_plugin", "-p", "no:cacheprovider")
TESTS = """
    import numpy as np, pytest

    def features(noise):
        random = np.random.RandomState(0)
        people = random.standard_normal((40, 8))
        query = people + noise * random.standard_normal((40, 8))
        ids = np.arange(1, 41)
        return {
            "query_features": query, "query_ids": ids, "query_cams": 0 * ids,
            "gallery_features": people, "gallery_ids": ids, "gallery_cams": 0 * ids + 1,
        }

    @pytest.mark.reid_baseline("mine"{marker})
    def test_gate(reid_gate):
        reid_gate.assert_no_regression({given})
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """Load here what a gate imports: modules that a run within a test loads are forgotten."""
    folder = tmp_path_factory.mktemp("loaded")
    write(folder / "x.npz")
    request = AcceptRequest(
        name="x", reason="r", folder=folder, features=(FileRequest(file=folder / "x.npz"),)
    )
    with store_of(name="x") as store:
        _, path = accept(request, store, load_plugins().metrics)
        assert check_baseline(path, store, load_plugins()).exit_code == 0


def write(path: Path) -> None:
    """Write features of five people, each seen twice."""
    ids = np.arange(1, 6)
    np.savez(
        path,
        query_features=np.eye(5),
        query_ids=ids,
        query_cams=0 * ids,
        gallery_features=np.eye(5),
        gallery_ids=ids,
        gallery_cams=0 * ids + 1,
    )


@pytest.fixture
def gated(loaded, pytester: pytest.Pytester, monkeypatch):
    """Return a function that runs a user's test of features with that much noise."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # a third of the time

    def run(*options: str, given: str = "features(0.4)", marker: str = "") -> pytest.RunResult:
        pytester.makepyfile(TESTS.replace("{given}", given).replace("{marker}", marker))
        return pytester.runpytest_inprocess(*PLUGINS, "-rs", *options)

    return run


def accepted(folder: Path) -> Path:
    return folder / "baselines" / "mine.jsonl"


def test_accept_then_pass(gated, pytester):
    """A baseline is accepted with a reason by a test that is skipped; the same features pass."""
    first = gated("--reid-accept", "first numbers")

    first.assert_outcomes(skipped=1)
    first.stdout.fnmatch_lines(["*accepted mine.jsonl and checked nothing; commit it"])
    assert read_baseline(accepted(pytester.path)).reason == "first numbers"
    assert [path.name for path in (pytester.path / "baselines").iterdir()] == ["mine.jsonl"]

    again = gated()
    again.assert_outcomes(passed=1)
    again.stdout.fnmatch_lines(
        ["*re-ID gate*", "no loss, held against the baseline mine: 3 passed*"]
    )


def test_worse_features_fail(gated):
    """Features that are much worse fail the test, with numbers, what was found, what to do."""
    gated("--reid-accept", "first numbers")
    result = gated(given="features(1.5)")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "a loss was found, held against the baseline mine: 2 failed of 2 checks",
            "  mine.npz, *: failed, * -> *, change -* [[]*[]], margin * (checkpoint)",
            "    It is worse by more than the margin*",
            "    Find what changed*",
        ]
    )
    result.stdout.no_fnmatch_line("*in_tests.py*")


def test_better_features_pass(gated):
    """Features that are better pass."""
    gated("--reid-accept", "first numbers", given="features(1.5)")

    gated().assert_outcomes(passed=1)


def test_undecided_passes_and_is_told(gated):
    """What the evidence does not decide passes, and is told below; strict, it fails."""
    gated("--reid-accept", "first numbers")
    odd = "features(0.4) | {'query_features': features(0.55)['query_features']}"

    passed = gated(given=odd)
    passed.assert_outcomes(passed=1)
    passed.stdout.fnmatch_lines(["*re-ID gate*", "undecided, held against*", "*neither certain*"])
    gated(given=odd, marker=", strict=True").assert_outcomes(failed=1)


def test_other_images_are_refused(gated):
    """Features of other people are not compared."""
    gated("--reid-accept", "first numbers")
    result = gated(given="features(0.4) | {'query_cams': np.full(40, 2)}")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["not comparable, held against*", "*The file is of other images*"])


def test_features_in_a_file(gated, pytester):
    """A path may stand in the place of the arrays, for accepting and for holding."""
    write(pytester.path / "mine.npz")

    gated("--reid-accept", "first numbers", given="'mine.npz'").assert_outcomes(skipped=1)
    gated(given="'mine.npz'").assert_outcomes(passed=1)
    result = gated(given="'other.npz'")
    result.assert_outcomes(failed=1)


def test_moves_with_its_history(gated, pytester):
    """Accepting again keeps why and with which numbers it was accepted before."""
    gated("--reid-accept", "first numbers")
    gated("--reid-accept", "a better loss", given="features(0.1)")

    moved = read_baseline(accepted(pytester.path))
    assert moved.reason == "a better loss"
    assert [earlier.reason for earlier in moved.history] == ["first numbers"]


def test_without_baseline(gated):
    """A test whose baseline was never accepted fails, with the names that there are."""
    result = gated()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["There is no baseline in * called 'mine'."])


def test_a_baseline_of_no_name(gated):
    """A name that is none fails in a sentence, without a traceback."""
    result = gated(marker=".replace('mine', 'sub/m')")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["'sub/m' is no name for a baseline."])
    assert "Traceback" not in result.stdout.str()
    assert "During handling" not in result.stdout.str()


def test_features_in_no_file(gated):
    """A file of features that is not there is told as it was given."""
    accepting = gated("--reid-accept", "first numbers", given="'nosuch.npz'")
    gated("--reid-accept", "first numbers")
    checking = gated(given="'nosuch.npz'")

    for result in (accepting, checking):
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["There is no file of features nosuch.npz."])


def test_runs_of_the_store(gated, home):
    """Without features the store is what is accepted; an empty one has nothing."""
    result = gated("--reid-accept", "first numbers", given="")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["There is nothing to accept: the store has no rows."])


def test_marker_contradicts_the_baseline(gated):
    """A margin that is not the accepted one needs a reason, like all that moves a baseline."""
    gated("--reid-accept", "first numbers", marker=", margin=1.0").assert_outcomes(skipped=1)
    gated(marker=", margin=1.0").assert_outcomes(passed=1)
    result = gated(marker=", margin=5.0")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["The marker says margin=5.0, and the baseline mine was*1.0."])


@pytest.mark.parametrize(
    ("marker", "said"),
    [(", margn=1", "*cannot be read: *margn*"), (", 3", "*cannot be read: *positional*")],
)
def test_marker_with_other_arguments(gated, marker, said):
    """A marker that cannot be read is an error with the way to write it."""
    result = gated(marker=marker)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([said])


def test_without_marker(pytester):
    """A test that uses the gate must name its baseline."""
    pytester.makepyfile("def test_it(reid_gate): pass")
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*test_it uses `reid_gate` and does not name its baseline.*"])


def test_two_tests_of_one_baseline(gated, pytester):
    """Two tests cannot move one baseline: the second is told to have one of its own."""
    pytester.makepyfile(
        test_other=TESTS.replace("{given}", "features(0.2)").replace("{marker}", "")
    )
    result = gated("--reid-accept", "first numbers")

    result.assert_outcomes(skipped=1, failed=1)
    result.stdout.fnmatch_lines(["Two tests move the baseline mine."])


def test_features_and_runs_in_one_baseline(gated, pytester):
    """A baseline of other things than the test's features is refused."""
    gated("--reid-accept", "first numbers")
    accepted(pytester.path).rename(pytester.path / "baselines" / "other.jsonl")
    result = gated(marker=".replace('mine', 'other')")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["The test gives features, and the baseline mine is of mine.npz, *"]
    )


@pytest.mark.parametrize(
    ("reason", "ci", "said"),
    [
        ("  ", "", "*A baseline moves for a reason*"),
        ("why", "true", "*--reid-accept moves baselines, and CI is set*"),
    ],
)
def test_accept_is_refused(gated, pytester, monkeypatch, reason, ci, said):
    """No baseline moves without a reason, or in CI, where nobody reviews the file."""
    monkeypatch.setenv("CI", ci)
    result = gated("--reid-accept", reason)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([said])
    assert not accepted(pytester.path).exists()


def test_explains_the_worst_first():
    """A failing test is told what is not well, the worst first, and nothing of what passed."""
    text = explain(verdict(*EVERY))

    rows = [line.split(",")[0].strip() for line in text.splitlines() if " (" in line]
    assert rows == ["rain/viper", "baseline-hr/caviar", "osnet/viper", "baseline-hr/caviar"]
    assert PASSED.row not in text
    assert (
        "baseline-hr/caviar, rank1: failed, 44.10 -> 42.90, change -1.20 [-2.00, -0.60], "
        "margin 0.50 (checkpoint)" in explain(verdict(FAILED))
    )


def test_plugin_is_cheap():
    """Everyone's pytest imports the plugin: neither NumPy nor torch comes with it."""
    code = (
        "import sys, harness.gate.pytest_plugin\n"
        "print(sorted({'numpy', 'torch', 'scipy', 'sqlalchemy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
