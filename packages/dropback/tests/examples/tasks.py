"""Tasks that workers of the tests import by name."""

import errno
import os
import signal
import time
from pathlib import Path

from dropback.errors import RequestError
from dropback.storage import fetched


def square(folder: Path, store: str, number: int) -> None:  # noqa: ARG001  # as tasks are called
    """Write the square of a number."""
    (folder / "square.txt").write_text(str(number**2))


def slow_square(folder: Path, store: str, number: int, seconds: float) -> None:
    """Take a while first."""
    time.sleep(seconds)
    square(folder, store, number)


def square_or_die(folder: Path, store: str, number: int, deadly: int) -> None:
    """Kill the own process where the number is the deadly one."""
    if number == deadly:
        os.kill(os.getpid(), signal.SIGKILL)
    square(folder, store, number)


def square_or_die_once(folder: Path, store: str, number: int, marker: str) -> None:
    """Kill the own process the first time that any worker gets here."""
    try:
        Path(marker).touch(exist_ok=False)
    except FileExistsError:
        square(folder, store, number)
    else:
        os.kill(os.getpid(), signal.SIGKILL)


def refuse(folder: Path, store: str, number: int) -> None:  # noqa: ARG001  # as tasks are called
    """Find the input wrong."""
    raise RequestError(f"{number} is no number of folds.")


def take_memory(folder: Path, store: str, size: int) -> None:
    """Hold as many bytes."""
    held = bytearray(size)
    square(folder, store, len(held))


def squared(folder: Path, store: str, before: str) -> None:
    """Square the result of another task."""
    with fetched(store, before) as other:
        square(folder, store, int((other / "square.txt").read_text()))


def fill(folder: Path, store: str) -> None:  # noqa: ARG001  # as tasks are called
    """Find the disk full."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
