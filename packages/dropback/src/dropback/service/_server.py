"""The process: the application on a socket."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

import uvicorn
from threadpoolctl import threadpool_limits

from dropback.errors import RequestError
from dropback.service._app import create_app
from dropback.service._logs import json_logging
from dropback.service._protocol import guarded_http, guarded_websocket

if TYPE_CHECKING:
    from dropback.service._app import Service
    from dropback.service._settings import ServiceSettings

__all__ = ["make_server", "serve"]

# A thread that wants the interpreter asks for it after so long; Python's own 5 ms are those that
# a request may take in all.
_SWITCH_INTERVAL_S = 0.0005


def make_server(service: Service, settings: ServiceSettings) -> uvicorn.Server:
    """A server that has not started."""
    limits = settings.limits
    return uvicorn.Server(
        uvicorn.Config(
            create_app(service),
            host=settings.host,
            port=settings.port,
            loop="auto",  # uvloop, where there is one
            http=guarded_http(limits),
            ws=guarded_websocket(limits),
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
    )


def serve(service: Service, settings: ServiceSettings) -> None:
    """Serve until told to stop (SIGINT, SIGTERM), then finish what was accepted.

    Raises:
        RequestError: The address cannot be bound.
    """
    server = make_server(service, settings)
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    # What was loaded stays: looking through it for garbage takes a tenth of a second.
    gc.collect()
    gc.freeze()
    # A play is too small to share: a second thread makes it slower, and other plays want the core.
    with json_logging(), threadpool_limits(1, user_api="blas"):
        try:
            server.run()
        except SystemExit as error:
            raise RequestError(
                f"{settings.host} port {settings.port} cannot be bound: choose another --port."
            ) from error
