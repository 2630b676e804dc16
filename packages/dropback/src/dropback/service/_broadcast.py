"""Broadcast live plays to the sockets of ``WS /v1/watch``."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta, Struct

from dropback.data._field import RATE_HZ
from dropback.live._stored import field_lines
from dropback.service._http import query
from dropback.service._messages import WatchedMessage, WatchedReleaseMessage, WatchingMessage
from dropback.service._wire import frame_rows, point_forecast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.websockets import WebSocket

    from dropback._arrays import Singles
    from dropback.live import Forecast
    from dropback.service._keys import StoredKey
    from dropback.service._messages import ReleasedMessage, StartMessage
    from dropback.service._sockets import OpenSockets

# The newest plays may be watched: of 200 frames of 2 KB each they take 26 MB.
_MAX_PLAYS = 64
# A feed that is silent for longer has stopped or was lost: ten frames a second are due.
_SILENT_S = 2.0


@dataclass(frozen=True, eq=False)
class _BroadcastFrame:
    """One frame and its forecasts; a message only where somebody watches."""

    play: str
    number: int
    frame: Singles
    forecasts: Sequence[Forecast]

    @cached_property
    def message(self) -> str:
        forecasts = [point_forecast(forecast) for forecast in self.forecasts]
        (rows,) = frame_rows(self.frame[None])
        return _text(WatchedMessage(self.play, self.number, rows, forecasts))


@dataclass(eq=False)
class Broadcast:
    """What watchers of one live play are sent.

    Attributes:
        key: Name of the API key that started the play, None without keys; no other may watch it.
        opening: The first message.
        frames: The frames so far.
        release: The release, when it has come.
        changed_s: When it last changed, on the monotonic clock.
    """

    key: str | None
    opening: WatchingMessage
    frames: list[_BroadcastFrame] = field(default_factory=list)
    release: WatchedReleaseMessage | None = None
    changed_s: float = field(default_factory=time.monotonic)

    @property
    def over(self) -> bool:
        """Whether the play was released, or seems to have stopped."""
        return self.release is not None or time.monotonic() - self.changed_s > _SILENT_S


class LivePlayBroadcaster:
    """The live plays that may be watched.

    Watchers read what is kept here at their own pace: a slow one holds nothing up and has no queue.
    """

    def __init__(self) -> None:
        self._broadcasts: OrderedDict[str, Broadcast] = OrderedDict()
        self._changed = asyncio.Event()

    def start(self, request: StartMessage, key: StoredKey | None) -> Broadcast:
        """Broadcast a play that was just started."""
        name = secrets.token_urlsafe(8)
        at = request.situation
        lines = field_lines(at.line_of_scrimmage_x_yd, at.yards_to_goal, at.yards_to_go)
        opening = WatchingMessage(name, request.stored, at, lines, RATE_HZ)
        broadcast = Broadcast(None if key is None else key.name, opening)
        self._broadcasts[name] = broadcast
        if len(self._broadcasts) > _MAX_PLAYS:
            self._broadcasts.popitem(last=False)
        self._notify(broadcast)
        return broadcast

    def add(
        self, broadcast: Broadcast, number: int, frame: Singles, forecasts: Sequence[Forecast]
    ) -> None:
        """Broadcast a frame."""
        name = broadcast.opening.play
        broadcast.frames.append(_BroadcastFrame(name, number, frame, forecasts))
        self._notify(broadcast)

    def release(self, broadcast: Broadcast, released: ReleasedMessage, yards: int | None) -> None:
        """Broadcast the release."""
        broadcast.release = WatchedReleaseMessage(
            broadcast.opening.play, released.forecast, released.score, yards
        )
        self._notify(broadcast)

    async def follow(self, socket: WebSocket, play: str, after: int, key: StoredKey | None) -> None:
        """Send a socket one play after another until it is cancelled.

        Args:
            socket: The watcher's.
            play: Name of the play to begin with, from ``watching``; the newest if it is unknown.
            after: Frames of that play up to this number are skipped.
            key: The watcher's.
        """
        key_name = None if key is None else key.name
        first = self._broadcasts.get(play)
        current: Broadcast | None = None
        position, release_sent = 0, False
        while True:
            changed = self._changed
            if current is not None:
                while position < len(current.frames):
                    await socket.send_text(current.frames[position].message)
                    position += 1
                if current.release is not None and not release_sent:
                    await socket.send_text(_text(current.release))
                    release_sent = True
            following = self._next(current, first, key_name)
            if following is not None and following is not current:
                current, release_sent = following, False
                seen = after if current is first else -1
                position = sum(frame.number <= seen for frame in current.frames)
                await socket.send_text(_text(current.opening))
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SILENT_S):
                    await changed.wait()

    def _next(
        self, current: Broadcast | None, first: Broadcast | None, key: str | None
    ) -> Broadcast | None:
        """The play to follow now."""
        if current is None and first is not None and first.key == key:
            return first
        if current is not None and not current.over:
            return current
        newest_first = reversed(self._broadcasts.values())
        return next((found for found in newest_first if found.key == key), current)

    def _notify(self, broadcast: Broadcast) -> None:
        broadcast.changed_s = time.monotonic()
        self._changed.set()
        self._changed = asyncio.Event()


class WatchParameters(Struct, frozen=True, forbid_unknown_fields=True):
    """Query parameters of ``/v1/watch``."""

    play: Annotated[str, Meta(max_length=64, description="Name of the play to resume.")] = ""
    after: Annotated[int, Meta(ge=-1, le=2**31 - 1, description="Its last frame seen.")] = -1


async def watch_endpoint(
    broadcaster: LivePlayBroadcaster, sockets: OpenSockets, socket: WebSocket
) -> None:
    """Answer ``/v1/watch``; what a watcher sends is ignored."""
    parameters = query(socket, WatchParameters)
    async with sockets.accept(socket):
        key = socket.scope.get("dropback.key")
        sending = asyncio.create_task(
            broadcaster.follow(socket, parameters.play, parameters.after, key)
        )
        try:
            while (await sockets.receive(socket))["type"] != "websocket.disconnect":
                pass
        finally:
            sending.cancel()
            # Whatever ended it, the socket is gone.
            await asyncio.gather(sending, return_exceptions=True)


def _text(message: Struct) -> str:
    return msgspec.json.encode(message).decode()
