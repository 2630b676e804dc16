"""What uvicorn leaves open to a hostile client, closed: slow, endless and idle connections.

uvicorn with httptools waits for ever for a request's headers, takes headers of any length, holds
any number of pipelined requests, drains a refused body for ever, and waits for ever for a client
that does not read its answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from dropback.service._problems import problem_response

if TYPE_CHECKING:
    import asyncio

    from dropback.service._settings import Limits

__all__ = ["RESTART", "SUBPROTOCOL", "guarded_http", "guarded_websocket"]

SUBPROTOCOL = "dropback.live.v1"
"""Of the live sockets; a browser that gives its key as a subprotocol must offer this one too."""

RESTART = 1012
"""Close code of a service that stops (the registry of RFC 6455, section 11.7)."""

_HEAD_TOO_LONG = "A request line and its headers must be of at most {} bytes together."


# Requests that a client may send before it has read the answer to the first.
_PIPELINED = 16
# Bodies that were refused are read to their end, so that the client reads why; as many times the
# largest body that is taken.
_UNWANTED = 4


# Messages of a live socket that wait, in the one chunk that was read: the next chunk is not.
_WAITING_MESSAGES = 1024


def guarded_http(limits: Limits) -> type[HttpToolsProtocol]:
    """Uvicorn's HTTP protocol within limits."""
    return type("GuardedHttp", (_GuardedHttp,), {"limits": limits})


class _GuardedHttp(HttpToolsProtocol):
    limits: Limits

    def __init__(self, *args: Any, **more: Any) -> None:  # noqa: ANN401  # uvicorn's own
        super().__init__(*args, **more)
        self._deadline: asyncio.TimerHandle | None = None
        self._write_deadline: asyncio.TimerHandle | None = None
        self._in_body = False
        self._head_bytes = 0
        self._unwanted_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            self._refuse(503, "Too many sockets are open: try again in a second.")
        else:
            self._expect(self.limits.header_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect(None)
        _cancel(self._write_deadline)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._in_body:
            self._head_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing() or self._in_body:
            return
        if self.transport.get_protocol() is not self:  # a live socket from here on
            return
        if self._head_bytes > self.limits.header_bytes:
            # A head that has not ended: the parser would gather it without end.
            self._refuse(431, _HEAD_TOO_LONG.format(self.limits.header_bytes))
        elif self._deadline is None and (
            self.cycle is None  # type: ignore[redundant-expr]  # until the first request
            or self.cycle.response_complete
        ):
            self._expect(self.limits.header_s)

    def on_headers_complete(self) -> None:
        self._expect(None)
        self._in_body, self._head_bytes, self._unwanted_bytes = True, 0, 0
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self.limits.header_bytes:
            self._refuse(431, _HEAD_TOO_LONG.format(self.limits.header_bytes))
        elif len(self.pipeline) >= _PIPELINED:
            self.transport.abort()
        else:
            before = self.cycle
            super().on_headers_complete()
            # A request for a socket has no cycle, and an answer to HEAD no body to wait for.
            if self.cycle is not before and self.scope["method"] != "HEAD":
                self.cycle.transport = _Answer(self.transport, self.cycle)  # type: ignore[assignment]  # what a cycle needs of one

    def on_body(self, body: bytes) -> None:
        if self.transport.is_closing():
            return
        if self.cycle.response_complete:
            self._unwanted_bytes += len(body)
            if self._unwanted_bytes > _UNWANTED * self.limits.body_bytes:
                self.transport.abort()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_body = False
        if not self.transport.is_closing():
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._in_body:  # the rest of a body that was refused
            self._expect(self.limits.body_s)

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, msg)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_deadline = self.loop.call_later(self.limits.write_s, self.transport.abort)

    def resume_writing(self) -> None:
        _cancel(self._write_deadline)
        super().resume_writing()

    def _expect(self, seconds: float | None) -> None:
        """Drop the connection where what is expected next has not come by then."""
        _cancel(self._deadline)
        self._deadline = None
        if seconds is not None:
            self._deadline = self.loop.call_later(seconds, self.transport.abort)

    def _refuse(self, status: int, detail: str) -> None:
        if self.transport.is_closing():
            return
        response = problem_response(status, detail, retry_after_s=1.0 if status == 503 else None)
        head = [STATUS_LINE[status], *(b"%s: %s\r\n" % pair for pair in response.raw_headers)]
        self.transport.write(b"".join([*head, b"connection: close\r\n\r\n", response.body]))
        self.transport.close()


class _Answer:
    """The transport as one answer needs it: head and body leave together.

    By itself the head is a packet more, and wakes the client before there is anything to read.
    """

    def __init__(self, transport: asyncio.Transport, cycle: RequestResponseCycle) -> None:
        self._transport = transport
        self._cycle: RequestResponseCycle | None = cycle  # until the head, as it holds this too
        self._head: bytes | None = None
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        if self._cycle is not None and self._cycle.response_started:
            self._head, self._cycle = data, None
            return
        if self._head is not None:
            data, self._head = self._head + data, None
        self._transport.write(data)

    def close(self) -> None:
        if self._head is not None:  # a body that never came
            self._transport.write(self._head)
        self._transport.close()


def guarded_websocket(limits: Limits) -> type[WebSocketsSansIOProtocol]:
    """Uvicorn's WebSocket protocol within limits, which answers a message before it stops."""
    return type("GuardedWebSocket", (_GuardedWebSocket,), {"limits": limits})


class _GuardedWebSocket(WebSocketsSansIOProtocol):
    limits: Limits

    def __init__(self, *args: Any, **more: Any) -> None:  # noqa: ANN401  # uvicorn's own
        super().__init__(*args, **more)
        self._write_deadline: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        _cancel(self._write_deadline)
        super().connection_lost(exc)

    def send_receive_event_to_app(self) -> None:
        super().send_receive_event_to_app()
        if self.queue.qsize() > _WAITING_MESSAGES:
            self.transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        # Pings are answered whether or not the answers are read.
        self.transport.pause_reading()
        self._write_deadline = self.loop.call_later(self.limits.write_s, self.transport.abort)

    def resume_writing(self) -> None:
        _cancel(self._write_deadline)
        super().resume_writing()
        if not self.read_paused:
            self.transport.resume_reading()

    def shutdown(self) -> None:
        if self.handshake_complete and not self.close_sent:
            # uvicorn would close at once; the route answers what it is at, then closes.
            self.stop_keepalive()
            self.queue.put_nowait({"type": "websocket.disconnect", "code": RESTART})
        else:
            super().shutdown()


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
