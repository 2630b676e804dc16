"""Run tasks in processes of this machine, which end with the one that started them."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

_Result = TypeVar("_Result")


def process_pool(workers: int) -> ProcessPoolExecutor:
    """A pool whose processes do not outlive this one, even where it is killed."""
    return ProcessPoolExecutor(
        workers,
        # A fork of a process whose libraries hold threads may never wake up.
        mp_context=get_context("spawn"),
        initializer=_end_with_the_parent,
    )


def _end_with_the_parent() -> None:
    # Ctrl-C reaches all processes and ends these at once; the parent cleans up.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_watch_the_parent, daemon=True).start()


def _watch_the_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        # What was begun is not whole, and nobody waits for it.
        os.kill(os.getpid(), signal.SIGTERM)


class Processes:
    """Processes of this machine, each in a pool of its own.

    In a common pool the death of one process ends the tasks of all; here it ends its own alone.
    """

    def __init__(self, workers: int) -> None:
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="dropback-process")
        self._own = threading.local()
        self._pools: list[ProcessPoolExecutor] = []

    def submit(self, function: Callable[..., _Result], /, *arguments: object) -> Future[_Result]:
        """Run the function in the process of the next free thread."""
        return self._threads.submit(self._run, function, arguments)

    def _run(self, function: Callable[..., _Result], arguments: tuple[object, ...]) -> _Result:
        pool: ProcessPoolExecutor | None = getattr(self._own, "pool", None)
        if pool is None:
            pool = process_pool(1)
            self._own.pool = pool
            self._pools.append(pool)
        try:
            return pool.submit(function, *arguments).result()
        except BrokenProcessPool as error:
            self._own.pool = None
            pool.shutdown(wait=False)
            raise BrokenProcessPool(
                "its process was killed, perhaps for lack of memory: ask for fewer processes"
            ) from error

    def shutdown(self, *, wait: bool, cancel_futures: bool) -> None:
        """End the processes."""
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)
        for pool in self._pools:
            pool.shutdown(wait=wait, cancel_futures=cancel_futures)
