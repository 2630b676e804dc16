"""Keep play sessions and answer ``WS /v1/live``: frames in, forecasts out."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

import msgspec
from starlette.websockets import WebSocketDisconnect

from dropback.errors import DropbackError, RequestError
from dropback.service import _messages as messages
from dropback.service._http import ServiceError, busy, decode
from dropback.service._sockets import close_quietly
from dropback.service._wire import decode_frame, frame_array, point_forecast, situation_from_message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Message
    from starlette.websockets import WebSocket

    from dropback._arrays import Singles
    from dropback.live import Forecast, LivePlay
    from dropback.service._broadcast import Broadcast, LivePlayBroadcaster
    from dropback.service._executors import Inference
    from dropback.service._keys import StoredKey
    from dropback.service._limits import Limits
    from dropback.service._sockets import OpenSockets

# RFC 6455, section 7.4.1.
_NORMAL, _GOING_AWAY = 1000, 1001


@dataclass(eq=False)
class PlaySession:
    """A live play and what is needed to resume it.

    Attributes:
        token: Finds it again; it cannot be guessed.
        play: The play, touched by the inference thread alone.
        broadcast: What its watchers are sent.
        key: Name of the API key that started it, None without keys.
        owner: The socket that it belongs to, None while no socket does.
        lock: Held while a frame is at the networks, so that a socket that resumes the play sees
            its state after that frame.
        newest: The newest forecast.
        score: Of the release, if yards came with it.
        expiry: Ends the session of a lost socket.
    """

    token: str
    play: LivePlay
    broadcast: Broadcast
    key: str | None
    owner: object | None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    newest: Forecast | None = None
    score: float | None = None
    expiry: asyncio.TimerHandle | None = None


class PlaySessions:
    """The play sessions of a service, bounded in number and in time."""

    def __init__(self, limits: Limits, broadcaster: LivePlayBroadcaster) -> None:
        self.limits, self.broadcaster = limits, broadcaster
        self._sessions: dict[str, PlaySession] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def require_capacity(self, key: StoredKey | None) -> None:
        """Refuse a further play at the limit of the service (503) or of the key (429)."""
        if len(self._sessions) >= self.limits.live_plays:
            raise busy(
                f"{self.limits.live_plays} live plays are open already: try again in a second."
            )
        if key is None:
            return
        if sum(session.key == key.name for session in self._sessions.values()) >= key.live_plays:
            raise ServiceError(
                429,
                f"The key {key.name!r} allows {key.live_plays} live plays at once.",
                retry_after_s=1.0,
            )

    def start(
        self, play: LivePlay, request: messages.StartMessage, key: StoredKey | None, owner: object
    ) -> PlaySession:
        """Open a session for a socket."""
        token = secrets.token_urlsafe(16)
        broadcast = self.broadcaster.start(request, key)
        session = PlaySession(token, play, broadcast, None if key is None else key.name, owner)
        self._sessions[token] = session
        return session

    def resume(self, token: str, key: StoredKey | None, owner: object) -> PlaySession:
        """Give a session to another socket; the former one, if it is still open, loses it.

        A token that no session of this key has, or whose time has passed, is refused (404).
        """
        session = self._sessions.get(token)
        if session is None or session.key != (None if key is None else key.name):
            raise ServiceError(
                404,
                f"No live play has this token: plays are kept for {self.limits.resume_s:g} s "
                "after their socket is lost; start it again.",
            )
        if session.expiry is not None:
            session.expiry.cancel()
            session.expiry = None
        session.owner = owner
        return session

    def leave(self, session: PlaySession, owner: object) -> None:
        """Keep a session whose socket was lost for `Limits.resume_s`."""
        if session.owner is owner and session.token in self._sessions:
            session.owner = None
            session.expiry = asyncio.get_running_loop().call_later(
                self.limits.resume_s, self.drop, session
            )

    def drop(self, session: PlaySession) -> None:
        """End a session."""
        if session.expiry is not None:
            session.expiry.cancel()
        session.owner = None
        self._sessions.pop(session.token, None)


async def live_endpoint(
    inference: Inference | None, sessions: PlaySessions, sockets: OpenSockets, socket: WebSocket
) -> None:
    """Answer ``/v1/live``."""
    if inference is None:
        raise ServiceError(
            503, "This service has no tracking networks: start it with a run that has."
        )
    async with sockets.accept(socket):
        await _LiveSocket(inference, sessions, sockets, socket).run()


@dataclass(eq=False)
class _LiveSocket:
    """One socket, and the session that it has now."""

    inference: Inference
    sessions: PlaySessions
    sockets: OpenSockets
    socket: WebSocket
    session: PlaySession | None = None

    @property
    def _key(self) -> StoredKey | None:
        return self.socket.scope.get("dropback.key")

    async def run(self) -> None:
        idle_s = self.sessions.limits.live_idle_s
        try:
            while True:
                message = await self.sockets.receive(self.socket, idle_s=idle_s)
                if message["type"] == "websocket.disconnect":
                    if message.get("code") == _NORMAL:
                        self._drop()
                    return
                await self._answer(message)
        except TimeoutError:
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                idle = f"A live socket must send a message every {idle_s:g} s."
                await self._refuse(408, idle, fatal=True)
            await close_quietly(self.socket, _GOING_AWAY)
        except WebSocketDisconnect:
            pass
        finally:
            if self.session is not None:
                self.sessions.leave(self.session, self)

    def _drop(self) -> None:
        if self.session is not None:
            self.sessions.drop(self.session)
            self.session = None

    async def _answer(self, message: Message) -> None:
        try:
            answer = await self._handle(message)
        except ServiceError as error:
            await self._refuse(error.status, error.detail, retry_after_s=error.retry_after_s)
        except DropbackError as error:
            await self._refuse(422, str(error))
        else:
            await self._send(answer)

    async def _handle(self, message: Message) -> messages.LiveAnswer:
        body = message.get("bytes")
        if body is not None:
            return await self._push(*decode_frame(body))
        request = decode(messages.live_requests, message["text"])
        if isinstance(request, messages.FrameMessage):
            return await self._push(request.number, frame_array(request.frame))
        if isinstance(request, messages.ReleaseMessage):
            return await self._release(request)
        if isinstance(request, messages.StartMessage):
            return await self._start(request)
        return await self._resume(request)

    async def _start(self, request: messages.StartMessage) -> messages.StartedMessage:
        situation = situation_from_message(request.situation)
        self._drop()  # a socket has one play: this one takes its place
        self.sessions.require_capacity(self._key)
        play = await self.inference.call(lambda: self.inference.predictor.start(situation))
        self.session = self.sessions.start(play, request, self._key, self)
        return messages.StartedMessage(self.session.token, self.sessions.limits.resume_s)

    async def _resume(self, request: messages.ResumeMessage) -> messages.ResumedMessage:
        session = self.sessions.resume(request.token, self._key, self)
        if session is not self.session:
            self._drop()
        self.session = session
        async with session.lock:  # the lost socket's last frame may still be at the networks
            newest = None if session.newest is None else point_forecast(session.newest)
            return messages.ResumedMessage(
                session.token, session.play.frame + 1, newest, session.score
            )

    async def _push(self, number: int, frame: Singles) -> messages.ForecastMessage:
        if number >= self.sessions.limits.frames:
            raise ServiceError(413, f"A live play may have {self.sessions.limits.frames} frames.")
        async with self._locked() as session:
            before = session.play.frame
            forecasts = await self.inference.push(session.play, number, frame)
            if forecasts:
                session.newest = forecasts[-1]
            if number > before:
                self.sessions.broadcaster.add(session.broadcast, number, frame, forecasts)
        ignored: Literal["duplicate", "late"] | None = None
        if number <= before:
            ignored = "duplicate" if number == before else "late"
        return messages.ForecastMessage(
            number, [point_forecast(found) for found in forecasts], ignored
        )

    async def _release(self, request: messages.ReleaseMessage) -> messages.ReleasedMessage:
        async with self._locked() as session:
            forecast: Forecast = await self.inference.call(
                lambda: session.play.release(request.target_slot)
            )
            session.newest = forecast
            if request.yards is not None:
                session.score = forecast.score(request.yards)
            released = messages.ReleasedMessage(point_forecast(forecast), session.score)
            self.sessions.broadcaster.release(session.broadcast, released, request.yards)
        return released

    @contextlib.asynccontextmanager
    async def _locked(self) -> AsyncIterator[PlaySession]:
        """The session of this socket, locked."""
        session = self.session
        if session is None:
            raise RequestError("No play is open on this socket: send 'start' or 'resume' first.")
        async with session.lock:
            if session.owner is not self:
                self.session = None
                raise ServiceError(409, "Another socket has resumed this play: it goes on there.")
            yield session

    async def _refuse(
        self, status: int, detail: str, *, fatal: bool = False, retry_after_s: float | None = None
    ) -> None:
        title = HTTPStatus(status).phrase
        await self._send(messages.ProblemMessage(title, status, detail, fatal, retry_after_s))

    async def _send(self, answer: messages.LiveAnswer) -> None:
        await self.socket.send_text(msgspec.json.encode(answer).decode())
