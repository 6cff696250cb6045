"""What the fixture `reid_gate` gives: a baseline, and features or runs held against it.

Features are the arrays of a feature file by their names (`harness.evaluation.feature_file`), as
NumPy has them or anything that becomes an array, or the path of such a file. A baseline keeps the
ranks of features and not the features, so the file to commit stays small. Without features, what is
checked is what `harness check` would: the runs of the store, and the files that the baseline names.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from harness.errors import DataError, HarnessError, UsageError
from harness.gate.accept import DEFAULT_MARGIN, AcceptRequest, accept
from harness.gate.baseline import Baseline, find_file, path_of, read_baseline
from harness.gate.bundles import store_of
from harness.gate.check import check_baseline
from harness.gate.entries import FeatureEntry, RowEntry
from harness.gate.verdict import Check, Verdict
from harness.gate.wording import IN_WORDS, change, counted, headline, number, worst_first
from harness.loader import load_plugins
from harness.run.file_request import FileRequest
from harness.settings import Settings
from harness.store import Store

Features = Mapping[str, npt.ArrayLike] | str | os.PathLike[str]
"""The arrays of a feature file by name, or its path."""

_ACCEPTED: pytest.StashKey[set[str]] = pytest.StashKey()


@dataclass(frozen=True, slots=True)
class Marked:
    """What the marker `reid_baseline` says.

    Attributes:
        name: Of the baseline.
        folder: Where baselines are kept, from pytest's root.
        margin: The largest loss that passes, in points; None for that of the baseline.
        rule: Of ranking features; None for that of the baseline.
        distance: Of features; None for that of the baseline.
        strict: Whether what the evidence does not decide fails.
    """

    name: str
    _: KW_ONLY
    folder: str | os.PathLike[str] = "baselines"
    margin: float | None = None
    rule: str | None = None
    distance: str | None = None
    strict: bool = False


class ReidGate:
    """The baseline of a test, and what is held against it.

    Args:
        marked: What the test's marker says.
        request: Of the fixture.
        told: The name of the test's property that what was found is kept as.
    """

    def __init__(self, marked: Marked, request: pytest.FixtureRequest, told: str) -> None:
        self._marked = marked
        self._folder = request.config.rootpath / marked.folder
        self._reason: str | None = request.config.getoption("--reid-accept")
        self._accepted = request.config.stash.setdefault(_ACCEPTED, set())
        self._told, self._properties = told, request.node.user_properties

    def assert_no_regression(self, features: Features | None = None) -> Verdict:
        """Fail the test if there is a loss, or something cannot be compared.

        With `--reid-accept` the baseline moves instead, and the test is skipped.

        Args:
            features: To rank and hold against those of the baseline; None for the store's runs.

        Returns:
            What was found, where the test goes on.
        """
        __tracebackhide__ = True
        try:
            if self._reason is not None:
                path = self._accept(features, self._reason)
                pytest.skip(f"accepted {path.name} and checked nothing; commit it")
            verdict = self.check(features)
        except HarnessError as error:
            told = f"{error.what}\n{error.next_step}"
            raise pytest.fail.Exception(told, pytrace=False) from None
        if verdict.exit_code:
            pytest.fail(explain(verdict), pytrace=False)
        return verdict

    def check(self, features: Features | None = None) -> Verdict:
        """Return what there is to say, and fail nothing.

        Args:
            features: To rank and hold against those of the baseline; None for the store's runs.

        Raises:
            HarnessError: If there is no such baseline, the marker contradicts it, or features
                cannot be ranked.
        """
        path = find_file(self._marked.name, self._folder)
        accepted = read_baseline(path)
        _check_marked(self._marked, accepted)
        with self._beside(features) as (folder, file), _store(accepted.rows) as store:
            if file is not None:
                _check_file(file, accepted)
            held = folder / path.name
            verdict = check_baseline(held, store, load_plugins(), strict=self._marked.strict)
        self._properties.append((self._told, explain(verdict)))
        return verdict

    def _accept(self, features: Features | None, reason: str) -> Path:
        """Accept the baseline, and return its file.

        Raises:
            HarnessError: If it cannot be accepted, or another test has just accepted it.
        """
        marked = self._marked
        path = path_of(marked.name, self._folder)
        if marked.name in self._accepted:
            raise UsageError(
                f"Two tests move the baseline {marked.name}.", "Give each a baseline of its own."
            )
        with self._beside(features) as (folder, file), _store(file is None) as store:
            ranked = FileRequest(file=file or path, rule=marked.rule, distance=marked.distance)
            request = AcceptRequest(
                name=marked.name,
                reason=reason,
                folder=folder,
                features=() if file is None else (ranked,),
                margin=DEFAULT_MARGIN if marked.margin is None else marked.margin,
            )
            _, accepted = accept(request, store, load_plugins().metrics)
            if accepted != path:
                _put(accepted, path)
        self._accepted.add(marked.name)
        return path

    @contextmanager
    def _beside(self, features: Features | None) -> Iterator[tuple[Path, Path | None]]:
        """Give a folder with the baseline, where it exists, and the file of features beside it.

        Without features it is the folder of baselines itself; with features a temporary one.
        """
        if features is None:
            yield self._folder, None
            return
        with TemporaryDirectory(prefix="reid-harness-") as name:
            folder = Path(name)
            baseline = path_of(self._marked.name, self._folder)
            if baseline.is_file():
                shutil.copyfile(baseline, folder / baseline.name)
            yield folder, _write(features, folder / self._marked.name)


def gate_of(request: pytest.FixtureRequest, told: str) -> ReidGate:
    """Return the gate of a test.

    Args:
        request: Of the fixture.
        told: The name of the test's property that what was found is kept as.

    Raises:
        UsageError: If the test has no marker that names a baseline, or one with other arguments.
    """
    marker = request.node.get_closest_marker("reid_baseline")
    if marker is None:
        raise UsageError(
            f"{request.node.name} uses `reid_gate` and does not name its baseline.", _MARK_IT
        )
    try:
        marked = Marked(*marker.args, **marker.kwargs)
    except TypeError as error:
        raise UsageError(
            f"The marker `reid_baseline` of {request.node.name} cannot be read: {error}.", _MARK_IT
        ) from error
    return ReidGate(marked, request, told)


_MARK_IT = (
    'Write `@pytest.mark.reid_baseline("main")`; `pytest --markers` tells what else it takes.'
)


def explain(verdict: Verdict) -> str:
    """Return a verdict as a failing test prints it: what is not well, the worst first."""
    lines = [f"{headline(verdict)}: {counted(verdict.checks)}"]
    for check in worst_first(verdict.checks):
        if check.outcome != "pass":
            lines += [f"  {_numbers(check)}", f"    {check.what}", f"    {check.next_step}"]
    return "\n".join(line.rstrip() for line in (*lines, *verdict.notes))


def _numbers(check: Check) -> str:
    """Return a check on a line: "market.npz, rank1: failed, 44.10 -> 42.90, ..."."""
    told = [f"{check.row}, {check.metric}: {IN_WORDS[check.outcome]}"]
    if check.baseline is not None and check.new is not None:
        told.append(f"{number(check.baseline)} -> {number(check.new)}")
    if check.delta is not None:
        told.append(f"change {change(check)}")
    if check.margin is not None:
        told.append(f"margin {number(check.margin)}")
    return f"{', '.join(told)} ({check.tier})"


def _check_marked(marked: Marked, accepted: Baseline) -> None:
    """Refuse a marker that says other than the baseline: that moves with a reason only."""
    said = {"margin": marked.margin, "rule": marked.rule, "distance": marked.distance}
    entries: list[RowEntry | FeatureEntry] = [*accepted.rows, *accepted.features]
    for entry in entries:
        of_metrics = {metric.margin for metric in entry.metrics.values()}
        accepted_with: dict[str, set[object]] = {"margin": {*of_metrics}}
        if isinstance(entry, FeatureEntry):
            accepted_with |= {"rule": {entry.rule}, "distance": {entry.distance}}
        for name, values in accepted_with.items():
            if said[name] is not None and values != {said[name]}:
                raise UsageError(
                    f"The marker says {name}={said[name]!r}, and the baseline {accepted.name} was "
                    f"accepted with {', '.join(map(repr, values))}.",
                    'Accept it anew, `pytest --reid-accept "why"`, or leave the marker as it was.',
                )


def _check_file(file: Path, accepted: Baseline) -> None:
    """Refuse a baseline that is not of the one file that a test's features are."""
    names = [entry.name for entry in accepted.features]
    if names != [file.name]:
        raise UsageError(
            f"The test gives features, and the baseline {accepted.name} is of "
            f"{', '.join(names) or 'runs'}, not of {file.name}.",
            'Name a baseline of the test\'s own, and accept it: `pytest --reid-accept "why"`.',
        )


def _write(features: Features, stem: Path) -> Path:
    """Put features into a file, and return it.

    Raises:
        DataError: If they are the path of no file.
    """
    if not isinstance(features, Mapping):
        given = Path(features).absolute()
        if not given.is_file():
            raise DataError(
                f"There is no file of features {os.fspath(features)}.",
                "Give the path of one, from the folder that pytest runs in, or arrays by name.",
            )
        file = stem.with_name(f"{stem.name}{given.suffix}")
        file.symlink_to(given)
        return file
    file = stem.with_name(f"{stem.name}.npz")
    arrays: dict[str, Any] = {name: np.asarray(value) for name, value in features.items()}
    np.savez(file, **arrays)
    return file


def _put(written: Path, path: Path) -> None:
    """Put a file in its place in one step, whatever disk it was written on.

    Raises:
        UsageError: If it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(written, draft)
        os.replace(draft, path)
    except OSError as error:
        raise UsageError(
            f"The baseline {path} cannot be written: {error.strerror or error}.",
            "Give the marker a `folder` that you may write.",
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def _store(needed: object) -> AbstractContextManager[Store]:
    """Return the user's store where rows are asked of it, else an empty one."""
    if not needed:
        return store_of(name="features")
    settings = Settings.from_environment()
    return Store.open(settings.db, home=settings.home)
