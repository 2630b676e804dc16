"""Compare a worker with the process that sends it tasks: versions, clock, what it can see."""

from __future__ import annotations

import platform
import socket
import sys
import time
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from dropback import __version__
from dropback.errors import RequestError
from dropback.execution._needs import held_bytes, require_room

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dropback.execution._needs import Needs

# Seconds. S3 refuses signatures from further off; a minute less leaves room for the measurement.
_MOST_SKEW: Final = 14 * 60


@dataclass(frozen=True)
class Versions:
    """What must be equal on both sides, so that results are: code and the libraries of numbers."""

    dropback: str
    python: str
    numpy: str
    polars: str
    torch: str


@dataclass(frozen=True)
class Worker:
    """What a worker says of itself.

    Attributes:
        host: Its name.
        versions: Of its packages.
        clock: Its time, seconds since 1970.
        held_bytes: Memory that its process holds.
        has_torch: Whether it has loaded torch already.
    """

    host: str
    versions: Versions
    clock: float
    held_bytes: int = 0
    has_torch: bool = False


@cache  # reading them takes longer than all else of a small task
def own_versions() -> Versions:
    """Versions of this process; torch without the name of its build."""
    return Versions(
        dropback=__version__,
        python=".".join(platform.python_version_tuple()[:2]),
        numpy=version("numpy"),
        polars=version("polars"),
        torch=version("torch").partition("+")[0],
    )


def describe_worker() -> Worker:
    """This process, as a worker tells the one that sends tasks."""
    loaded = "torch" in sys.modules
    return Worker(socket.gethostname(), own_versions(), time.time(), held_bytes(), loaded)


def require_versions(expected: Versions) -> None:
    """Refuse to work for a process of other versions.

    Raises:
        RequestError: With the host and both versions.
    """
    found = own_versions()
    if found != expected:
        ours, theirs = asdict(found), asdict(expected)
        other = [
            f"{name} {ours[name]} instead of {theirs[name]}"
            for name in ours
            if ours[name] != theirs[name]
        ]
        raise RequestError(
            f"The worker on {socket.gethostname()} has {', '.join(other)}: install the same "
            "versions on every machine."
        )


def require_workers(
    workers: Iterable[Worker],
    asked: float,
    answered: float,
    *,
    needs: Needs,
    networks: bool,
) -> None:
    """Refuse workers of other versions, whose clock is not ours, or that hold too much.

    Args:
        workers: What they said.
        asked: Our time before they were asked.
        answered: Our time when all had answered.
        needs: What a task asks for.
        networks: Whether tasks load torch.

    Raises:
        RequestError: With the host and both versions, the seconds between the clocks, or the
            memory.
    """
    expected = own_versions()
    for worker in workers:
        if worker.versions != expected:
            raise RequestError(
                f"The worker on {worker.host} has {_listed(worker.versions)}, and this process "
                f"{_listed(expected)}: install the same versions on every machine."
            )
        apart = max(asked - worker.clock, worker.clock - answered, 0.0)
        if apart > _MOST_SKEW:
            raise RequestError(
                f"The clock of {worker.host} is {apart:.0f} s from this machine's: set both (by "
                "NTP), because object stores refuse requests signed at another time."
            )
        require_room(needs, worker.held_bytes, networks=networks and not worker.has_torch)


def _listed(versions: Versions) -> str:
    return ", ".join(f"{name} {value}" for name, value in asdict(versions).items())
