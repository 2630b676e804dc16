"""Write the service's log: a JSON object a line, on a thread of its own."""

from __future__ import annotations

import contextlib
import logging
import time
from logging.handlers import QueueHandler, QueueListener
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator


log: Final = logging.getLogger("dropback.service")
"""The service's logger; ``extra={"fields": {...}}`` adds fields to a line."""

_WAITING_LINES = 10_000

# What uvicorn says of each socket that is refused with an answer, which is logged as a request.
_REFUSED: Final = "ASGI callable returned without completing handshake."


class _JsonFormatter(logging.Formatter):
    """A record as a JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(record.created))
        line: dict[str, Any] = {
            "time": stamp,
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


class _BoundedQueueHandler(QueueHandler):
    """Drops lines beyond a bound: a stuck reader of the log must not stop the service."""

    queue: SimpleQueue[logging.LogRecord]

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record  # formatted by the thread that writes it

    def enqueue(self, record: logging.LogRecord) -> None:
        if self.queue.qsize() < _WAITING_LINES:
            self.queue.put(record)


@contextlib.contextmanager
def json_logging(level: int = logging.INFO) -> Iterator[None]:
    """Write the logs of the service and its server to standard error."""
    writer = logging.StreamHandler()
    writer.setFormatter(_JsonFormatter())
    queue: SimpleQueue[logging.LogRecord] = SimpleQueue()
    handler, listener = _BoundedQueueHandler(queue), QueueListener(queue, writer)
    handler.addFilter(lambda record: record.msg != _REFUSED)
    server = logging.getLogger("uvicorn")
    own = logging.getLogger("dropback")  # live plays log, too
    for logger, least in ((own, level), (server, max(level, logging.WARNING))):
        logger.addHandler(handler)
        logger.setLevel(least)
        logger.propagate = False
    listener.start()
    try:
        yield
    finally:
        for logger in (own, server):
            logger.removeHandler(handler)
            logger.propagate = True
            logger.setLevel(logging.NOTSET)
        listener.stop()
