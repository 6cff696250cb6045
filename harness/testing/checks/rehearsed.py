"""Checks of whole runs in processes of their own: see `harness.testing.rehearsal`."""

from __future__ import annotations

from harness.testing.check import Broken, NotRun
from harness.testing.rehearsal import Rehearsal
from harness.testing.subjects import Subject, need, need_unblocked

GROWTH = 0.25  # of the pixels embedded, by which the peak of memory may rise
MIB = 2**20


def runs_on_a_cpu(subject: Subject) -> str:
    """Look whether the runs came to an end without a CUDA device."""
    rehearsal = subject.rehearsal
    if rehearsal.error is not None:
        raise Broken(rehearsal.error)
    return f"recipe {subject.bench.recipe.name!r} trained and scored without CUDA"


def uses_no_network(subject: Subject) -> str:
    """Look for connections that were tried."""
    tried = subject.rehearsal.connections
    if tried:
        raise Broken(f"it tried to reach {'; '.join(tried)}")
    return "no connection tried"


def resumes_to_the_same_bits(subject: Subject) -> str:
    """Compare the model of the fit that was killed and resumed with that of the unbroken one."""
    rehearsal = _finished(subject)
    need(rehearsal.afresh is not None, "it trains nothing")
    if rehearsal.resumed != rehearsal.afresh:
        raise Broken(
            f"killed and resumed, the model's tensors have the hash {rehearsal.resumed}, unbroken "
            f"{rehearsal.afresh}"
        )
    how = "killed and resumed" if rehearsal.killed else "trained twice (too short to be killed)"
    return f"{how}, the same bits ({str(rehearsal.afresh)[:12]})"


def memory_is_bounded(subject: Subject) -> str:
    """Look by how much the peak of memory rose with more images."""
    memory = subject.rehearsal.memory
    if memory is None:
        _finished(subject)
        raise NotRun("this system does not tell the memory of a process")
    rose = f"the peak rose by {memory.growth / MIB:.1f} MiB with {2 * memory.images:,} more images"
    if memory.growth > GROWTH * memory.pixels:
        raise Broken(f"{rose}, whose pixels are {memory.pixels / MIB:.0f} MiB")
    return rose


def numbers_are_carried(subject: Subject) -> str:
    """Look at what export and import into another store changed."""
    lost = _finished(subject).lost
    if lost:
        raise Broken(f"exported and imported, {'; '.join(lost)}")
    return "exported and imported, nothing changed"


def _finished(subject: Subject) -> Rehearsal:
    rehearsal = subject.rehearsal
    need_unblocked(rehearsal.error is None, "its runs do not come to an end: see `runs-on-cpu`")
    return rehearsal
