"""What happens in the processes that rehearse a method.

The environment is the task's, and what is printed goes to its file. Connections are refused by an
audit hook, set before the plugin is imported: what another program does for it is not seen. What
was downloaded before is not found: home and caches are the task's own.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from safetensors.torch import load_file

from harness.loader import load_plugins
from harness.run.execute import execute
from harness.run.request import RunRequest
from harness.settings import Settings
from harness.store import FitView, Store
from harness.testing.bench import DATASET, Bench, embed
from harness.types import EmbedBatch, Method

BATCH = 64  # images
PIXELS = 32 * 2**20  # bytes, of the images whose memory is watched
LOOKUPS = ("socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo")
SENDS = ("socket.connect", "socket.sendto", "socket.sendmsg")
FIT_FIELDS = (
    "method",
    "method_version",
    "config",
    "recipe",
    "narrowed",
    "seed",
    "split",
    "weights",
)


@dataclass(frozen=True, slots=True)
class Task:
    """What a process is given.

    Attributes:
        key: Of the method.
        recipe: Of the method.
        environment: All of its variables.
        report: Where the report goes.
        output: Where goes what is printed.
        connections: Where go the connections that are tried, one a line.
    """

    key: str
    recipe: str
    environment: Mapping[str, str]
    report: Path
    output: Path
    connections: Path

    @property
    def request(self) -> RunRequest:
        """The run that is rehearsed."""
        return RunRequest(
            plugin=self.key,
            dataset=DATASET,
            recipe=self.recipe,
            trials=1,
            weights="none",
            device="cpu",
            precision="float32",
        )


@dataclass
class Report:
    """What is written, as `harness.testing.rehearsal.Rehearsal` reads it."""

    error: str | None = None
    resumed: str | None = None
    afresh: str | None = None
    memory: dict[str, int] | None = None
    lost: list[str] = field(default_factory=list)


class Guard:
    """Refuses connections, and writes them down at once: the process may not live on.

    Attributes:
        doing: What is going on.

    Args:
        log: Gets `host:port` and while what, one a line.
    """

    def __init__(self, log: Path) -> None:
        self.doing = "it was imported"
        self._log = log
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.getaddrinfo":
            self._refuse(f"{arguments[0]}:{arguments[1]}")
        elif event in LOOKUPS:
            self._refuse(str(arguments[0]))
        elif event in SENDS and isinstance(arguments[1], tuple):  # a local socket has a path
            self._refuse(":".join(map(str, arguments[1][:2])))

    def _refuse(self, address: str) -> None:
        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"{address} while {self.doing}\n")
        raise ConnectionRefusedError("The conformance kit lets no plugin use the network.")


def run_once(task: Task) -> None:
    """Run the method; what the process is killed in."""
    _settle(task)
    Guard(task.connections).doing = "it was trained"
    execute(task.request, Console(stderr=True))


def rehearse(task: Task) -> None:
    """Rehearse the method and write the report."""
    _settle(task)
    report, guard = Report(), Guard(task.connections)
    try:
        _rehearse(task, report, guard)
    except Exception as error:  # noqa: BLE001 - whatever ends it is what there is to report
        report.error = f"while {guard.doing}, {type(error).__name__}: {error}".rstrip(": ")
    task.report.write_text(json.dumps(asdict(report)), encoding="utf-8")


def _settle(task: Task) -> None:
    """Take over the environment, send what is printed to the file, and use one thread."""
    torch.set_num_threads(1)
    os.environ.clear()
    os.environ.update(task.environment)
    output = os.open(task.output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)


def _rehearse(task: Task, report: Report, guard: Guard) -> None:
    registry = load_plugins()
    bench = Bench.of(registry.method(task.key), registry)
    guard.doing = "it embedded"
    report.memory = _watch_memory(bench)
    guard.doing = "it was resumed"
    report.resumed = _run(task.request)[1]
    guard.doing = "it was trained and scored"
    run_id, report.afresh = _run(replace(task.request, fresh=True))
    guard.doing = "it was exported and imported"
    report.lost = _carry(run_id)


def _run(request: RunRequest) -> tuple[str, str | None]:
    """Run, and return the run's id and the hash of its model's tensors."""
    report = execute(request, Console(stderr=True))
    settings = Settings.from_environment()
    with Store.open(settings.db, home=settings.home) as store:
        return report.run_id, _hash_model(report.trials[0].fit, store)


def _hash_model(fit: FitView, store: Store) -> str | None:
    """Return the SHA-256 over the names and bytes of a model's tensors, or None without one."""
    if fit.model_sha256 is None:
        return None
    file = store.find_artifact(fit.model_sha256)
    assert file is not None
    digest = hashlib.sha256()
    for name, value in sorted(load_file(file).items()):
        digest.update(name.encode())
        digest.update(value.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _watch_memory(bench: Bench) -> dict[str, int] | None:
    """Embed images of noise, then twice as many, and return how the peak of memory rose.

    Linux only: elsewhere a peak cannot be forgotten, and begins at the size of the parent process.
    """
    forget = Path("/proc/self/clear_refs")
    if not forget.exists():
        return None
    method = bench.build()
    generator = torch.Generator().manual_seed(0)
    image = 3 * bench.config.height * bench.config.width * 4
    batches = max(1, PIXELS // (2 * BATCH * image))
    peaks = []
    for count in (batches, 2 * batches):
        forget.write_text("5", encoding="ascii")
        for _ in range(count):
            _embed_noise(bench, method, generator)
        peaks.append(_peak())
    return {
        "images": batches * BATCH,
        "pixels": 2 * batches * BATCH * image,
        "growth": peaks[1] - peaks[0],
    }


def _peak() -> int:
    """Return the highest resident memory since it was last forgotten [bytes]."""
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def _embed_noise(bench: Bench, method: Method, generator: torch.Generator) -> None:
    size = (bench.config.height, bench.config.width)
    pixels = torch.rand((BATCH, 3, *size), generator=generator)
    native = torch.tensor([size] * BATCH)
    embed(method, [EmbedBatch(pixels, native, [None] * BATCH, "query")])


def _carry(run_id: str) -> list[str]:
    """Export a run, import it into another store, and return what is not the same there."""
    settings = Settings.from_environment()
    there = settings.home / "elsewhere"
    with (
        Store.open(settings.db, home=settings.home) as store,
        Store.open(f"sqlite:///{there / 'harness.sqlite'}", home=there) as other,
    ):
        other.import_(store.export([run_id]))
        return [*_compare_fits(store, other, run_id), *_compare_scores(store, other, run_id)]


def _compare_fits(store: Store, other: Store, run_id: str) -> list[str]:
    (ours,), (theirs,) = store.where_fits(run_id), other.where_fits(run_id)
    return [
        f"{name} was {getattr(ours, name)!r} and is {getattr(theirs, name)!r}"
        for name in FIT_FIELDS
        if getattr(ours, name) != getattr(theirs, name)
    ]


def _compare_scores(store: Store, other: Store, run_id: str) -> list[str]:
    (ours,), (theirs,) = store.where_scores(run_id), other.where_scores(run_id)
    lost = [
        f"{was.name} was {was.value} and is {now.value}"
        for was, now in zip(ours.metrics, theirs.metrics, strict=True)
        if was != now
    ]
    before, after = store.load_evidence(ours.id), other.load_evidence(theirs.id)
    for part in fields(before):
        if part.name != "measured" and not np.array_equal(
            getattr(before, part.name), getattr(after, part.name), equal_nan=True
        ):
            lost.append(f"the evidence {part.name} is another")
    return lost
