"""Track the open live sockets, so that a service that stops can end each of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import msgspec
from starlette.websockets import WebSocketDisconnect

from dropback.live.feeds._errors import ServiceError, share_of
from dropback.live.feeds._messages import ProblemMessage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starlette.types import Message
    from starlette.websockets import WebSocket

    from dropback.service._access import Client
    from dropback.service._limits import Limits

FAILED: Final = "The service failed on this request; its log says why. Nothing was changed."

SUBPROTOCOL: Final = "dropback.live.v2"
"""Of the live sockets; a browser that sends its key as a subprotocol must offer this one too."""

# RFC 6455, section 7.4.1, and the registry of its section 11.7: a service that stops.
NORMAL, GOING_AWAY, _POLICY_VIOLATION, _INTERNAL_ERROR, _RESTART = 1000, 1001, 1008, 1011, 1012


class ServiceStoppingError(Exception):
    """The service is stopping and takes no more messages."""


class OpenSockets:
    """The live sockets and event streams that are open.

    Args:
        limits: Of the service; a client may have a share of the sockets.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: Counter[str | None] = Counter()
        self._stopping = False
        self._waiting: set[asyncio.Timeout] = set()

    def __len__(self) -> int:
        return self._open.total()

    @contextlib.asynccontextmanager
    async def accept(self, socket: WebSocket, client: Client) -> AsyncIterator[None]:
        """Accept a socket, and close it with 1012 where `receive` raises `ServiceStoppingError`."""
        self.require_room(client)
        offered = socket.scope.get("subprotocols", ())
        with self.counted(client):
            await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
            try:
                yield
            except ServiceStoppingError:
                await close_quietly(socket, _RESTART)
            except (WebSocketDisconnect, asyncio.CancelledError):
                raise
            except Exception:  # goes on to the log; its client is told no more than that
                await refuse(socket, ServiceError(500, FAILED), _INTERNAL_ERROR)
                raise

    def require_room(self, client: Client) -> None:
        """Refuse (503) a client that has its share of the sockets."""
        most = share_of(self._limits.connections, client.share)
        if self._open[client.share] >= most:
            raise ServiceError(
                503, f"One client may have {most} live sockets open.", retry_after_s=1.0
            )

    @contextlib.contextmanager
    def counted(self, client: Client) -> Iterator[None]:
        """Count a socket while it is open."""
        self._open[client.share] += 1
        try:
            yield
        finally:
            self._open[client.share] -= 1
            if not self._open[client.share]:
                del self._open[client.share]

    async def receive(self, socket: WebSocket, *, idle_s: float | None = None) -> Message:
        """The next message; `TimeoutError` after `idle_s`, `ServiceStoppingError` at the end."""
        if self._stopping:
            raise ServiceStoppingError
        timeout = asyncio.timeout(idle_s)
        try:
            async with timeout:
                self._waiting.add(timeout)
                return await socket.receive()
        except TimeoutError:
            if self._stopping:
                raise ServiceStoppingError from None
            raise
        finally:
            self._waiting.discard(timeout)

    def stop(self) -> None:
        """End every socket: at once where it waits for its client, else after its answer."""
        self._stopping = True
        for timeout in self._waiting:
            timeout.reschedule(0.0)


def problem_message(error: ServiceError, *, fatal: bool = False) -> ProblemMessage:
    """A problem as the message of a socket."""
    return ProblemMessage(
        HTTPStatus(error.status).phrase, error.status, error.detail, fatal, error.retry_after_s
    )


async def send_message(socket: WebSocket, message: msgspec.Struct, *, packed: bool = False) -> None:
    """Send a message as JSON, or as MessagePack."""
    if packed:
        await socket.send_bytes(msgspec.msgpack.encode(message))
    else:
        await socket.send_text(msgspec.json.encode(message).decode())


async def refuse(
    socket: WebSocket, error: ServiceError, code: int = _POLICY_VIOLATION, *, packed: bool = False
) -> None:
    """Tell a client, who may have gone, why its socket is closed, and close it."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await send_message(socket, problem_message(error, fatal=True), packed=packed)
    await close_quietly(socket, code)


async def close_quietly(socket: WebSocket, code: int) -> None:
    """Close a socket whose client may have gone."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await socket.close(code)
