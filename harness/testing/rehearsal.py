"""Whole runs of a method in processes of their own: killed, resumed, repeated, watched.

One process starts a run and is killed with SIGKILL at the first checkpoint of its fit. Another
resumes it, makes the same fit afresh, and measures on the way. Both are of `harness.testing.worker`
and have a home of their own, where nothing was downloaded before. They are forked, where the system
can, from a server that has imported torch but no plugin, since importing torch takes longer than
the runs.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Mapping
from functools import cache
from multiprocessing.context import ForkServerContext, SpawnContext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import BaseModel, ConfigDict

from harness.testing import worker
from harness.testing.bench import Bench

PATIENCE = 300.0  # [s] for one process
PAUSE = 0.005  # [s] between two looks for a checkpoint
WITHHELD = ("HARNESS_", "HF_", "HUGGINGFACE_", "TRANSFORMERS_", "XDG_")  # variables
PRELOADED = ["harness.run.execute", "harness.testing.bench", "harness.testing.worker"]


class Memory(BaseModel):
    """What embedding does to the memory of a process.

    Attributes:
        images: That were embedded before the peak was first read; then it was twice as many.
        pixels: Bytes of the pixels of the latter.
        growth: By how many bytes the peak rose with them.
    """

    model_config = ConfigDict(frozen=True)

    images: int
    pixels: int
    growth: int


class Rehearsal(BaseModel):
    """What the runs came to.

    Attributes:
        error: Why they did not come to an end, or None.
        killed: Whether the first process was killed in the middle of its fit.
        resumed: SHA-256 of the tensors of the model whose fit went on after the kill; None where
            nothing is trained.
        afresh: The same of the unbroken fit.
        connections: Each connection that was tried, `host:port` and while what.
        memory: What embedding took, or None where it could not be measured.
        lost: What is not the same after export and import into another store.
    """

    model_config = ConfigDict(frozen=True)

    error: str | None = None
    killed: bool = False
    resumed: str | None = None
    afresh: str | None = None
    connections: tuple[str, ...] = ()
    memory: Memory | None = None
    lost: tuple[str, ...] = ()


def rehearse(bench: Bench) -> Rehearsal:
    """Make the runs of a method and return what they came to.

    Args:
        bench: The method, its recipe, and the folder of the images.

    Raises:
        Blocked: If the method cannot be built.
    """
    trains = any(stage.steps for stage in bench.build().stages())
    with TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        (home / "datasets").mkdir(parents=True)
        (home / "datasets" / bench.root.name).symlink_to(bench.root)
        task = worker.Task(
            key=bench.spec.key,
            recipe=bench.recipe.name,
            environment=_environment(home),
            report=Path(folder) / "report.json",
            output=Path(folder) / "output.txt",
            connections=Path(folder) / "connections.txt",
        )
        killed = trains and _kill_in_the_middle(task, home)
        found = _work(task)
        tried = _read_connections(task)
    return Rehearsal.model_validate({**found, "killed": killed, "connections": tried})


def _environment(home: Path) -> Mapping[str, str]:
    """Return the variables of this process, but for a home and caches that are still empty."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(WITHHELD)}
    return kept | {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "TORCH_HOME": str(home / "cache" / "torch"),
        "HF_HOME": str(home / "cache" / "huggingface"),
        "HARNESS_HOME": str(home),
        "HARNESS_CHECKPOINT_SECONDS": "0",
        "CUDA_VISIBLE_DEVICES": "",
    }


def _read_connections(task: worker.Task) -> list[str]:
    """Return each connection that one of the processes tried, once."""
    if not task.connections.is_file():
        return []
    return list(dict.fromkeys(task.connections.read_text(encoding="utf-8").splitlines()))


def _kill_in_the_middle(task: worker.Task, home: Path) -> bool:
    """Start a run, kill it at its first checkpoint, and return whether it had to be killed."""
    process = _context().Process(target=worker.run_once, args=(task,), daemon=True)
    process.start()
    deadline = time.monotonic() + PATIENCE
    while process.is_alive() and time.monotonic() < deadline:
        if any(home.glob("checkpoints/*/checkpoint.pt")):
            break
        time.sleep(PAUSE)
    process.kill()
    process.join()
    killed = process.exitcode != 0
    process.close()
    return killed


def _work(task: worker.Task) -> dict[str, Any]:
    """Let the worker rehearse, and return what it reports."""
    process = _context().Process(target=worker.rehearse, args=(task,), daemon=True)
    process.start()
    process.join(PATIENCE)
    in_time = not process.is_alive()
    process.kill()
    process.join()
    code = process.exitcode
    process.close()
    if not in_time:
        return {"error": f"it had not ended after {PATIENCE:.0f} s"}
    if not task.report.is_file():
        last = task.output.read_text(encoding="utf-8").strip().splitlines()[-1:]
        return {"error": f"its process ended with {code}: {''.join(last) or 'without a word'}"}
    found: dict[str, Any] = json.loads(task.report.read_text(encoding="utf-8"))
    return found


@cache
def _context() -> ForkServerContext | SpawnContext:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context
