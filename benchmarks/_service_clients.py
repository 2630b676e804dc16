"""Clients of the service that take little time themselves: bytes made once, sockets kept open."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import socket
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "HttpCrowd",
    "LiveCrowd",
    "Tally",
    "WatchCrowd",
    "ask",
    "live_frame",
    "live_socket",
    "read_message",
]

_HOST = "127.0.0.1"
# RFC 6455, section 5.2.
_FINAL, _MASKED = 0x80, 0x80
_TEXT, _BINARY, _PING, _PONG = 1, 2, 9, 10
_SHORT, _TWO_BYTES = 125, 126


@dataclass
class Tally:
    """What came of requests: seconds from when each was due, by status."""

    seconds: dict[int, list[float]] = field(default_factory=dict)
    offered: int = 0
    unanswered: int = 0

    def add(self, status: int, seconds: float) -> None:
        """Note an answer."""
        self.seconds.setdefault(status, []).append(seconds)

    def count(self, status: int) -> int:
        """Answers of a status."""
        return len(self.seconds.get(status, []))


def ask(sock: socket.socket, request: bytes) -> bytes:
    """One request, and its whole answer: head and body."""
    sock.sendall(request)
    answer = sock.recv(1 << 16)
    if not answer:
        raise ConnectionResetError
    while not (length := _answer_length(answer)) or len(answer) < length:
        answer += sock.recv(1 << 16)
    return answer


def _answer_length(answer: bytes) -> int:
    """Bytes of head and body together, 0 while the head has not come."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return 0
    at = answer.index(b"content-length: ") + 16
    return end + 4 + int(answer[at : answer.index(b"\r\n", at)])


class HttpCrowd:
    """Sockets on which one request after another is asked, each when it is due.

    Args:
        port: Of the service.
        request: What is asked, whole.
        most: Sockets at once; what is due beyond waits for one of them, and its seconds count.
    """

    def __init__(self, port: int, request: bytes, most: int = 1000) -> None:
        self.port, self.request, self.tally = port, request, Tally()
        self._most, self._opened, self._waiting = most, 0, deque[float]()
        self._free: list[_HttpSocket] = []
        self._answered = 0
        self._done = asyncio.Event()
        self._opening: set[asyncio.Task[None]] = set()

    def ask(self, due: float) -> None:
        """Ask once, when a socket is free or may be opened."""
        self.tally.offered += 1
        if self._free:
            self._free.pop().ask(due)
        elif self._opened < self._most:
            self._opened += 1
            task = asyncio.create_task(self._open(due))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
        else:
            self._waiting.append(due)

    async def all_answered(self) -> Tally:
        """Wait for the last answer, then close the sockets."""
        while self._answered + self.tally.unanswered < self.tally.offered:
            self._done.clear()
            await self._done.wait()
        for free in self._free:
            free.transport.close()
        return self.tally

    def answered(self, one: _HttpSocket, due: float, status: int) -> None:
        """Note an answer, and ask what waits."""
        self.tally.add(status, time.perf_counter() - due)
        self._answered += 1
        self._done.set()
        if self._waiting:
            one.ask(self._waiting.popleft())
        else:
            self._free.append(one)

    def lost(self, one: _HttpSocket, *, asked: bool) -> None:
        """Note that a socket was closed by the service."""
        self._opened -= 1
        if asked:
            self.tally.unanswered += 1
            self._done.set()
        elif one in self._free:
            self._free.remove(one)

    async def _open(self, due: float) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: _HttpSocket(self, due), _HOST, self.port)
        except OSError:
            self._opened -= 1
            self.tally.unanswered += 1
            self._done.set()


class _HttpSocket(asyncio.Protocol):
    transport: asyncio.WriteTransport

    def __init__(self, crowd: HttpCrowd, due: float) -> None:
        self._crowd, self._answer, self._due = crowd, b"", due

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.WriteTransport", transport)
        self.ask(self._due)

    def ask(self, due: float) -> None:
        self._due, self._answer = due, b""
        self.transport.write(self._crowd.request)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        length = _answer_length(self._answer)
        if length and len(self._answer) >= length:
            due, self._due = self._due, 0.0
            self._crowd.answered(self, due, int(self._answer[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._crowd.lost(self, asked=self._due > 0)


def live_frame(payload: bytes | str) -> bytes:
    """A client's message on the wire."""
    if isinstance(payload, str):
        return _masked(_TEXT, payload.encode())
    return _masked(_BINARY, payload)


def _masked(kind: int, content: bytes) -> bytes:
    """A frame whose masking key is 0, which leaves its content as it is."""
    size = len(content)
    length = [size] if size <= _SHORT else [_TWO_BYTES, *size.to_bytes(2, "big")]
    return bytes([_FINAL | kind, _MASKED | length[0], *length[1:], 0, 0, 0, 0]) + content


def _frame(data: bytes) -> tuple[int, bytes, bytes] | None:
    """Kind and content of the first frame of a service, and what follows; None while it comes."""
    if len(data) < 4:  # no frame of ours is shorter
        return None
    size, start = data[1], 2
    if size == _TWO_BYTES:
        size, start = int.from_bytes(data[2:4], "big"), 4
    if len(data) < start + size:
        return None
    return data[0] & 15, data[start : start + size], data[start + size :]


def _handshake(port: int, path: str = "/v1/live") -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {path} HTTP/1.1\r\nhost: {_HOST}:{port}\r\nupgrade: websocket\r\n"
        f"connection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: {key}\r\n\r\n"
    ).encode()


@contextlib.contextmanager
def live_socket(port: int) -> Iterator[socket.socket]:
    """A live socket, opened."""
    with socket.create_connection((_HOST, port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(_handshake(port))
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += sock.recv(1 << 16)
        assert answer.startswith(b"HTTP/1.1 101"), answer
        yield sock


def read_message(sock: socket.socket) -> bytes:
    """The next message of a service that answers one at a time; its pings are answered."""
    data = b""
    while True:
        data += sock.recv(1 << 16)
        while (found := _frame(data)) is not None:
            kind, content, data = found
            if kind != _PING:
                return content
            sock.sendall(_masked(_PONG, content))


class LiveCrowd:
    """Live plays one after another on many sockets, ten frames a second each.

    Args:
        port: Of the service.
        sockets: Plays at once; their starts are spread over a tenth of a second.
        start: Message that begins a play.
        frames: Messages of a play.
        expected: What the beginning of an answer to a frame must hold.
    """

    def __init__(
        self, port: int, sockets: int, start: bytes, frames: list[bytes], expected: bytes
    ) -> None:
        self.start, self.frames, self.expected = start, frames, expected
        self.port, self._sockets = port, sockets
        self.seconds: list[float] = []
        self.refused: list[bytes] = []

    async def run(self, seconds: float) -> None:
        """Send for so long; each play to its end."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        opened: list[_LiveSocket] = []
        for place in range(self._sockets):
            offset = 0.1 * place / self._sockets

            def make(offset: float = offset) -> _LiveSocket:
                return _LiveSocket(self, offset, until, loop)

            _, one = await loop.create_connection(make, _HOST, self.port)
            opened.append(one)
        await asyncio.gather(*(one.over for one in opened))


class _LiveSocket(asyncio.Protocol):
    transport: asyncio.WriteTransport

    def __init__(
        self, crowd: LiveCrowd, offset: float, until: float, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._crowd, self._offset, self._until, self._loop = crowd, offset, until, loop
        self.over: asyncio.Future[None] = loop.create_future()
        self._data = b""
        self._next: Callable[[bytes], None] | None = None
        self._number, self._due, self._sent = 0, 0.0, 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.WriteTransport", transport)
        self.transport.write(_handshake(self._crowd.port))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over.done():
            self._crowd.refused.append(repr(exc).encode())
            self.over.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._data += data
        if self._next is None:  # the handshake
            if self._data.endswith(b"\r\n\r\n"):
                self._data, self._next = b"", self._started
                # Spread over the tenth of a second, whenever the handshake was done.
                now = self._loop.time()
                self._due = now - now % 0.1 + 0.1 + self._offset
                self._loop.call_at(self._due, self._begin)
            return
        while (found := _frame(self._data)) is not None:
            kind, content, self._data = found
            if kind == _PING:
                self.transport.write(_masked(_PONG, content))
            else:
                self._next(content)

    def _begin(self) -> None:
        self._number, self._next = 0, self._started
        self.transport.write(self._crowd.start)

    def _started(self, message: bytes) -> None:
        if b"started" not in message[:20]:
            self._crowd.refused.append(message)
        self._next = self._answered
        self._wait()

    def _wait(self) -> None:
        self._due += 0.1
        self._loop.call_at(self._due, self._send)

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self.transport.write(self._crowd.frames[self._number])

    def _answered(self, message: bytes) -> None:
        self._crowd.seconds.append(time.perf_counter() - self._sent)
        if self._crowd.expected not in message[:20]:
            self._crowd.refused.append(message)
        self._number += 1
        if self._number < len(self._crowd.frames):
            self._wait()
        elif self._loop.time() < self._until:
            self._due += 0.1
            self._loop.call_at(self._due, self._begin)
        else:
            self.over.set_result(None)
            self.transport.close()


class WatchCrowd:
    """Watchers who read all that they are sent, and count its bytes.

    Args:
        port: Of the service.
        watchers: How many.
    """

    def __init__(self, port: int, watchers: int) -> None:
        self.port, self._count = port, watchers
        self._watchers: list[_WatchSocket] = []

    async def __aenter__(self) -> WatchCrowd:
        loop = asyncio.get_running_loop()
        for _ in range(self._count):
            _, one = await loop.create_connection(
                lambda: _WatchSocket(_handshake(self.port, "/v1/watch")), _HOST, self.port
            )
            self._watchers.append(one)
        return self

    async def __aexit__(self, *_: object) -> None:
        for one in self._watchers:
            one.transport.close()
        await asyncio.sleep(0.1)

    @property
    def bytes_each(self) -> list[int]:
        """Bytes that each watcher has read."""
        return [one.read for one in self._watchers]


class _WatchSocket(asyncio.Protocol):
    transport: asyncio.WriteTransport

    def __init__(self, opening: bytes) -> None:
        self._opening, self.read = opening, 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.WriteTransport", transport)
        self.transport.write(self._opening)

    def data_received(self, data: bytes) -> None:
        self.read += len(data)
