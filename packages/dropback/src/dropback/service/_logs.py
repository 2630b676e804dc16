"""The service's log: lines of JSON, made and written when no request waits for it."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["json_logging", "log", "note"]

log: Final = logging.getLogger("dropback.service")
"""Where the service says what happens."""

# Lines that wait to be written, and how often they are.
_WAITING_LINES = 10_000
_WRITE_EVERY_S = 0.1
# Of every record, in the message or of no use.
_EMPTY: Final = vars(
    logging.makeLogRecord({"name": log.name, "levelno": logging.INFO, "levelname": "INFO"})
)
_ORDINARY: Final = frozenset(_EMPTY) | {"message", "asctime"}

_encode: Final = msgspec.json.Encoder(enc_hook=str).encode


class _Note(logging.LogRecord):
    """What happened, in words that are not made from arguments.

    An ordinary record looks for the caller, its thread and process, and takes 18 us of the request
    after it; this one leaves them empty.
    """

    fields: dict[str, Any]

    def __init__(self, event: str, fields: dict[str, Any]) -> None:
        self.__dict__ = _EMPTY | {"msg": event, "created": time.time(), "fields": fields}


def note(event: str, fields: dict[str, Any]) -> None:
    """Log what happened, at the level of information.

    Args:
        event: What.
        fields: Of the line.
    """
    if log.isEnabledFor(logging.INFO):
        log.handle(_Note(event, fields))


class _LaterWriter(logging.Handler):
    """Keeps records for a thread that writes them every tenth of a second, all at once.

    A thread that is woken for each line takes the interpreter from the request after it. Lines
    beyond the bound are dropped: a reader of the log who stops must not stop the service.
    """

    def __init__(self) -> None:
        super().__init__()
        self._records: deque[logging.LogRecord] = deque()
        self._stream = sys.stderr
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dropback-log", daemon=True)
        self._thread.start()

    def handle(self, record: logging.LogRecord) -> bool:
        """Keep a record; a deque needs no lock."""
        if len(self._records) < _WAITING_LINES:
            self._records.append(record)
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
        second, stamp = -1, ""
        lines = []
        while self._records:
            record = self._records.popleft()
            if int(record.created) != second:
                second = int(record.created)
                stamp = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(second))
            try:
                lines.append(_encode(_line(record, stamp)).decode() + "\n")
            except Exception:  # a line is lost, not the log
                self.handleError(record)
        with contextlib.suppress(OSError, ValueError):  # who read it is gone
            self._stream.write("".join(lines))
            self._stream.flush()


def _line(record: logging.LogRecord, stamp: str) -> dict[str, Any]:
    """The object of a line."""
    head = {"time": stamp, "level": record.levelname.lower(), "event": record.getMessage()}
    if isinstance(record, _Note):
        return head | record.fields
    fields = {name: value for name, value in vars(record).items() if name not in _ORDINARY}
    if record.exc_info:
        fields["trace"] = logging.Formatter().formatException(record.exc_info)
    return head | fields


@contextlib.contextmanager
def json_logging(level: int = logging.INFO) -> Iterator[None]:
    """Write the logs of the service and its server to standard error, a JSON object a line."""
    handler = _LaterWriter()
    server = logging.getLogger("uvicorn")
    for one, least in ((log, level), (server, max(level, logging.WARNING))):
        one.addHandler(handler)
        one.setLevel(least)
        one.propagate = False
    try:
        yield
    finally:
        for one in (log, server):
            one.removeHandler(handler)
            one.propagate = True
            one.setLevel(logging.NOTSET)
        handler.close()
