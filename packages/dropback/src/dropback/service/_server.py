"""Bind the address, load what is served, and run it until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import re
import socket
import sys
from dataclasses import dataclass, replace
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from threadpoolctl import threadpool_limits

from dropback.errors import RequestError
from dropback.service._app import Application, load_service, make_access
from dropback.service._connections import limit_connections, report_answers
from dropback.service._limits import Limits
from dropback.service._logs import json_logging
from dropback.service._telemetry import instrumented

if TYPE_CHECKING:
    from collections.abc import Callable

    from dropback.live import Engine
    from dropback.live.feeds._events import EventLog
    from dropback.service._app import Service

# A thread that needs the interpreter asks for it after this long; with Python's own 5 ms it would
# wait longer than a request may take in all.
_SWITCH_INTERVAL_S = 0.0005

_PREFIX = re.compile(r"(/[\w.~-]+)+", re.ASCII)

# Linux lists each thread of the process here, by its number.
_THREADS = Path("/proc/self/task")


@dataclass(frozen=True)
class ServeSettings:
    """What is served, where, and to whom: the options of ``dropback serve``.

    Attributes:
        run, engine, scores, plays, decisions, seasons, projection, games, expected_points: See
            `load_service`.
        keys, public, hosts, origins: See `make_access`.
        host, port: Address to bind; port 0 takes a free one.
        root_path: Prefix at which a proxy serves this.
        forwarded_allow_ips: Addresses of proxies whose ``X-Forwarded-For`` and ``-Proto`` are
            believed, separated by commas; empty believes none.
        redis: URL of the store that several processes share; None keeps live plays in this one.
        workers: Processes.
        drain_s: See `Limits`.
        telemetry: Send traces and metrics by OpenTelemetry.
    """

    run: Path | None = None
    engine: Engine | None = None
    scores: tuple[Path, ...] = ()
    plays: Path | None = None
    decisions: Path | None = None
    seasons: Path | None = None
    projection: Path | None = None
    games: Path | None = None
    expected_points: Path | None = None
    keys: Path | None = None
    public: bool = False
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    port: int = 8080
    root_path: str = ""
    forwarded_allow_ips: str = ""
    redis: str | None = None
    workers: int = 1
    drain_s: float = 0.0
    telemetry: bool = False

    def check(self) -> None:
        """Refuse what cannot be served, before anything is loaded.

        Raises:
            RequestError: Options that do not go together, or a store that does not answer.
            ReaderError: A file of keys that is none.
        """
        make_access(
            host=self.host, keys=self.keys, public=self.public, hosts=self.hosts,
            origins=self.origins,
        )  # fmt: skip
        if self.run is None and not self.scores and self.plays is None:
            raise RequestError(
                "There is nothing to serve: name a run with play networks, --scores or --plays."
            )
        if self.workers > 1 and self.redis is None:
            raise RequestError(
                f"--workers {self.workers} share their live plays through Redis: name it with "
                "--redis redis://127.0.0.1:6379."
            )
        if self.root_path and not _PREFIX.fullmatch(self.root_path):
            raise RequestError(
                "--root-path must begin with / and not end with it, of letters, digits and ._~-, "
                f"got {self.root_path!r}."
            )
        for address in filter(None, self.forwarded_allow_ips.split(",")):
            _require_address(address.strip())
        if not 0 <= self.drain_s <= 3600:
            raise RequestError(f"--drain must be 0 to 3600 seconds, got {self.drain_s!r}.")
        if self.redis is not None:
            _event_log(self.redis)  # the extra and the URL
            from dropback.live.feeds._redis import require_redis  # noqa: PLC0415  # an extra

            require_redis(self.redis)

    def service(self) -> Service:
        """Read the files to serve."""
        return load_service(
            run=self.run, engine=self.engine, scores=self.scores, plays=self.plays,
            decisions=self.decisions, seasons=self.seasons, projection=self.projection,
            games=self.games, expected_points=self.expected_points,
            access=make_access(
                host=self.host, keys=self.keys, public=self.public, hosts=self.hosts,
                origins=self.origins,
            ),
            root_path=self.root_path,
            log=_event_log(self.redis),
            limits=replace(Limits(), drain_s=self.drain_s),
        )  # fmt: skip


class Server(uvicorn.Server):
    """uvicorn, which says that it stops, then ends the live sockets, then what else is open."""

    def __init__(self, config: uvicorn.Config, application: Application, drain_s: float) -> None:
        super().__init__(config)
        self._application, self._drain_s = application, drain_s
        self.ready: Callable[[], None] = lambda: None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self.ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain, close the listeners, end the live sockets, then what else is open."""
        loop = asyncio.get_running_loop()
        self._application.drain()
        until = loop.time() + self._drain_s
        while loop.time() < until and not self.force_exit:
            await asyncio.sleep(0.05)
        # Before the sockets: a feed that comes back at once must reach another worker.
        for server in self.servers:
            server.close()
        self._application.stop()
        deadline = loop.time() + (self.config.timeout_graceful_shutdown or 0)
        open_sockets = self._application.sockets
        while len(open_sockets) and loop.time() < deadline and not self.force_exit:
            await asyncio.sleep(0.01)
        await super().shutdown(sockets)


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens; who connects before the service is loaded waits for it.

    Raises:
        RequestError: The address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        raise RequestError(
            f"{host} port {port} cannot be bound ({error}): choose another --port or --host."
        ) from error


def make_server(
    service: Service, *, forwarded_allow_ips: str = "", telemetry: bool = False
) -> Server:
    """A server that has not started; its `run` takes the sockets that `bind` gives."""
    limits = service.limits
    application = Application(service)
    app = instrumented(application.app, application.metrics) if telemetry else application.app
    config = uvicorn.Config(
        report_answers(app),
        loop="auto",  # uvloop, if it is installed
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=limits.message_bytes,
        # A frame is small, and a compressed message may grow a thousandfold.
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=bool(forwarded_allow_ips),
        forwarded_allow_ips=forwarded_allow_ips or None,
        server_header=False,
        timeout_keep_alive=limits.keep_alive_s,
        timeout_graceful_shutdown=limits.shutdown_s,
    )
    config.load()
    config.http_protocol_class = limit_connections(config.http_protocol_class, limits)
    return Server(config, application, limits.drain_s)


def run_worker(
    settings: ServeSettings, listener: socket.socket, ready: Callable[[], None] | None = None
) -> None:
    """Load and serve in this process until a signal (SIGINT, SIGTERM), then finish.

    Args:
        settings: What is served.
        listener: From `bind`.
        ready: Called when requests are answered.
    """
    # A play is too small to share: a second thread makes it slower, and other plays need the core.
    with json_logging(), threadpool_limits(1, user_api="blas"):
        server = make_server(
            settings.service(),
            forwarded_allow_ips=settings.forwarded_allow_ips,
            telemetry=settings.telemetry,
        )
        if ready is not None:
            server.ready = ready
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        # What was loaded stays: looking through it for garbage takes a tenth of a second.
        gc.collect()
        gc.freeze()
        server.run(sockets=[listener])


def stay_on_core(core: int) -> None:
    """Keep this process, all its threads and those that they will start on one core."""
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
        with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
            os.sched_setaffinity(int(thread.name), {core})


def _require_address(address: str) -> None:
    """Refuse what would believe no proxy without a word."""
    try:
        if address != "*":
            ip_network(address)
    except ValueError as error:
        raise RequestError(
            "--forwarded-allow-ips must be addresses or networks of proxies, such as 127.0.0.1 or "
            f"10.0.0.0/8, or *, got {address!r}."
        ) from error


def _event_log(redis: str | None) -> EventLog | None:
    if redis is None:
        return None
    from dropback.live.feeds._redis import RedisLog  # noqa: PLC0415  # an extra

    return RedisLog(redis)
