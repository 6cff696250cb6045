"""A site built once by the command, on a store with a run of each kind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.store import Store
from tests.leaderboard.shelf import DECLARED, RANDOM, Shelf

HOSTILE = "<img src=x onerror=alert(1)>"


COMMAND = """
import json, sys
from harness.cli import main
try:
    main()
finally:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


@dataclass(frozen=True)
class Built:
    """The site of a filled store.

    Attributes:
        site: Its folder.
        store: What it was built of.
        home: The HARNESS_HOME of both.
        runs: Ids of the runs by name.
        modules: What the command had imported at its end.
        opened: What it gave to the browser.
    """

    site: Path
    store: Store
    home: Path
    runs: dict[str, str]
    modules: list[str]
    opened: str


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Fill a store and run `harness leaderboard build --open` on it, in a fresh process."""
    home = tmp_path_factory.mktemp("filled")
    opened, browser = home / "opened", home / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o755)
    with Store.open(f"sqlite:///{home / 'harness.sqlite'}", home=home) as store:
        shelf = Shelf(store)
        runs = {
            "floor": shelf.run("initial-weights", noise=2.5),
            "hr": shelf.run("baseline-hr", splits=(0, 1, 2), noise=1.2),
            "hr-lr": shelf.run("baseline-hr-lr", weights=DECLARED),
            "hostile": shelf.run(HOSTILE, splits=(0,), weights=RANDOM),
            "interrupted": shelf.run("baseline-hr", splits=(), finish=False),
        }
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, "leaderboard", "build", "--open"],
            env={**os.environ, "HARNESS_HOME": str(home), "BROWSER": f"{browser} %s"},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        modules = json.loads(done.stderr.splitlines()[-1])
        yield Built(home / "site", store, home, runs, modules, opened.read_text().strip())


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    """An empty store of the test's own."""
    with Store.open(f"sqlite:///{home / 'harness.sqlite'}", home=home) as opened:
        yield opened
