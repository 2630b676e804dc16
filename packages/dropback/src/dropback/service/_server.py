"""Run the application on a socket until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from threadpoolctl import threadpool_limits

from dropback.errors import RequestError
from dropback.service._app import create_app
from dropback.service._connections import limited_protocol, report_answers
from dropback.service._logs import json_logging
from dropback.service._sockets import OpenSockets

if TYPE_CHECKING:
    import socket

    from dropback.service._app import Service

# A thread that needs the interpreter asks for it after this long; with Python's own 5 ms it would
# wait longer than a request may take in all.
_SWITCH_INTERVAL_S = 0.0005

# Linux lists each thread of the process here, by its number.
_THREADS = Path("/proc/self/task")


class Server(uvicorn.Server):
    """uvicorn, which lets live sockets answer what they have taken before it closes them."""

    def __init__(self, config: uvicorn.Config, sockets: OpenSockets) -> None:
        super().__init__(config)
        self._live_sockets = sockets

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the live sockets, then what else is open."""
        self._live_sockets.stop()
        limit_s = self.config.timeout_graceful_shutdown or 0
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit_s
        while len(self._live_sockets) and loop.time() < deadline and not self.force_exit:
            await asyncio.sleep(0.01)
        await super().shutdown(sockets)


def make_server(service: Service, *, host: str = "127.0.0.1", port: int = 8080) -> Server:
    """A server that has not started; port 0 takes a free one."""
    limits = service.limits
    sockets = OpenSockets()
    config = uvicorn.Config(
        report_answers(create_app(service, sockets)),
        host=host,
        port=port,
        loop="auto",  # uvloop, if it is installed
        http=limited_protocol(limits),
        ws="websockets-sansio",
        ws_max_size=limits.message_bytes,
        # A frame is small, and a compressed message may grow a thousandfold.
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=limits.keep_alive_s,
        timeout_graceful_shutdown=limits.shutdown_s,
    )
    return Server(config, sockets)


def serve(service: Service, *, host: str, port: int) -> None:
    """Serve until a signal (SIGINT, SIGTERM), then finish what was accepted.

    Raises:
        RequestError: The address cannot be bound.
    """
    server = make_server(service, host=host, port=port)
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    # What was loaded stays: looking through it for garbage takes a tenth of a second.
    gc.collect()
    gc.freeze()
    # A play is too small to share: a second thread makes it slower, and other plays need the core.
    with json_logging(), threadpool_limits(1, user_api="blas"):
        try:
            server.run()
        except SystemExit as error:
            raise RequestError(
                f"{host} port {port} cannot be bound: choose another --port."
            ) from error


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
        os.sched_setaffinity(int(thread.name), {core})
