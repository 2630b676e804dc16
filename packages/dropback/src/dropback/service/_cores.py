"""The processor core that the service stays on."""

from __future__ import annotations

import os
from pathlib import Path

from dropback.errors import RequestError

__all__ = ["stay_on_core"]

# A thread each, by its number.
_THREADS = Path("/proc/self/task")


def stay_on_core(core: int) -> None:
    """Keep this process, all its threads and those that they will start on one core.

    Args:
        core: Its number, from 0.

    Raises:
        RequestError: The system has no such call, or the process may not use such a core.
    """
    if not hasattr(os, "sched_setaffinity"):
        raise RequestError(
            "--core needs Linux, whose sched_setaffinity keeps a process on a core: leave it out."
        )
    usable = sorted(os.sched_getaffinity(0))
    if core not in usable:
        raise RequestError(
            f"--core must be one of the cores that this process may use "
            f"({', '.join(map(str, usable))}), got {core}."
        )
    for thread in _THREADS.iterdir():
        os.sched_setaffinity(int(thread.name), {core})
