"""Track the open live sockets, so that a service that stops can end each of them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from starlette.websockets import WebSocketDisconnect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Message
    from starlette.websockets import WebSocket

SUBPROTOCOL = "dropback.live.v1"
"""Of the live sockets; a browser that sends its key as a subprotocol must offer this one too."""

# Close code of a service that stops (the registry of RFC 6455, section 11.7).
_RESTART = 1012


class ServiceStoppingError(Exception):
    """The service is stopping and takes no more messages."""


class OpenSockets:
    """The live sockets that are open."""

    def __init__(self) -> None:
        self._open = 0
        self._stopping = False
        self._waiting: set[asyncio.Timeout] = set()

    def __len__(self) -> int:
        return self._open

    @contextlib.asynccontextmanager
    async def accept(self, socket: WebSocket) -> AsyncIterator[None]:
        """Accept a socket, and close it with 1012 where `receive` raises `ServiceStoppingError`."""
        offered = socket.scope.get("subprotocols", ())
        await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        self._open += 1
        try:
            yield
        except ServiceStoppingError:
            await close_quietly(socket, _RESTART)
        finally:
            self._open -= 1

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


async def close_quietly(socket: WebSocket, code: int) -> None:
    """Close a socket whose client may have gone."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await socket.close(code)
