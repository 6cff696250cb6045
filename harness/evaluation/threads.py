"""Run a compiled loop over ranges of rows, on every core.

The loops release the GIL and each row is written by one thread alone, so their number changes the
time and never the result.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

from numba import config
from threadpoolctl import ThreadpoolController

_lock = Lock()
_inside: list[None] = []  # one for each caller that is inside
_limits: list[Any] = []


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
    loop((0, 0))  # compiles it here: several threads at once may fail to
    size = -(-rows // threads)  # one piece each: a product packs the gallery again for every piece
    ranges = [(at, min(at + size, rows)) for at in range(0, rows, size)]
    list(_pool(threads).map(loop, ranges))


def count_threads() -> int:
    """Return OMP_NUM_THREADS where it is set, else the cores that this process may use.

    Numba is not asked: its answer starts its own threads and sets how many torch trains with.
    """
    named = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return int(named) if named.isdigit() and int(named) else int(config.NUMBA_NUM_THREADS)


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let the linear algebra of each of our threads run on that thread alone.

    Its own threads would wait for their next work by spinning, on the cores that count meanwhile.
    Callers may overlap: the last to leave gives the threads back.
    """
    with _lock:
        if not _inside:
            _limits.append(_libraries().limit(limits=1, user_api="blas"))
        _inside.append(None)
    try:
        yield
    finally:
        with _lock:
            _inside.pop()
            if not _inside:
                _limits.pop().restore_original_limits()


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="rank")


os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork
