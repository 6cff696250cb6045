"""Run a compiled loop over ranges of rows, on every core.

The loops release the GIL and each row is written by one thread alone, so their number changes the
time and never the result.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cache
from threading import Lock
from typing import Any

from numba import config
from threadpoolctl import ThreadpoolController


def in_threads(loop: Callable[[tuple[int, int]], object], rows: int) -> None:
    """Call a loop with (first row, one after the last) until all rows are done.

    Args:
        loop: Takes the range of its rows.
        rows: How many there are.
    """
    threads = count_threads()
    if threads == 1 or rows == 1:
        loop((0, rows))
        return
    loop((0, 0))  # no row yet: numba compiles it here, where several threads at once may fail to
    size = -(-rows // threads)  # one piece each: a product packs the gallery again for every piece
    ranges = [(at, min(at + size, rows)) for at in range(0, rows, size)]
    list(_pool(threads).map(loop, ranges))


def count_threads() -> int:
    """Return OMP_NUM_THREADS where it is set, else the cores that this process may use.

    Numba is not asked: its answer starts its own threads and sets how many torch trains with.
    """
    named = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return int(named) if named.isdigit() and int(named) else int(config.NUMBA_NUM_THREADS)


class _OneThread:
    """One limit on the threads of linear algebra, held while any of its callers is inside."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._callers = 0
        self._limit: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if not self._callers:
                self._limit = _libraries().limit(limits=1, user_api="blas")
            self._callers += 1

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            self._callers -= 1
            if not self._callers:
                self._limit.restore_original_limits()


_ONE_THREAD = _OneThread()


def one_thread_each() -> AbstractContextManager[None]:
    """Let the linear algebra of each of our threads run on that thread alone.

    Its own threads would wait for their next work by spinning, on the cores that count meanwhile.
    Callers may overlap: the last to leave gives the threads back.
    """
    return _ONE_THREAD


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="rank")


os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork
