"""``WS /v1/watch``: follow live plays that others send."""

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
import numpy as np
from msgspec import Meta, Struct
from starlette.websockets import WebSocketDisconnect

from dropback.service._forecasts import point_forecast
from dropback.service._live_messages import WatchedMessage, WatchedReleaseMessage, WatchingMessage
from dropback.service._protocol import RESTART, SUBPROTOCOL
from dropback.service._requests import query

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from starlette.websockets import WebSocket

    from dropback.live import Forecast
    from dropback.service._keys import StoredKey
    from dropback.service._live_messages import ReleasedMessage, StartMessage
    from dropback.service._metrics import Metrics

__all__ = ["Shown", "Shows", "WatchParameters", "WatchRoute"]

# Plays that may be watched, the newest: of 200 frames of 2 KB each they take 26 MB.
_KEPT = 64
# A feed that is silent for longer has stopped or was lost: ten frames a second are due.
_SILENT_S = 2.0


@dataclass(frozen=True, eq=False)
class _Moment:
    """One frame and the forecasts that came of it; a message only where somebody watches."""

    play: str
    number: int
    frame: NDArray[np.float32]
    forecasts: Sequence[Forecast]

    @cached_property
    def message(self) -> str:
        rounded = np.round(self.frame.astype(np.float64), 2)
        rows = np.where(np.isnan(rounded), None, rounded).tolist()  # type: ignore[call-overload]
        forecasts = [point_forecast(one) for one in self.forecasts]
        return _text(WatchedMessage(self.play, self.number, rows, forecasts))


@dataclass(eq=False)
class Shown:
    """What has been told of a live play.

    Attributes:
        key: Name of the API key that began it, None without keys; no other may watch it.
        opening: What a watcher is told first.
        moments: By number of their frames.
        closing: The release.
        touched_s: When the last of it came, on the monotonic clock.
    """

    key: str | None
    opening: WatchingMessage
    moments: list[_Moment] = field(default_factory=list)
    closing: WatchedReleaseMessage | None = None
    touched_s: float = field(default_factory=time.monotonic)

    @property
    def over(self) -> bool:
        """Whether nothing more is to come, or seems to be."""
        return self.closing is not None or time.monotonic() - self.touched_s > _SILENT_S


class Shows:
    """The live plays that may be watched, the newest `_KEPT` of them.

    Watchers read what is kept here at their own pace: a slow one holds nothing up and has no queue.
    """

    def __init__(self) -> None:
        self._shown: OrderedDict[str, Shown] = OrderedDict()
        self._changed = asyncio.Event()

    def begin(self, request: StartMessage, key: StoredKey | None) -> Shown:
        """Show a play that was just started."""
        name = secrets.token_urlsafe(8)
        opening = WatchingMessage(name, request.stored, request.situation)
        shown = Shown(None if key is None else key.name, opening)
        self._shown[name] = shown
        if len(self._shown) > _KEPT:
            self._shown.popitem(last=False)
        self._change(shown)
        return shown

    def add(
        self,
        shown: Shown,
        number: int,
        frame: NDArray[np.float32],
        forecasts: Sequence[Forecast],
    ) -> None:
        """Show a frame that was taken."""
        shown.moments.append(_Moment(shown.opening.play, number, frame, forecasts))
        self._change(shown)

    def close(self, shown: Shown, released: ReleasedMessage, yards: int | None) -> None:
        """Show the release."""
        shown.closing = WatchedReleaseMessage(
            shown.opening.play, released.forecast, released.score, yards
        )
        self._change(shown)

    async def follow(self, socket: WebSocket, play: str, after: int, key: StoredKey | None) -> None:
        """Tell a socket of a play and, when it is over or is none, of the newest; for ever.

        Args:
            socket: The watcher's.
            play: Name of the play, as ``watching`` told it.
            after: Frames up to this number of that play are passed over.
            key: The watcher's.
        """
        name = None if key is None else key.name
        asked = self._shown.get(play)
        shown: Shown | None = None
        place, closed = 0, False
        while True:
            changed = self._changed
            if shown is not None:
                while place < len(shown.moments):
                    await socket.send_text(shown.moments[place].message)
                    place += 1
                if shown.closing is not None and not closed:
                    await socket.send_text(_text(shown.closing))
                    closed = True
            following = self._following(shown, asked, name)
            if following is not None and following is not shown:
                shown, closed = following, False
                seen = after if shown is asked else -1
                place = sum(moment.number <= seen for moment in shown.moments)
                await socket.send_text(_text(shown.opening))
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SILENT_S):
                    await changed.wait()

    def _following(self, shown: Shown | None, asked: Shown | None, key: str | None) -> Shown | None:
        """The play to follow now, given what was followed and what was asked for."""
        if shown is None and asked is not None and asked.key == key:
            return asked
        if shown is not None and not shown.over:
            return shown
        return next((one for one in reversed(self._shown.values()) if one.key == key), shown)

    def _change(self, shown: Shown) -> None:
        shown.touched_s = time.monotonic()
        self._changed.set()
        self._changed = asyncio.Event()


class WatchParameters(Struct, frozen=True, forbid_unknown_fields=True):
    """What the address of a watching socket may say."""

    play: Annotated[str, Meta(max_length=64, description="Name of the play to go on with.")] = ""
    after: Annotated[int, Meta(ge=-1, le=2**31 - 1, description="Its last frame seen.")] = -1


class WatchRoute:
    """The handler of watching sockets.

    Args:
        shows: What may be watched.
        metrics: What is counted.
    """

    def __init__(self, shows: Shows, metrics: Metrics) -> None:
        self._shows, self._metrics = shows, metrics

    async def watch(self, socket: WebSocket) -> None:
        """Answer ``/v1/watch``; what a watcher says is not heard."""
        asked = query(socket, WatchParameters)
        offered = socket.scope.get("subprotocols", ())
        await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        self._metrics.live_sockets.inc()
        key = socket.scope.get("dropback.key")
        telling = asyncio.create_task(self._shows.follow(socket, asked.play, asked.after, key))
        try:
            while (message := await socket.receive())["type"] != "websocket.disconnect":
                pass
            if message.get("code") == RESTART:
                with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                    await socket.close(RESTART)
        finally:
            telling.cancel()
            # Whatever ended it, the socket is gone.
            await asyncio.gather(telling, return_exceptions=True)
            self._metrics.live_sockets.dec()


def _text(message: Struct) -> str:
    return msgspec.json.encode(message).decode()
