"""The doors of the kit: in a test, as an option of pytest, and as a command."""

from __future__ import annotations

import subprocess
import sys

import pytest

import harness.testing
from harness.errors import UnknownName, UsageError
from harness.testing import CHECKS, CheckFailure, checks_of, parametrize_with_checks
from harness.testing.parametrize import bind_checks

NAMES = [check.name for check in CHECKS]


def test_public_names():
    """What the package shows is its sorted list of public names."""
    assert harness.testing.__all__ == sorted(harness.testing.__all__)
    assert all(hasattr(harness.testing, name) for name in harness.testing.__all__)


def test_checks_have_names_promises_and_mending():
    """Every check has a name of its own, a promise and a way to mend it, in whole sentences."""
    assert len(set(NAMES)) == len(NAMES)
    for check in CHECKS:
        assert check.name == check.name.lower().replace("_", "-")
        assert check.promise.endswith(".")
        assert check.mend.endswith(".")


def test_plugin_is_checked_with_all_that_it_brings():
    """A plugin's name stands for the plugin and everything that it registers."""
    bound = bind_checks("baselines")
    subjects = {(one.subject.kind, one.subject.key) for one in bound}

    assert subjects == {
        ("plugin", "baselines"),
        ("method", "baseline-hr"),
        ("method", "baseline-hr-lr"),
        ("method", "initial-weights"),
    }
    assert len(bound) == len(checks_of("plugin")) + 3 * len(checks_of("method"))


def test_each_subject_comes_once_under_its_key_and_check():
    """Two keys of one plugin share its checks, and ids are `key/check`."""
    ids = [one.id for one in bind_checks("baseline-hr", "baseline-hr-lr", "cmc_single")]

    assert len(set(ids)) == len(ids)
    assert ids[:1] == ["baselines/unique-keys"]
    assert {"baseline-hr/batch-size", "baseline-hr-lr/batch-size"} < set(ids)
    assert "cmc_single@1/metric-range" in ids


def test_skipping_needs_a_check_and_a_reason():
    """A check is skipped by its name and with a reason, which pytest shows."""
    with pytest.raises(UnknownName, match="There is no check called 'batch-sise'"):
        parametrize_with_checks("baseline-hr", skip={"batch-sise": "it is large"})
    with pytest.raises(UsageError, match="'batch-size' is skipped without a reason"):
        parametrize_with_checks("baseline-hr", skip={"batch-size": " "})
    skipped = bind_checks("baseline-hr", skip={"batch-size": "it is large"})
    (bound,) = (one for one in skipped if one.id == "baseline-hr/batch-size")
    with pytest.raises(pytest.skip.Exception, match="it is large"):
        bound()


def test_unknown_name_is_refused_with_the_nearest():
    """A name that nothing has is refused, with the nearest that something has."""
    with pytest.raises(UnknownName, match="Did you mean 'baseline-hr'"):
        parametrize_with_checks("baseline-hx")


@pytest.mark.usefixtures("faulty")
def test_failure_says_what_was_promised_seen_and_how_to_mend():
    """A failing check names itself, its promise, what it saw and how to mend it."""
    (bound,) = (one for one in bind_checks("no-tiny") if one.id == "no-tiny/recipes")

    with pytest.raises(CheckFailure) as failed:
        bound()

    text = str(failed.value)
    assert "no-tiny fails the check `recipes`" in text
    assert f"promised: {bound.check.promise}" in text
    assert "seen:     it has smoke, quick, but no tiny" in text
    assert f"to mend:  {bound.check.mend}" in text


def run_pytest(*words: str) -> subprocess.CompletedProcess[str]:
    """Call pytest in a process of its own, in an empty folder."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words],
        capture_output=True,
        text=True,
        check=False,
    )


def test_option_of_pytest_checks_an_installed_plugin(tmp_path, monkeypatch):
    """`pytest --harness-plugin NAME` runs the checks of a plugin without any test file."""
    monkeypatch.chdir(tmp_path)
    done = run_pytest("--harness-plugin", "cmc_single", "-v", "-k", "not pure", "-rs")

    assert done.returncode == 0, done.stdout
    assert "reid-harness conformance: cmc_single" in done.stdout
    assert "conformance::cmc_single@1/metric-range PASSED" in done.stdout
    assert "it has no formula of the expectation over ties" in done.stdout
    assert "5 passed, 1 skipped, 1 deselected" in done.stdout


def test_option_of_pytest_shows_failures_without_the_kit_itself(install, tmp_path, monkeypatch):
    """A failing check is shown by its words, and what is not installed is refused."""
    install("broken", "import nothing_of_that_name")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"))
    monkeypatch.chdir(tmp_path)
    failed, refused = (run_pytest("--harness-plugin", name) for name in ("broken", "nothing"))

    assert failed.returncode == 1
    assert "broken fails the check `loads`" in failed.stdout
    assert "harness/testing/check.py" not in failed.stdout
    assert refused.returncode != 0
    assert "There is no" in refused.stdout
    assert "'nothing'" in refused.stdout


def test_pytest_plugin_is_cheap():
    """Loading the plugin into somebody's pytest imports neither torch nor numpy."""
    code = (
        "import sys; import harness.testing.pytest_plugin, harness.testing\n"
        "print({'torch', 'numpy', 'scipy', 'sqlalchemy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"
