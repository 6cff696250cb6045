"""In a fresh environment: what `harness plugins new` writes installs, is sound, and has a row.

    python tests/fresh/new_plugin.py        (or `make new-plugin`)

A wheel of this checkout goes into a virtual environment of its own, and beside it the plugin of
each kind as it was written. It takes minutes and, for torch, some gigabytes of disk while it runs;
the folder is removed in the end. The first command that fails ends it with its output.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

REPOSITORY = Path(__file__).resolve().parents[2]
TEMPLATES = "harness/scaffold/templates"
WITHHELD = ("HARNESS_DATA", "HARNESS_DB", "HARNESS_HOME", "HARNESS_WEIGHTS", "PYTHONPATH")

console = Console(stderr=True, soft_wrap=True, highlight=False)


@dataclass(frozen=True)
class Fresh:
    """A fresh environment.

    Attributes:
        folder: Holds all that is made here.
    """

    folder: Path

    def run(self, program: str, *words: str | Path, within: Path | None = None) -> str:
        """Run a program of the environment and return what it printed; exit where it fails.

        Args:
            program: Its name (`python`, `harness`).
            words: Its arguments.
            within: The folder to run it in; this one if not given.
        """
        console.print(f"$ {program} {' '.join(map(str, words))}", markup=False)
        start = time.perf_counter()
        inherited = {k: v for k, v in os.environ.items() if k not in WITHHELD}
        done = subprocess.run(
            [self.folder / "env" / "bin" / program, *words],
            cwd=within or self.folder,
            env=inherited | {"HARNESS_HOME": str(self.folder / "home"), "PYTHONNOUSERSITE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        console.print(f"  exit {done.returncode}, {time.perf_counter() - start:.0f} s")
        if done.returncode != 0:
            console.print(done.stdout + done.stderr, markup=False)
            sys.exit(f"FAILED: {program} {' '.join(map(str, words))}")
        return done.stdout

    def pip(self, *words: str | Path) -> None:
        """Run pip."""
        self.run("python", "-m", "pip", "--quiet", "--disable-pip-version-check", *words)

    def metrics(self, *words: str) -> dict[str, Any]:
        """Run `harness run` with those options and return its metrics."""
        report = self.run("harness", "run", *words, "--weights", "none", "--json")
        metrics: dict[str, Any] = json.loads(report)["metrics"]
        return metrics


def main() -> None:
    """Make the environment, put a plugin of each kind into it, build the leaderboard."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="reid-fresh-") as folder:
        fresh = Fresh(Path(folder))
        install_harness(fresh)
        for name, kind in (
            ("new-method", "method"),
            ("new-set", "dataset"),
            ("new-metric", "metric"),
        ):
            install_plugin(fresh, name, kind)
        try_method(fresh)
        try_dataset(fresh)
        try_metric(fresh)
        look_at_leaderboard(fresh)
    console.print(f"All well, after {time.perf_counter() - start:.0f} s.")


def install_harness(fresh: Fresh) -> None:
    """Install a wheel of the checkout, which must hold every template."""
    venv.create(fresh.folder / "env", with_pip=True)
    fresh.pip("wheel", "--no-deps", "--wheel-dir", fresh.folder / "dist", REPOSITORY)
    (wheel,) = (fresh.folder / "dist").glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith(TEMPLATES)}
    here = {
        path.relative_to(REPOSITORY).as_posix()
        for path in (REPOSITORY / TEMPLATES).rglob("*")
        if path.is_file()
    }
    expect(packed == here, f"the wheel lacks templates: {sorted(here - packed)}")
    fresh.pip("install", wheel)
    fresh.run(
        "harness", "plugins", "check", "initial-weights", "--only", "recipes"
    )  # no pytest yet


def install_plugin(fresh: Fresh, name: str, kind: str) -> None:
    """Write a plugin, install it as it is, run its tests and the checks of the harness."""
    project = fresh.folder / f"reid-{name}"
    fresh.run("harness", "plugins", "new", name, "--kind", kind)
    fresh.pip("install", f"{project}[test]")
    fresh.run("python", "-m", "pytest", "-q", within=project)
    fresh.run("harness", "plugins", "check", name)


def try_method(fresh: Fresh) -> None:
    """Train the method: it must beat itself without training, beyond both intervals."""
    options = ("--plugin", "new-method", "--dataset", "synthped", "--recipe", "smoke")
    trained = fresh.metrics(*options)["rank1"]
    untrained = fresh.metrics(*options, "--set", "images=0")["rank1"]
    console.print(f"  rank-1 {trained['value']}, without training {untrained['value']}")
    expect(trained["low"] > untrained["high"], "training does not help beyond the intervals")


def try_dataset(fresh: Fresh) -> None:
    """Register a copy of the data set, check it, and train a baseline on it."""
    copy = fresh.folder / "copy"
    fresh.run("python", "tests/tree.py", copy, within=fresh.folder / "reid-new-set")
    fresh.run("harness", "data", "add", "new-set", copy)
    fresh.run("harness", "data", "check", "new-set")
    fresh.run("harness", "plugins", "check", "new-set")  # now with a copy to look at
    fresh.metrics("--plugin", "baseline-hr", "--dataset", "new-set", "--recipe", "tiny")


def try_metric(fresh: Fresh) -> None:
    """Look for the metric among those of a run."""
    options = ("--plugin", "initial-weights", "--dataset", "synthped", "--recipe", "tiny")
    value = fresh.metrics(*options)["new_metric"]["value"]
    expect(value is not None and 0 < value < 100, f"the metric is {value}")


def look_at_leaderboard(fresh: Fresh) -> None:
    """Build the pages and find the method, the data set and the metric on them."""
    fresh.run("harness", "leaderboard", "build", "--out", "site")
    site = fresh.folder / "site"
    runs = [page.read_text(encoding="utf-8") for page in (site / "runs").glob("*.html")]
    synthped = (site / "datasets" / "synthped.html").read_text(encoding="utf-8")
    expect("methods/new-method.html" in synthped, "the page of synthped has no row of the method")
    expect((site / "datasets" / "new-set.html").is_file(), "the data set has no page")
    expect(any("new_metric" in page for page in runs), "no page of a run has the metric")


def expect(truth: bool, otherwise: str) -> None:
    """Exit with a sentence unless something is true."""
    if not truth:
        sys.exit(f"FAILED: {otherwise}.")


if __name__ == "__main__":
    main()
