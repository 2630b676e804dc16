"""The process: the application on a socket, its log as lines of JSON."""

from __future__ import annotations

import logging
import logging.handlers
import queue
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec
import uvicorn

from dropback.errors import RequestError
from dropback.service.app import create_app
from dropback.service.protocol import guarded_http, guarded_websocket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dropback.service.app import Service
    from dropback.service.settings import ServiceSettings

__all__ = ["json_logging", "make_server", "serve"]

# Lines that wait to be written; a reader of the log who stops must not stop the service.
_WAITING_LINES = 10_000
# Of every record, in the message or of no use.
_ORDINARY = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in _ORDINARY},
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


class _DroppingHandler(logging.handlers.QueueHandler):
    """Puts records in a bounded queue, and drops those beyond it."""

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            return

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record  # written by this process: nothing need be pickled


@contextmanager
def json_logging(level: int = logging.INFO) -> Iterator[None]:
    """Write the logs of the service and its server to standard error, a JSON object a line."""
    lines: queue.Queue[logging.LogRecord] = queue.Queue(_WAITING_LINES)
    writer = logging.StreamHandler()
    writer.setFormatter(_JsonLines())
    listener = logging.handlers.QueueListener(lines, writer)
    handler = _DroppingHandler(lines)
    logger, server = logging.getLogger("dropback.service"), logging.getLogger("uvicorn")
    for one, least in ((logger, level), (server, max(level, logging.WARNING))):
        one.addHandler(handler)
        one.setLevel(least)
        one.propagate = False
    listener.start()
    try:
        yield
    finally:
        listener.stop()
        for one in (logger, server):
            one.removeHandler(handler)
            one.propagate = True
            one.setLevel(logging.NOTSET)


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
    with json_logging():
        try:
            server.run()
        except SystemExit as error:
            raise RequestError(
                f"{settings.host} port {settings.port} cannot be bound: choose another --port."
            ) from error
