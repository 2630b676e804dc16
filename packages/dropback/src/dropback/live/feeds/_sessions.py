"""Keep the plays that this process feeds to the networks, and move them between sockets."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dropback.errors import LiveError, RequestError
from dropback.live.feeds import _events as events
from dropback.live.feeds import _messages as live
from dropback.live.feeds._errors import ServiceError, busy, share_of
from dropback.live.feeds._wire import (
    frame_array,
    frame_bytes,
    point_forecast,
    situation_from_message,
)

if TYPE_CHECKING:
    from dropback._arrays import Singles
    from dropback.live import Forecast, LivePlay
    from dropback.live.feeds._board import LiveBoard, LivePlayRecord
    from dropback.live.feeds._events import EventLog
    from dropback.live.feeds._inference import Inference
    from dropback.live.feeds._limits import FeedLimits


class Owner(NamedTuple):
    """Who feeds.

    Attributes:
        name: Of the key, None where none is needed.
        share: Whose share of what is bounded it uses, None where there is but one user.
        live_plays: Live plays that the key allows at once, None where there is none.
        feeds: Whether it may publish.
    """

    name: str | None
    share: str | None
    live_plays: int | None
    feeds: bool


@dataclass(eq=False)
class PlaySession:
    """A live play that this process has.

    Attributes:
        record: What its events tell.
        token: Finds it again; it cannot be guessed.
        play: The play, touched by the inference thread alone.
        turn: That of the record when this process last took it; of another it has been taken away.
        owner: The socket that it belongs to, None while no socket does.
        share: Whose share of the networks' queue it uses.
        lock: Held while a frame is at the networks, so that a socket that resumes the play sees
            its state after that frame.
    """

    record: LivePlayRecord
    token: str
    play: LivePlay
    turn: int
    owner: object | None
    share: str | None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class PlaySessions:
    """The live plays of this process, bounded in number and in time.

    Args:
        limits: Of the service.
        board: The live plays of all processes.
        log: Where events go.
        inference: The networks; None where the service has none.
        worker: Name of this process.
    """

    def __init__(
        self,
        limits: FeedLimits,
        board: LiveBoard,
        log: EventLog,
        inference: Inference,
        worker: str,
    ) -> None:
        self.limits, self._board, self._log = limits, board, log
        self.inference, self._worker = inference, worker
        self._sessions: dict[str, PlaySession] = {}
        board.changed.append(self._changed)

    def __len__(self) -> int:
        return len(self._sessions)

    async def start(
        self, request: live.StartMessage, client: Owner, owner: object, former: PlaySession | None
    ) -> PlaySession:
        """Open a session for a socket, whose former play is given up."""
        slots = [player.slot for player in request.players]
        if len(set(slots)) < len(slots):
            raise RequestError(f"Each slot must have one player, got the slots {slots}.")
        situation = situation_from_message(request.situation)
        self._require_capacity(client, former)
        predictor = self.inference.predictor
        play: LivePlay = await self.inference.call(lambda: predictor.start(situation), client.share)
        if former is not None:
            self.give_up(former, "The feed began another play.")
        name, token = secrets.token_urlsafe(8), secrets.token_urlsafe(16)
        self._log.append(
            events.Started(name, _secret(token), client.name, self._worker, time.time(), request)
        )
        await self._log.applied()
        record = self._board.get(name)
        if record is None:
            raise busy("The play could not be started: try again in a second.")
        session = PlaySession(record, token, play, 0, owner, client.share)
        self._sessions[name] = session
        return session

    async def find(self, token: str, client: Owner) -> LivePlayRecord:
        """The play of a token as all processes have left it.

        It must be of the same key (404), which may publish one that is shown (403).
        """
        await self._log.applied()
        self._board.tick()  # one whose time has passed since the last second is over
        record = self._board.by_secret(_secret(token))
        if record is None or record.started.key != client.name:
            raise ServiceError(
                404,
                "No live play has this token: a play is kept for "
                f"{self.limits.resume_s:g} s after its socket is lost; start it again.",
            )
        if record.published and not client.feeds:
            raise ServiceError(
                403,
                f"The key {client.name!r} has no longer the role 'feed', and this play is shown.",
            )
        return record

    async def resume(
        self, token: str, client: Owner, owner: object
    ) -> tuple[LivePlayRecord, PlaySession | None]:
        """Give a play to another socket; the former one, if it is still open, loses it.

        Returns:
            The play, and its session; None where the play is over, and only its end is to be told.
        """
        record = await self.find(token, client)
        if record.state == "ended":
            raise ServiceError(404, f"This live play is over: {record.detail}")
        if record.over:
            return record, None
        session = self._sessions.get(record.name)
        if session is None or session.turn != record.turn:
            play = await self._played_anew(record, client.share)
            session = PlaySession(record, token, play, record.turn, None, client.share)
        async with session.lock:  # the lost socket's last frame may still be at the networks
            turn = record.turn + 1
            self._log.append(events.Moved(record.name, turn, self._worker))
            await self._log.applied()
            if record.over:
                return record, None
            if record.turn != turn or record.worker != self._worker:
                raise ServiceError(409, "Another socket has resumed this play: it goes on there.")
            session.turn, session.owner = turn, owner
            self._sessions[record.name] = session
        return record, session

    async def push(
        self, session: PlaySession, number: int, frame: Singles
    ) -> tuple[tuple[Forecast, ...], list[live.WarningMessage]]:
        """Take a frame: its forecasts, and what is doubtful in it."""
        play, record = session.play, session.record
        before, doubted = play.frame, len(play.doubts)
        try:
            forecasts = await self.inference.push(play, number, frame, session.share)
        except LiveError:
            if play.ended is not None and not record.over:
                self.give_up(session, play.ended)
            raise
        warnings = [live.WarningMessage(*doubt) for doubt in play.doubts[doubted:]]
        if number > before:
            self._log.append(
                events.Framed(
                    record.name, session.turn, number, frame_bytes(frame),
                    [point_forecast(found) for found in forecasts], warnings,
                )
            )  # fmt: skip
        return forecasts, warnings

    async def release(self, session: PlaySession, target_slot: int | None) -> Forecast:
        """The forecast of the release, which ends the play's frames."""
        forecast: Forecast = await self.inference.call(
            lambda: session.play.release(target_slot), session.share
        )
        record = session.record
        self._log.append(
            events.Released(
                record.name, session.turn, target_slot, point_forecast(forecast),
                np.asarray(forecast.cdf, "<f4").tobytes(), forecast.yards_max,
            )
        )  # fmt: skip
        await self._log.applied()
        return forecast

    async def score(
        self, record: LivePlayRecord, request: live.OutcomeMessage
    ) -> tuple[int, float]:
        """Take an outcome: its revision and its score; what is known already is no correction."""
        await self._log.applied()  # another process may just have released or withdrawn it
        _require_counted(record)
        mark, score = secrets.token_urlsafe(8), record.score(request.yards, request.result)
        count = len(record.outcomes)
        known = record.outcomes[-1] if count else None
        if known and (known.yards, known.result) == (request.yards, request.result):
            return count, known.score
        if count >= self.limits.outcomes:
            raise ServiceError(409, f"A play takes {self.limits.outcomes} outcomes: it had them.")
        self._log.append(events.Scored(record.name, mark, request.yards, request.result, score))
        await self._log.applied()
        marks = [outcome.mark for outcome in record.outcomes]
        if mark not in marks:
            _require_counted(record)
            raise busy("The outcome could not be kept: send it again.")
        return marks.index(mark) + 1, score

    async def withdraw(self, record: LivePlayRecord, reason: str | None) -> None:
        """Take a play back."""
        if record.state != "withdrawn":
            self._log.append(events.Withdrawn(record.name, reason))
            await self._log.applied()

    def leave(self, session: PlaySession, owner: object) -> None:
        """Keep a play whose socket was lost for `FeedLimits.resume_s`."""
        if session.owner is owner and not session.record.over:
            session.owner = None
            self._log.append(events.Lost(session.record.name, session.turn))

    def give_up(self, session: PlaySession, reason: str) -> None:
        """End a play that has not been released."""
        if not session.record.over:
            self._log.append(events.Ended(session.record.name, session.turn, reason))

    def require_owned(self, session: PlaySession, owner: object) -> None:
        """Refuse (409) a socket whose play is elsewhere, or does not count anymore."""
        if session.turn != session.record.turn or (
            session.owner is not owner and not session.record.over
        ):
            raise ServiceError(409, "Another socket has resumed this play: it goes on there.")
        if not session.record.released:
            _require_counted(session.record)

    async def _played_anew(self, record: LivePlayRecord, share: str | None) -> LivePlay:
        """The play as it stands in another process: its frames, read again."""
        situation = situation_from_message(record.started.start.situation)
        predictor = self.inference.predictor
        play: LivePlay = await self.inference.call(lambda: predictor.start(situation), share)
        for frame in list(record.frames):
            await self.inference.push(
                play, frame.event.number, frame_array(frame.event.frame), share
            )
        return play

    def _require_capacity(self, client: Owner, former: PlaySession | None) -> None:
        """Refuse a further play at the limit of the service (503) or of the key (429)."""
        own = former is not None and not former.record.over
        on, of_key = len(self._board) - own, self._board.count_of(client.name) - own
        if on >= self.limits.live_plays:
            raise busy(
                f"{self.limits.live_plays} live plays are open already: try again in a second."
            )
        if client.live_plays is None:
            return
        most = min(client.live_plays, share_of(self.limits.live_plays, client.share))
        if of_key >= most:
            raise ServiceError(
                429, f"The key {client.name!r} allows {most} live plays at once.", retry_after_s=1.0
            )

    def _changed(self, record: LivePlayRecord) -> None:
        """Forget the networks' state of a play that is over or elsewhere."""
        if record.over or record.worker != self._worker:
            self._sessions.pop(record.name, None)


def _require_counted(record: LivePlayRecord) -> None:
    if record.state == "withdrawn":
        raise ServiceError(409, "This play was withdrawn: start another play.")
    if record.state == "ended":
        raise ServiceError(409, f"This play is over: {record.detail}")


def _secret(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def resumed_message(record: LivePlayRecord, token: str) -> live.ResumedMessage:
    """The answer to a socket that resumes a play."""
    newest = record.outcomes[-1] if record.outcomes else None
    fields: dict[str, Any] = {
        "yards": None if newest is None else newest.yards,
        "score": None if newest is None else newest.score,
        "revision": len(record.outcomes),
    }
    return live.ResumedMessage(
        record.name, token, record.next_frame, record.state, record.newest, **fields
    )
