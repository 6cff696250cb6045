"""Peak memory of ranking a scene, in a process of its own: `python -m benchmarks.peak NAME`.

The growth is from what is resident once the features are made to the highest that the process is
from then on, so it counts whatever the evaluation holds, in any library, and code that is first
paged in. Linux only: /proc/self/clear_refs forgets the peak of making the features, and the peak
is read from /proc/self/status, since ru_maxrss begins at the size of the parent process.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import torch
import typer

from benchmarks.ranking import score
from benchmarks.scenes import SCENES, Scene

ROOT = Path(__file__).resolve().parents[1]


def peak_mb(scene: str, *, single_shot: bool) -> float:
    """Return by how much ranking a scene grows a fresh process beyond its features [MB].

    Args:
        scene: A key of SCENES.
        single_shot: Whether the exact single-shot numbers are computed too.
    """
    flag = "--single-shot" if single_shot else "--no-single-shot"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.peak", scene, flag],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return float(json.loads(done.stdout)["peak_mb"])


def peak_mb_on_device(scene: Scene) -> float:
    """Return by how much ranking grows the memory in use on the GPU beyond the features [MB]."""
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    score(scene, single_shot=False)
    return round((torch.cuda.max_memory_allocated() - before) / 1e6, 1)


def main(scene: str, single_shot: Annotated[bool, typer.Option()] = False) -> None:
    """Rank a scene once and print its peak as JSON."""
    made = SCENES[scene]()
    Path("/proc/self/clear_refs").write_text("5")
    before = _peak()
    score(made, single_shot=single_shot)
    megabytes = {"features_mb": made.megabytes, "peak_mb": (_peak() - before) / 1e6}
    typer.echo(json.dumps({name: round(value, 1) for name, value in megabytes.items()}))


def _peak() -> int:
    """Return the most that was resident since it was last forgotten [bytes]."""
    status = Path("/proc/self/status").read_text()
    kilobytes = next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]
    return 1024 * int(kilobytes)


if __name__ == "__main__":
    typer.run(main)
