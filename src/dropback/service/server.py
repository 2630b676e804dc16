"""The process: the application on a socket, its log as lines of JSON."""

from __future__ import annotations

import gc
import logging
import sys
import threading
import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec
import uvicorn
from threadpoolctl import threadpool_limits

from dropback.errors import RequestError
from dropback.service.app import create_app
from dropback.service.protocol import guarded_http, guarded_websocket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dropback.service.app import Service
    from dropback.service.settings import ServiceSettings

__all__ = ["json_logging", "make_server", "serve"]

# Lines that wait to be written, and how often they are.
_WAITING_LINES = 10_000
_WRITE_EVERY_S = 0.1
# A hundred lines without a pause keep the interpreter from a request for milliseconds.
_LINES_AT_ONCE, _BETWEEN_S = 8, 1e-3
# A thread that wants the interpreter asks for it after so long; Python's own 5 ms are those that
# a request may take in all.
_SWITCH_INTERVAL_S = 0.0005
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


class _LaterWriter(logging.Handler):
    """Keeps records for a thread that writes them every tenth of a second.

    A thread that is woken for each line takes the interpreter from the request after it. Lines
    beyond the bound are dropped: a reader of the log who stops must not stop the service.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lines: deque[logging.LogRecord] = deque()
        self._writer = logging.StreamHandler()
        self._writer.setFormatter(_JsonLines())
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dropback-log", daemon=True)
        self._thread.start()

    def handle(self, record: logging.LogRecord) -> bool:
        """Keep a record; a deque needs no lock."""
        if len(self._lines) < _WAITING_LINES:
            self._lines.append(record)
        return True

    def close(self) -> None:
        """Write what was kept."""
        self._stopping.set()
        self._thread.join()
        super().close()

    def _run(self) -> None:
        while not self._stopping.wait(_WRITE_EVERY_S):
            self._write()
        self._write()

    def _write(self) -> None:
        while self._lines:
            for _ in range(min(_LINES_AT_ONCE, len(self._lines))):
                self._writer.handle(self._lines.popleft())
            if not self._stopping.is_set():
                time.sleep(_BETWEEN_S)


@contextmanager
def json_logging(level: int = logging.INFO) -> Iterator[None]:
    """Write the logs of the service and its server to standard error, a JSON object a line."""
    handler = _LaterWriter()
    logger, server = logging.getLogger("dropback.service"), logging.getLogger("uvicorn")
    for one, least in ((logger, level), (server, max(level, logging.WARNING))):
        one.addHandler(handler)
        one.setLevel(least)
        one.propagate = False
    try:
        yield
    finally:
        for one in (logger, server):
            one.removeHandler(handler)
            one.propagate = True
            one.setLevel(logging.NOTSET)
        handler.close()


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
