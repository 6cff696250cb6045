"""Who is alive."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import StoreError, UsageError
from harness.store import Locks, locks

HOLDER = """
import sys, time
from pathlib import Path
from harness.store.locks import Locks
with Locks(Path(sys.argv[1])).hold(sys.argv[2]):
    print("held", flush=True)
    time.sleep(60)
"""


def hold_elsewhere(folder: Path, owner: str) -> subprocess.Popen[str]:
    """Start a process that holds a lock, and return when it does."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder), owner], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def kill(process: subprocess.Popen[str]) -> None:
    """End a process as `kill -9` does."""
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


class TestLocks:
    def test_held_within_the_block(self, tmp_path):
        """A lock is held inside the block and free before and after it."""
        ours = Locks(tmp_path / "locks")

        assert not ours.is_held("x")
        with ours.hold("x"):
            assert ours.is_held("x")
            assert not ours.is_held("y")
        assert not ours.is_held("x")

    def test_freed_by_an_error(self, tmp_path):
        """An error that leaves the block frees the lock."""
        ours = Locks(tmp_path)
        with contextlib.suppress(RuntimeError), ours.hold("x"):
            raise RuntimeError

        assert not ours.is_held("x")

    def test_sigkill_frees(self, tmp_path):
        """`kill -9` of the holder frees the lock."""
        ours = Locks(tmp_path)
        process = hold_elsewhere(tmp_path, "x")
        try:
            assert ours.is_held("x")
        finally:
            kill(process)

        assert not ours.is_held("x")
        with ours.hold("x"):
            assert ours.is_held("x")

    def test_held_by_another_process(self, tmp_path, monkeypatch):
        """What a living process holds is refused with a sentence, not waited for."""
        monkeypatch.setattr(locks, "_PATIENCE_S", 0.05)
        process = hold_elsewhere(tmp_path, "x")
        try:
            refused = pytest.raises(UsageError, match="Another process is working on x")
            with refused, Locks(tmp_path).hold("x"):
                pass
        finally:
            kill(process)

    def test_unwritable_folder(self, tmp_path):
        """A folder that cannot be made is named."""
        (tmp_path / "file").write_text("")

        refused = pytest.raises(StoreError, match=r"lock folder .*file/locks cannot be written")
        with refused, Locks(tmp_path / "file" / "locks").hold("x"):
            pass


class TestInterrupted:
    def test_run_and_fit(self, store, fill):
        """A running run or fit reads as interrupted unless a living process holds its lock."""
        run_id = fill.run()
        fit = fill.fit(run_id, done=False)

        assert fit.status == "interrupted"
        assert store.find_or_raise_run(run_id).status == "interrupted"
        with store.locks.hold(run_id), store.locks.hold(fit.id):
            assert store.where_fits(run_id)[0].status == "running"
            assert store.where_runs()[0].status == "running"

    def test_after_sigkill(self, store, fill, home):
        """A fit whose process was killed reads as interrupted, and can be started again."""
        fit = fill.fit(done=False)
        process = hold_elsewhere(home / "locks", fit.id)
        try:
            held = store.find_fit(fit.key)
        finally:
            kill(process)
        freed = store.find_fit(fit.key)

        assert (held.status, freed.status) == ("running", "interrupted")
        with store.locks.hold(fit.id):
            store.start_fit(fit.id)
            assert store.find_fit(fit.key).status == "running"
            assert store.find_fit(fit.key).started == fit.started

    def test_ended_needs_no_lock(self, store, fill):
        """What has ended never reads as interrupted."""
        run_id = fill.run()
        fill.fit(run_id)
        store.finish_run(run_id, "done")

        assert store.where_runs()[0].status == "done"
        assert store.where_fits(run_id)[0].status == "done"
