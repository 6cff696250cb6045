"""Checks of a plugin as a whole: found, alone with its keys, light to import, tables that cite."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from harness.specs import PaperSpec, all_protocols, read_papers
from harness.testing.check import Broken
from harness.testing.subjects import Subject, need, need_unblocked

HEAVY = ("accelerate", "kornia", "torch", "torchmetrics", "torchvision")
"""What takes seconds to import and has no place behind `harness --help`."""

_IMPORT = """
import json, sys
from importlib.metadata import EntryPoint

plugin = EntryPoint(sys.argv[1], sys.argv[2], "reid_harness.plugins").load()
for name in ("methods", "datasets", "metrics", "protocols", "papers"):
    hook = getattr(plugin, f"register_{name}", None)
    if hook is not None:
        hook(register=lambda thing: None)
print(json.dumps(sorted(set(sys.modules) & set(sys.argv[3:]))))
"""


def keys_are_its_own(subject: Subject) -> str:
    """Look for a name or a key that two plugins claim."""
    if subject.conflict is not None:
        raise Broken(subject.conflict)
    keys = [key for key, origin in subject.registry.origins.items() if origin.name == subject.key]
    return f"{len(keys)} keys of its own"


def loads(subject: Subject) -> str:
    """Look whether the plugin is among those that load."""
    _need_no_conflict(subject)
    for problem in subject.registry.problems:
        if problem.origin.name == subject.key:
            raise Broken(f"{problem.origin.target}: {problem.reason}")
    return f"imported from {subject.entry_point.value}"


def imports_without_torch(subject: Subject) -> str:
    """Import it and call its hooks in a fresh process, and look for torch there."""
    _need_loaded(subject)
    entry = subject.entry_point
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT, entry.name, entry.value, *HEAVY],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Broken(f"in a fresh process: {done.stderr.strip().splitlines()[-1]}")
    heavy = json.loads(done.stdout.splitlines()[-1])
    if heavy:
        raise Broken(f"importing {entry.value} imports {', '.join(heavy)}")
    return f"{entry.value} imports none of {', '.join(HEAVY)}"


def published_tables_cite(subject: Subject) -> str:
    """Look for what a citation needs in the papers that it registers."""
    _need_loaded(subject)
    plugin = subject.entry_point.load()
    texts: list[str] = []
    hook = getattr(plugin, "register_papers", None)
    if hook is not None:
        hook(register=texts.append)
    need(texts, "it brings no paper")
    protocols = all_protocols(subject.registry.protocols)
    papers = read_papers(texts, "its paper").values()
    for paper in papers:
        _check_citation(paper)
        _check_tables(paper, set(protocols))
    cells = sum(len(paper.cells()) for paper in papers)
    return f"{len(papers)} papers with {cells} published numbers"


def _check_citation(paper: PaperSpec) -> None:
    named = {
        "title": paper.title,
        "authors": " ".join(paper.authors),
        "venue": paper.venue,
        "url": paper.url,
    }
    empty = [name for name, value in named.items() if not value.strip()]
    if empty:
        raise Broken(f"the paper {paper.key!r} does not say its {', '.join(empty)}")
    if not paper.url.startswith(("https://", "http://")):
        raise Broken(f"the paper {paper.key!r} has the url {paper.url!r}")


def _check_tables(paper: PaperSpec, protocols: set[str]) -> None:
    for table in paper.tables:
        if not (table.printed.strip() and table.document.strip()):
            raise Broken(
                f"table {table.key!r} of {paper.key!r} does not say which table of which document "
                "it copies (`printed`, `document`)"
            )
        for dataset, assumed in table.datasets.items():
            if assumed.protocol is not None and assumed.protocol not in protocols:
                raise Broken(
                    f"table {table.key!r} of {paper.key!r} assumes the protocol "
                    f"{assumed.protocol!r} on {dataset}, which is not installed"
                )


def _need_no_conflict(subject: Subject) -> None:
    need_unblocked(subject.conflict is None, "two plugins contradict each other: see `unique-keys`")


def _need_loaded(subject: Subject) -> None:
    _need_no_conflict(subject)
    loaded = {origin.name for origin in subject.registry.loaded}
    need_unblocked(subject.key in loaded, "it does not load: see `loads`")
