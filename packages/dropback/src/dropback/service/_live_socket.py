"""``WS /v1/live``: frames in, distributions out, one play at a time on a socket."""

from __future__ import annotations

import asyncio
import contextlib
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from starlette.websockets import WebSocketDisconnect

from dropback.errors import DropbackError, RequestError
from dropback.service._codec import decode_frame
from dropback.service._forecasts import point_forecast, situation_of
from dropback.service._json_frames import frame_array
from dropback.service._live_messages import (
    ForecastMessage,
    FrameMessage,
    ProblemMessage,
    ReleasedMessage,
    ReleaseMessage,
    ResumedMessage,
    ResumeMessage,
    StartedMessage,
    StartMessage,
    live_requests,
)
from dropback.service._problems import ServiceError
from dropback.service._protocol import RESTART, SUBPROTOCOL
from dropback.service._requests import decode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Literal

    import numpy as np
    from numpy.typing import NDArray
    from starlette.types import Message
    from starlette.websockets import WebSocket

    from dropback.live import Forecast
    from dropback.service._inference import Inference
    from dropback.service._keys import StoredKey
    from dropback.service._live_messages import LiveAnswer
    from dropback.service._live_plays import HeldPlay, LivePlays
    from dropback.service._metrics import Metrics
    from dropback.service._settings import Limits
    from dropback.service._watching import Shows

__all__ = ["LiveRoute"]

# RFC 6455, section 7.4.1.
_NORMAL, _GOING_AWAY = 1000, 1001


class LiveRoute:
    """The handler of live sockets.

    Args:
        inference: What forecasts; None where the service has no networks.
        plays: The live plays held.
        shows: Where they may be watched.
        limits: Of the service.
        metrics: What is counted.
    """

    def __init__(
        self,
        inference: Inference | None,
        plays: LivePlays,
        shows: Shows,
        limits: Limits,
        metrics: Metrics,
    ) -> None:
        self._inference, self._plays, self._shows = inference, plays, shows
        self._limits, self._metrics = limits, metrics

    async def live(self, socket: WebSocket) -> None:
        """Answer ``/v1/live``."""
        if self._inference is None:
            raise ServiceError(
                503, "This service has no tracking networks: start it with a run that has."
            )
        offered = socket.scope.get("subprotocols", ())
        await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        self._metrics.live_sockets.inc()
        try:
            await _Conversation(
                self._inference, self._plays, self._shows, self._limits, socket
            ).run()
        finally:
            self._metrics.live_sockets.dec()


class _Conversation:
    """One socket, and the play that it has now."""

    def __init__(
        self,
        inference: Inference,
        plays: LivePlays,
        shows: Shows,
        limits: Limits,
        socket: WebSocket,
    ) -> None:
        self._inference, self._plays, self._shows = inference, plays, shows
        self._limits, self._socket = limits, socket
        self._key: StoredKey | None = socket.scope.get("dropback.key")
        self._held: HeldPlay | None = None

    async def run(self) -> None:
        try:
            while True:
                async with asyncio.timeout(self._limits.live_idle_s):
                    message = await self._socket.receive()
                if message["type"] == "websocket.disconnect":
                    await self._gone(message.get("code", 1006))
                    return
                await self._answer(message)
        except TimeoutError:
            idle = f"A live socket must say something every {self._limits.live_idle_s:g} s."
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                await self._refuse(408, idle, fatal=True)
                await self._socket.close(_GOING_AWAY)
        except WebSocketDisconnect:
            pass
        finally:
            if self._held is not None:
                self._plays.leave(self._held, self)

    async def _gone(self, code: int) -> None:
        """The client has left, or the service is stopping and wants the socket closed."""
        if code == _NORMAL and self._held is not None:
            self._plays.drop(self._held)
            self._held = None
        elif code == RESTART:
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                await self._socket.close(RESTART)

    async def _answer(self, message: Message) -> None:
        try:
            answer = await self._handle(message)
        except ServiceError as error:
            await self._refuse(error.status, error.detail, retry_after_s=error.retry_after_s)
        except DropbackError as error:
            await self._refuse(422, str(error))
        else:
            await self._send(answer)

    async def _handle(self, message: Message) -> LiveAnswer:
        body = message.get("bytes")
        if body is not None:
            return await self._push(*decode_frame(body))
        request = decode(live_requests, message["text"])
        if isinstance(request, FrameMessage):
            return await self._push(request.number, frame_array(request.frame))
        if isinstance(request, ReleaseMessage):
            return await self._release(request)
        if isinstance(request, StartMessage):
            return await self._start(request)
        return await self._resume(request)

    async def _start(self, request: StartMessage) -> StartedMessage:
        situation = situation_of(request.situation)
        if self._held is not None:  # a socket has one play: this one takes its place
            self._plays.drop(self._held)
            self._held = None
        self._plays.require_room(self._key)
        play = await self._inference.call(lambda: self._inference.predictor.start(situation))
        shown = self._shows.begin(request, self._key)
        self._held = self._plays.begin(play, shown, self._key, self)
        return StartedMessage(self._held.token, self._limits.resume_s)

    async def _resume(self, request: ResumeMessage) -> ResumedMessage:
        held = self._plays.resume(request.token, self._key, self)
        if self._held is not None and self._held is not held:
            self._plays.drop(self._held)
        self._held = held
        async with held.turn:  # the lost socket's last frame may be at the networks still
            newest = None if held.newest is None else point_forecast(held.newest)
            return ResumedMessage(held.token, held.play.frame + 1, newest, held.score)

    async def _push(self, number: int, frame: NDArray[np.float32]) -> ForecastMessage:
        if number >= self._limits.frames:
            raise ServiceError(413, f"A live play may have {self._limits.frames} frames.")
        async with self._turn() as held:
            before = held.play.frame
            forecasts = await self._inference.push(held.play, number, frame)
            if forecasts:
                held.newest = forecasts[-1]
            if number > before:
                self._shows.add(held.shown, number, frame, forecasts)
        ignored: Literal["duplicate", "late"] | None = None
        if number <= before:
            ignored = "duplicate" if number == before else "late"
        return ForecastMessage(number, [point_forecast(one) for one in forecasts], ignored)

    async def _release(self, request: ReleaseMessage) -> ReleasedMessage:
        async with self._turn() as held:
            forecast: Forecast = await self._inference.call(
                lambda: held.play.release(request.target_slot)
            )
            held.newest = forecast
            if request.yards is not None:
                held.score = forecast.score(request.yards)
            released = ReleasedMessage(point_forecast(forecast), held.score)
            self._shows.close(held.shown, released, request.yards)
        return released

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[HeldPlay]:
        """The play of this socket, nobody else at it."""
        held = self._held
        if held is None:
            raise RequestError("No play is begun on this socket: send 'start' or 'resume' first.")
        async with held.turn:
            if held.owner is not self:
                self._held = None
                raise ServiceError(409, "Another socket has resumed this play: it goes on there.")
            yield held

    async def _refuse(
        self, status: int, detail: str, *, fatal: bool = False, retry_after_s: float | None = None
    ) -> None:
        title = HTTPStatus(status).phrase
        await self._send(ProblemMessage(title, status, detail, fatal, retry_after_s))

    async def _send(self, answer: LiveAnswer) -> None:
        await self._socket.send_text(msgspec.json.encode(answer).decode())
