"""Tell what a task lost with its worker, its memory or its store from what is wrong with it."""

from __future__ import annotations

import errno
from concurrent.futures.process import BrokenProcessPool
from typing import Final

from dropback._files import disk_error
from dropback.errors import DropbackError, StoreError


def cause_of(error: BaseException) -> BaseException:
    """What a task raised, without what an engine wraps around it."""
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, BaseException) else error


# What engines raise where a worker went, by name: no engine is imported to tell.
_LOST = {
    "KilledWorker",
    "WorkerCrashedError",
    "OutOfMemoryError",
    "NodeDiedError",
    "LocalRayletDiedError",
    "ObjectLostError",
    "TaskUnschedulableError",
}


def is_loss(error: BaseException) -> bool:
    """Whether a task failed for its worker, its memory or its store rather than for its input."""
    if isinstance(error, BrokenProcessPool | StoreError | MemoryError):
        return True
    if isinstance(error, DropbackError):
        return False
    return isinstance(error, OSError) or type(error).__name__ in _LOST


# A disk that is full, over its quota or mounted to be read alone.
_TAKES_NOTHING: Final = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def full_disk(error: BaseException | None) -> OSError | None:
    """What a disk said that takes nothing more, so that no other task on the same can end either.

    An error that was raised from one of the disk is told by it; None for any other.
    """
    while error is not None:
        said = disk_error(error)
        if said is not None and said.errno in _TAKES_NOTHING:
            return said
        error = error.__cause__
    return None


def may_be_a_neighbors(error: BaseException) -> bool:
    """Whether a task may only have lain on the workers that another one killed.

    Dask counts against every task that a dead worker was to run, not only the one that ran.
    """
    return type(error).__name__ == "KilledWorker"


def first_line(error: BaseException) -> str:
    """What an error says, without its rest and its period."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
