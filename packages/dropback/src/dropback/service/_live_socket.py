"""Answer ``WS /v1/live``: frames in, forecasts out; JSON to JSON, MessagePack to MessagePack."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import Struct
from starlette.websockets import WebSocketDisconnect

from dropback.errors import DropbackError, RequestError
from dropback.live.feeds import _messages as live
from dropback.live.feeds._errors import ServiceError
from dropback.live.feeds._sessions import resumed_message
from dropback.live.feeds._wire import frame_array, point_forecast
from dropback.service._access import require_right, require_role
from dropback.service._http import decode
from dropback.service._sockets import (
    GOING_AWAY,
    NORMAL,
    problem_message,
    refuse,
    send_message,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Message
    from starlette.websockets import WebSocket

    from dropback.live.feeds._board import LivePlayRecord
    from dropback.live.feeds._sessions import PlaySession, PlaySessions
    from dropback.service._access import Access, Client
    from dropback.service._metrics import Metrics
    from dropback.service._sockets import OpenSockets

_FIRST = "No play is open on this socket: send 'start' or 'resume' first."


class _OldRelease(Struct, frozen=True, tag="release"):
    """A release of version 1, which had the yards."""

    yards: Any = None


@dataclass(frozen=True, eq=False)
class LiveEndpoint:
    """The handler of feeds.

    Attributes:
        sessions: The live plays; None where the service has no networks.
        sockets: The open sockets.
        access: Takes a token for each message.
        metrics: Times the frames.
    """

    sessions: PlaySessions | None
    sockets: OpenSockets
    access: Access
    metrics: Metrics

    async def live(self, socket: WebSocket) -> None:
        """Answer ``/v1/live``."""
        client = require_role(socket, "score")
        if self.sessions is None:
            raise ServiceError(
                503, "This service has no tracking networks: start it with a run that has."
            )
        async with self.sockets.accept(socket, client):
            await _LiveSocket(self, self.sessions, socket, client).run()


class _LiveSocket:
    """One socket, and the play that it has now."""

    def __init__(
        self, endpoint: LiveEndpoint, sessions: PlaySessions, socket: WebSocket, client: Client
    ) -> None:
        self._endpoint, self._sessions = endpoint, sessions
        self._socket, self._client = socket, client
        # The play that messages are of, and its session while this socket feeds it.
        self._record: LivePlayRecord | None = None
        self._session: PlaySession | None = None
        self._packed = False

    async def run(self) -> None:
        """Answer each message until the socket is closed."""
        idle_s = 0.0
        try:
            while True:
                idle_s = self._idle_s()
                message = await self._endpoint.sockets.receive(self._socket, idle_s=idle_s)
                if message["type"] == "websocket.disconnect":
                    if message.get("code") == NORMAL and self._session is not None:
                        self._sessions.give_up(self._session, "The feed closed the play.")
                    return
                if (lapsed := self._endpoint.access.lapsed(self._client)) is not None:
                    await refuse(self._socket, lapsed, packed=self._packed)
                    return
                await self._answer(message)
        except TimeoutError:
            idle = ServiceError(408, f"A live socket must send a message within {idle_s:g} s.")
            await refuse(self._socket, idle, GOING_AWAY, packed=self._packed)
        except WebSocketDisconnect:
            pass
        finally:
            if self._session is not None:
                self._sessions.leave(self._session, self)

    def _idle_s(self) -> float:
        """How long the feed may say nothing now."""
        limits, session = self._sessions.limits, self._session
        if session is None or session.record.over:
            return limits.between_plays_s
        return limits.live_idle_s

    async def _answer(self, message: Message) -> None:
        body = message.get("bytes")
        self._packed = body is not None
        try:
            self._endpoint.access.take(self._client)
            answer = await self._handle(_decode(message["text"] if body is None else body))
        except ServiceError as error:
            await self._send(problem_message(error))
        except DropbackError as error:
            await self._send(problem_message(ServiceError(422, str(error))))
        else:
            await self._send(answer)

    async def _handle(self, request: live.LiveRequest) -> live.LiveAnswer:
        match request:
            case live.FrameMessage():
                with self._endpoint.metrics.time_frame():
                    return await self._push(request)
            case live.ReleaseMessage():
                return await self._release(request)
            case live.OutcomeMessage():
                record = await self._named(request.token)
                revision, score = await self._sessions.score(record, request)
                return live.ScoredMessage(record.name, revision, request.yards, score)
            case live.WithdrawMessage():
                record = await self._named(request.token)
                await self._sessions.withdraw(record, request.reason)
                return live.WithdrawnMessage(record.name)
            case live.StartMessage():
                return await self._start(request)
        return await self._resume(request)

    async def _named(self, token: str | None) -> LivePlayRecord:
        """The play of a token, or of this socket."""
        if token is not None:
            return await self._sessions.find(token, self._client.owner)
        if self._record is None:
            raise RequestError(_FIRST)
        return self._record

    async def _start(self, request: live.StartMessage) -> live.StartedMessage:
        if request.publish:
            require_right(self._client, "feed")
        session = await self._sessions.start(request, self._client.owner, self, self._session)
        self._session, self._record = session, session.record
        return live.StartedMessage(
            session.record.name, session.token, request.publish, self._sessions.limits.resume_s
        )

    async def _resume(self, request: live.ResumeMessage) -> live.ResumedMessage:
        record, session = await self._sessions.resume(request.token, self._client.owner, self)
        if self._session is not None and self._session.record is not record:
            self._sessions.give_up(self._session, "The feed went on with another play.")
        self._session, self._record = session, record
        return resumed_message(record, request.token)

    async def _push(self, request: live.FrameMessage) -> live.ForecastMessage:
        number, most = request.number, self._sessions.limits.frames
        if number >= most:
            raise ServiceError(413, f"A live play may have {most} frames.")
        frame = frame_array(request.frame)
        async with self._locked() as session:
            before = session.play.frame
            forecasts, warnings = await self._sessions.push(session, number, frame)
        ignored: Literal["duplicate", "late"] | None = None
        if number <= before:
            ignored = "duplicate" if number == before else "late"
        return live.ForecastMessage(
            number, [point_forecast(found) for found in forecasts], ignored, warnings
        )

    async def _release(self, request: live.ReleaseMessage) -> live.ReleasedMessage:
        async with self._locked() as session:
            forecast = await self._sessions.release(session, request.target_slot)
        return live.ReleasedMessage(session.record.name, point_forecast(forecast))

    @contextlib.asynccontextmanager
    async def _locked(self) -> AsyncIterator[PlaySession]:
        """The session of this socket, locked."""
        session = self._session
        if session is None:
            raise ServiceError(409, f"This play is over: {(await self._named(None)).detail}")
        async with session.lock:
            self._sessions.require_owned(session, self)
            yield session

    async def _send(self, answer: live.LiveAnswer) -> None:
        await send_message(self._socket, answer, packed=self._packed)


def _decode(body: str | bytes) -> live.LiveRequest:
    """A message; what version 1 said otherwise is told so."""
    as_json, as_pack = live.LIVE_DECODERS
    try:
        message: live.LiveRequest = decode(
            as_json if isinstance(body, str) else as_pack, body, "/asyncapi.json"
        )
    except ServiceError:
        if isinstance(body, bytes) and body[:4] == b"DBFR":
            detail = (
                "This is a binary frame of version 1, and the service speaks version "
                f"{live.LIVE_VERSION}: send frames as MessagePack or JSON, see /asyncapi.json."
            )
            raise ServiceError(422, detail) from None
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            decoder = msgspec.json if isinstance(body, str) else msgspec.msgpack
            if decoder.decode(body, type=_OldRelease).yards is not None:
                raise ServiceError(
                    422,
                    "A release has no yards since version 2: send them as an 'outcome' when it is "
                    "known.",
                ) from None
        raise
    return message
