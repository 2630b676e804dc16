"""Limit what a connection may take before and around the application: time, bytes and requests.

uvicorn waits forever for a request's headers, takes headers of any length, queues any number of
pipelined requests, drains a refused body forever and waits forever for a client that does not read
its answer. `LimitedConnection` is placed between the socket and uvicorn's protocol. It uses what
asyncio documents of protocols and transports, and httptools to see where requests begin and end.
"""

from __future__ import annotations

import asyncio
import socket
from contextvars import ContextVar
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import httptools

from dropback.service._http import problem_response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from dropback.service._limits import Limits

# Requests that a client may send before it has read the answer to the first.
_PIPELINED = 16
# A refused body is read on, so that the client reads why; at most this many times the largest body.
_DRAINED_BODIES = 4
# Bytes of answers that may wait, in this process and in the kernel, for a client of a WebSocket:
# about 30 frames, so that a slow watcher soon gets newer ones. The kernel doubles what it is told.
_WAITING_BYTES, _KERNEL_BYTES = 16 << 10, 32 << 10
# Bytes of a WebSocket handed on at once. A client's message takes at least 6 bytes (RFC 6455,
# section 5.2), so at most 1,024 messages of one socket wait; the rest waits unread.
_WEBSOCKET_BYTES = 6 * 1024

_connection: ContextVar[LimitedConnection | None] = ContextVar("connection", default=None)


def limit_connections(inner: type[asyncio.Protocol], limits: Limits) -> type[LimitedConnection]:
    """The protocol class of connections within `limits` around one of the server's own."""
    fields = {"inner": inner, "limits": limits, "connections": set()}
    return type("ServiceConnection", (LimitedConnection,), fields)


def report_answers(app: ASGIApp) -> ASGIApp:
    """ASGI middleware that tells a connection when one of its requests was answered."""

    async def reporting(scope: Scope, receive: Receive, send: Send) -> None:
        connection = _connection.get()
        if scope["type"] != "http" or connection is None:
            await app(scope, receive, send)
            return

        async def report(message: Message) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body"):
                connection.answered()
            await send(message)

        await app(scope, receive, report)

    return reporting


class LimitedConnection(asyncio.Protocol):
    """One connection: uvicorn's protocol behind limits."""

    inner: type[asyncio.Protocol]
    limits: Limits
    connections: set[LimitedConnection]

    def __init__(self, **server: Any) -> None:  # noqa: ANN401  # uvicorn's own arguments
        self._inner: asyncio.Protocol = self.inner(**server)
        self._parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        self._deadline: asyncio.TimerHandle | None = None
        self._write_deadline: asyncio.TimerHandle | None = None
        self._in_body = False
        self._is_websocket = False
        self._reading_paused = False
        self._unanswered = 0
        self._head_bytes = 0
        self._parsed_head_bytes = 0
        self._drained_bytes = 0
        self._pending = b""

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Open the connection, or refuse it where too many are open."""
        self._transport = cast("asyncio.Transport", transport)
        if len(self.connections) >= self.limits.connections:
            self._refuse(503, "Too many sockets are open: try again in a second.")
            return
        self.connections.add(self)
        self._expect(self.limits.header_s)
        self._inner.connection_made(
            cast("asyncio.Transport", _InnerTransport(self, self._transport))
        )

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect(None)
        _cancel(self._write_deadline)
        self._parser, self._pending = None, b""  # the parser refers to this object
        if self in self.connections:
            self.connections.remove(self)
            self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Check the bytes against the limits, then hand them to uvicorn."""
        if self._transport.is_closing() or self._parser is None:
            return
        if self._is_websocket:
            self._pending += data
            self.feed_websocket()
            return
        if not self._in_body:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # uvicorn answers it
        except httptools.HttpParserError:
            self._refuse(400, "Invalid HTTP request received.")
        if not self._in_body and self._head_bytes > self.limits.header_bytes:
            self._refuse_head()  # it has not ended: the parser would gather it without end
        if self._transport.is_closing():
            return
        _connection.set(self)
        self._inner.data_received(data)
        idle = not (self._in_body or self._unanswered or self._is_websocket)
        if idle and self._deadline is None:
            self._expect(self.limits.header_s)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        """Give the client a bounded time to read its answers."""
        self._inner.pause_writing()
        if self._is_websocket:  # pings are answered whether or not the answers are read
            self._transport.pause_reading()
        loop = asyncio.get_running_loop()
        self._write_deadline = loop.call_later(self.limits.write_s, self._transport.abort)

    def resume_writing(self) -> None:
        _cancel(self._write_deadline)
        self._inner.resume_writing()
        if self._is_websocket and not self._reading_paused:
            self._transport.resume_reading()

    # What httptools calls.

    def on_message_begin(self) -> None:
        self._parsed_head_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._parsed_head_bytes += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._parsed_head_bytes += len(name) + len(value) + 4

    def on_headers_complete(self) -> None:
        self._expect(None)
        self._in_body, self._head_bytes, self._drained_bytes = True, 0, 0
        if self._parsed_head_bytes > self.limits.header_bytes:
            self._refuse_head()
        elif self._unanswered > _PIPELINED:
            self._transport.abort()
        self._unanswered += 1

    def on_body(self, body: bytes) -> None:
        if not self._unanswered:
            self._drained_bytes += len(body)
            if self._drained_bytes > _DRAINED_BODIES * self.limits.body_bytes:
                self._transport.abort()

    def on_message_complete(self) -> None:
        self._in_body = False

    # What the application and uvicorn's protocols call.

    def answered(self) -> None:
        """Note that the application has answered the oldest request."""
        self._unanswered -= 1
        if self._in_body and not self._unanswered:  # the rest of a body that was refused
            self._expect(self.limits.body_s)

    def use_websocket(self, protocol: asyncio.Protocol) -> None:
        """Hand what follows to the protocol of a WebSocket."""
        self._inner, self._is_websocket = protocol, True
        self._expect(None)
        self._transport.set_write_buffer_limits(_WAITING_BYTES)
        self._transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BYTES
        )

    def pause_reading(self, *, paused: bool) -> None:
        """Stop or resume reading, as the inner protocol asks."""
        self._reading_paused = paused
        if paused:
            self._transport.pause_reading()
            return
        self.feed_websocket()
        if not self._reading_paused and not self._transport.is_closing():
            self._transport.resume_reading()

    def feed_websocket(self) -> None:
        """Hand on what was read, as much as the inner protocol takes."""
        while self._pending and not (self._reading_paused or self._transport.is_closing()):
            piece = self._pending[:_WEBSOCKET_BYTES]
            self._pending = self._pending[_WEBSOCKET_BYTES:]
            self._inner.data_received(piece)

    def abort(self) -> None:
        self._transport.abort()

    def _expect(self, seconds: float | None) -> None:
        """Drop the connection unless what is expected next comes within `seconds`."""
        _cancel(self._deadline)
        self._deadline = None
        if seconds is not None:
            loop = asyncio.get_running_loop()
            self._deadline = loop.call_later(seconds, self._transport.abort)

    def _refuse_head(self) -> None:
        most = self.limits.header_bytes
        self._refuse(431, f"A request line and its headers must be at most {most} bytes together.")

    def _refuse(self, status: int, detail: str) -> None:
        if self._transport.is_closing():
            return
        response = problem_response(status, detail, retry_after_s=1.0 if status == 503 else None)
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()]
        lines += [b"%s: %s" % pair for pair in response.raw_headers]
        lines += [b"connection: close", b"", bytes(response.body)]
        self._transport.write(b"\r\n".join(lines))
        self._transport.close()


class _InnerTransport:
    """The transport as uvicorn's protocols see it: the connection decides who reads, and when."""

    def __init__(self, connection: LimitedConnection, transport: asyncio.Transport) -> None:
        self._connection, self._transport = connection, transport

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # of the transport
        return getattr(self._transport, name)

    def set_protocol(self, protocol: asyncio.Protocol) -> None:
        self._connection.use_websocket(protocol)

    def pause_reading(self) -> None:
        self._connection.pause_reading(paused=True)

    def resume_reading(self) -> None:
        self._connection.pause_reading(paused=False)


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
