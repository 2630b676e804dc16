"""Open what runs tasks: this process, processes of this machine, or an engine on many machines.

All are one protocol, ``submit(function, *arguments) -> Future``; waiting, retrying, placing and
moving tasks is the engine's.
"""

from __future__ import annotations

import os
import re
import socket
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, TypeVar
from urllib.parse import urlsplit

from dropback._choices import nearest
from dropback.errors import RequestError
from dropback.execution._needs import Needs, held_bytes, parse_needs, require_room
from dropback.execution._processes import Processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_Result = TypeVar("_Result")

_KINDS: Final = ("serial", "threads", "processes", "ray", "dask")

# Seconds in which an address must accept a connection.
_CONNECT_TIMEOUT: Final = 5.0


def usable_cores() -> int:
    """Cores that this process may run on, which a container or `taskset` may have cut down."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Executor(Protocol):
    """Where tasks run; every executor of `concurrent.futures` is one."""

    def submit(
        self, function: Callable[..., _Result], /, *arguments: object
    ) -> Future[_Result]:  # pragma: no cover - a protocol
        """Run a function elsewhere and give its result to the future."""


ExecutorChoice: TypeAlias = "str | Executor"
"""``serial``, ``processes[:N]``, ``ray[://HOST:PORT]``, ``dask://HOST:PORT``, where files are read
``threads[:N]`` too, each with ``?cores=..&memory=..&accelerators=..`` where tasks need more than a
core; or an executor."""


@dataclass(frozen=True)
class ExecutorSettings:
    """What a text such as ``ray://10.0.0.1:10001?memory=2GB`` asks for.

    Attributes:
        kind: ``serial``, ``threads``, ``processes``, ``ray`` or ``dask``.
        workers: Threads or processes; 0 elsewhere.
        address: ``HOST:PORT`` of an engine; empty starts Ray here, or joins the one of
            ``RAY_ADDRESS``.
        needs: What each task asks for.
    """

    kind: str
    workers: int = 0
    address: str = ""
    needs: Needs = field(default_factory=Needs)


def parse_executor(text: str) -> ExecutorSettings:
    """Read the text of ``--executor``, as `ExecutorChoice` describes.

    Raises:
        RequestError: Another word, a number of workers below 1, or an address without a port.

    Example:
        >>> parse_executor("processes:4").workers, parse_executor("dask://10.0.0.1:8786").address
        (4, '10.0.0.1:8786')
    """
    body, _, query = text.partition("?")
    wanted = parse_needs(query)
    found = re.fullmatch(r"(serial|ray|(threads|processes)(:(-?\d+))?)", body)
    if found:
        kind = body.partition(":")[0]
        workers = 0
        if kind in {"threads", "processes"}:
            workers = int(found[4]) if found[4] else usable_cores()
            if workers < 1:
                raise RequestError(f"{kind} must be at least 1, got {body!r}.")
        _require_held(text, kind, wanted)
        return ExecutorSettings(kind, workers, "", wanted)
    parts = urlsplit(body)
    try:
        # What stands behind the port would be dropped in silence.
        complete = bool(parts.hostname and parts.port) and body.endswith(f"//{parts.netloc}")
    except ValueError:
        complete = False
    if parts.scheme not in {"ray", "dask"} or not complete:
        raise RequestError(
            "An executor must be serial, processes, processes:4, ray, ray://HOST:PORT or "
            f"dask://HOST:PORT, got {text!r}.{nearest(text, ('serial', 'processes', 'ray'))}"
        )
    _require_held(text, parts.scheme, wanted)
    return ExecutorSettings(parts.scheme, 0, parts.netloc, wanted)


# What an executor holds a task to; threads share all that their process has.
_HELD: Final[dict[str, tuple[str, ...]]] = {
    "serial": (),
    "threads": (),
    "processes": ("memory_bytes",),
    "dask": ("memory_bytes", "accelerators"),
    "ray": ("memory_bytes", "accelerators", "cores"),
}


def _require_held(text: str, kind: str, wanted: Needs) -> None:
    """Refuse needs that nothing holds a task to.

    Raises:
        RequestError: There is one.
    """
    held = {name: getattr(wanted, name) for name in _HELD[kind]}
    if wanted != replace(Needs(), **held):
        raise RequestError(
            f"{kind} cannot hold a task to what comes after ? in {text!r}: processes take memory=, "
            "dask accelerators= too, ray also cores=."
        )


@dataclass(frozen=True)
class _Opened:
    """An executor that is open, with what its tasks ask for."""

    executor: Executor
    needs: Needs

    def submit(self, function: Callable[..., _Result], /, *arguments: object) -> Future[_Result]:
        """Run the function there."""
        return self.executor.submit(function, *arguments)


@contextmanager
def opened(choice: ExecutorChoice, *, threads: bool = False) -> Iterator[ExecutorChoice]:
    """Yield an executor that is open while a command reads, ``serial`` by its name.

    What is wrong with it, an address where nothing listens or a worker without the package, is so
    told at once and not after minutes of reading.

    Args:
        choice: As for `open_executor`.
        threads: As for `open_executor`.

    Raises:
        RequestError: As for `open_executor`.
    """
    if not isinstance(choice, str):
        yield choice
    elif parse_executor(choice).kind == "serial":
        yield "serial"
    else:
        with open_executor(choice, threads=threads) as (executor, needs):
            yield _Opened(executor, needs)


@contextmanager
def open_executor(
    choice: ExecutorChoice, *, threads: bool = False
) -> Iterator[tuple[Executor, Needs]]:
    """Yield an executor and what its tasks ask for; close it afterwards unless it was given.

    Args:
        choice: A text, or an executor that stays open.
        threads: Whether tasks may share a process. Those of networks may not: torch has one state
            of random numbers for all threads.

    Raises:
        RequestError: The text is wrong, a package is missing, nothing answers at the address, or a
            worker has other versions, another clock, or less than tasks need.
    """
    if isinstance(choice, _Opened):
        yield choice.executor, choice.needs
        return
    if not isinstance(choice, str):
        _require_submit(choice)
        yield choice, Needs()
        return
    settings = parse_executor(choice)
    if settings.kind == "threads" and not threads:
        raise RequestError(
            f"{choice!r} is for commands that read files; this one takes serial, processes:N, ray "
            "or dask://HOST:PORT."
        )
    executor: Any
    if settings.kind == "serial":
        executor = SerialExecutor()
    elif settings.kind == "threads":
        executor = ThreadPoolExecutor(settings.workers)
    elif settings.kind == "processes":
        executor = Processes(settings.workers)
    else:
        joined = os.environ.get("RAY_ADDRESS", "") if settings.kind == "ray" else ""
        place = settings.address or joined.removeprefix("ray://")
        if place not in {"", "auto", "local"}:  # Ray's own words
            _require_listening(settings.kind, place)
        if settings.kind == "ray":
            from dropback.execution._ray import RayExecutor

            executor = RayExecutor(settings.address, settings.needs, networks=not threads)
        else:
            from dropback.execution._dask import DaskExecutor

            executor = DaskExecutor(settings.address, settings.needs, networks=not threads)
    try:
        if settings.kind == "processes" and settings.needs.memory_bytes:
            held = executor.submit(held_bytes).result()
            require_room(settings.needs, held, networks=not threads)
        yield executor, settings.needs
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _require_submit(choice: object) -> None:
    """Refuse what can run nothing.

    Raises:
        RequestError: It is no executor.
    """
    if not callable(getattr(choice, "submit", None)):
        raise RequestError(
            "executor must be a text such as processes:4, or an executor of concurrent.futures, "
            f"got {choice!r}."
        )


def _require_listening(kind: str, address: str) -> None:
    """Tell an address where nothing listens at once, and not after the engine's own minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_TIMEOUT).close()
    except (OSError, ValueError) as error:
        raise RequestError(
            f"{kind}://{address}: nothing answers there ({getattr(error, 'strerror', '') or error}"
            f"): start the {kind} head first, or check the address."
        ) from error


class SerialExecutor:
    """Runs each task at once, in this thread."""

    def submit(self, function: Callable[..., _Result], /, *arguments: object) -> Future[_Result]:
        """Run the function; the future is done when this returns."""
        future: Future[_Result] = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:  # whoever asks for the result gets it
            future.set_exception(error)
        return future

    def shutdown(self, *, wait: bool, cancel_futures: bool) -> None:
        """Do nothing: no task is left."""
