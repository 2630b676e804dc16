"""Send a stored play to the service as a live feed, at its own pace or a multiple of it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import polars as pl
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from dropback.data._field import RATE_HZ
from dropback.errors import RequestError
from dropback.live import play_contexts
from dropback.live.feeds import _messages as messages
from dropback.live.feeds._wire import frame_bytes, situation_message
from dropback.service._messages import Problem
from dropback.service._sockets import SUBPROTOCOL
from dropback.tracking._schema import PLAYERS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from websockets.asyncio.client import ClientConnection

    from dropback._arrays import Singles
    from dropback.live import PlayContext
    from dropback.tracking._blocks import PlayBlock

_answers = msgspec.msgpack.Decoder(messages.LiveAnswer)
Answer = messages.ForecastMessage | messages.ReleasedMessage | messages.ScoredMessage
# Between attempts to reach the service again, and how long they go on: as long as it keeps a play.
_AGAIN_S, _GIVE_UP_S = 0.2, 30.0


@dataclass(frozen=True, eq=False)
class Feed:
    """A play to send.

    Attributes:
        situation: What was known at the snap.
        frames: Canonical, shape ``(T, 23, 6)``.
        target_slot: Of the intended receiver, None if unknown.
        yards: Yards gained, None if unknown.
        start: What else is said of the play when it starts.
    """

    situation: PlayContext
    frames: Singles
    target_slot: int | None
    yards: int | None
    start: messages.StartMessage | None = None


def feed_of(block: PlayBlock, number: int) -> Feed:
    """One play of a block as a feed, with its teams, names and description."""
    start, stop = block.offsets[number : number + 2]
    row = block.plays.row(number, named=True)
    key = (row["game_id"], row["play_id"])
    context = play_contexts(block)[number]
    players = block.players.filter(
        (pl.col("game_id") == key[0]) & (pl.col("play_id") == key[1]) & (pl.col("slot") < PLAYERS)
    )
    shown = players.select("slot", "display_name", "position").drop_nulls("display_name")
    message = messages.StartMessage(
        situation_message(context),
        messages.LIVE_VERSION,
        game=str(key[0]),
        offense=_team(row["offense"]),
        defense=_team(row["defense"]),
        players=tuple(
            messages.PlayerMessage(slot, name[:64], position=position and position[:8])
            for slot, name, position in shown.iter_rows()
        ),
        game_clock_s=row["game_clock_s"],
        description=row["description"] and row["description"][:500],
        stored=key,
    )
    return Feed(context, block.frames[start:stop], row["target_slot"], row["yards_gained"], message)


def _team(name: str | None) -> messages.TeamMessage | None:
    return None if not name else messages.TeamMessage(name[:8])


async def replay(
    feed: Feed, url: str, *, speed: float = 1.0, key: str | None = None, publish: bool = False
) -> AsyncIterator[Answer]:
    """Send a play frame by frame and yield what the service answers, the score last.

    A lost socket is opened again and the play resumed; if the service no longer has it, the play
    is sent from its start.

    Args:
        feed: The play.
        url: Of the service's live socket, ``ws://127.0.0.1:8080/v1/live``.
        speed: Times the real pace of ten frames a second.
        key: API key, if the service needs one.
        publish: Show the play to watchers.

    Raises:
        RequestError: The service cannot be reached, or refuses the play.
    """
    if not speed > 0:
        raise RequestError(f"The speed must be above 0, got {speed!r}.")
    sender = _Sender(feed, speed, publish=publish)
    lost_at = time.monotonic()
    while not sender.done:
        try:
            async with _connection(url, key) as socket:
                await sender.begin(socket)
                async for answer in sender.go_on(socket):
                    yield answer
                    lost_at = time.monotonic()
        except ConnectionClosed:
            pass  # resumed below
        except (OSError, InvalidHandshake, InvalidURI) as error:
            if sender.token is None or time.monotonic() - lost_at > _GIVE_UP_S:
                if isinstance(error, InvalidStatus) and (told := _told(error.response.body)):
                    raise RequestError(f"{url} refuses the feed: {told}") from error
                raise RequestError(
                    f"{url} must be the live socket of a service that 'dropback serve' started "
                    f"({error})."
                ) from error
        if not sender.done:
            await asyncio.sleep(_AGAIN_S)


def _told(body: bytes | bytearray | None) -> str:
    """The sentence of a problem+json body; empty where it is none."""
    try:
        return msgspec.json.decode(body or b"", type=Problem).detail
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


class _Sender:
    """Send one play over as many sockets as it takes."""

    def __init__(self, feed: Feed, speed: float, *, publish: bool) -> None:
        start = feed.start or messages.StartMessage(
            situation_message(feed.situation), messages.LIVE_VERSION
        )
        self._start = msgspec.structs.replace(start, publish=publish)
        self._released = False
        self._feed, self._pace_s = feed, 1 / (RATE_HZ * speed)
        self.token: str | None = None
        self.done = False
        self._next = 0
        self._missed: list[Answer] = []
        self._due = time.monotonic()

    async def begin(self, socket: ClientConnection) -> None:
        """Start the play, or resume it."""
        if self.token is not None:
            answer = await _request(
                socket, messages.ResumeMessage(self.token, messages.LIVE_VERSION)
            )
            if isinstance(answer, messages.ResumedMessage):
                self._note_missed(answer)
                return
        answer = await _request(socket, self._start)
        if not isinstance(answer, messages.StartedMessage):
            raise _refused(answer)
        self.token, self._next, self._released = answer.token, 0, False

    async def go_on(self, socket: ClientConnection) -> AsyncIterator[Answer]:
        """Send what remains, each frame when it is due, then the release and the yards."""
        while self._missed:
            yield self._missed.pop(0)
        while self._next < len(self._feed.frames) and not self._released:
            wait = self._due - time.monotonic()
            # A frame that is late is sent at once; the pace goes on from it.
            await asyncio.sleep(max(0.0, wait))
            self._due = max(self._due, time.monotonic() - self._pace_s) + self._pace_s
            frame = frame_bytes(self._feed.frames[self._next])
            answer = await _request(socket, messages.FrameMessage(self._next, frame))
            if isinstance(answer, messages.ProblemMessage) and answer.retry_after_s is not None:
                await asyncio.sleep(min(answer.retry_after_s, 1.0))
                continue
            if not isinstance(answer, messages.ForecastMessage):
                raise _refused(answer)
            self._next += 1
            yield answer
        if not self._released:
            answer = await _request(socket, messages.ReleaseMessage(self._feed.target_slot))
            if not isinstance(answer, messages.ReleasedMessage):
                raise _refused(answer)
            self._released = True
            yield answer
        if self._feed.yards is not None and not self.done:
            answer = await _request(
                socket, messages.OutcomeMessage(self._feed.yards, token=self.token)
            )
            if not isinstance(answer, messages.ScoredMessage):
                raise _refused(answer)
            yield answer
        self.done = True

    def _note_missed(self, resumed: messages.ResumedMessage) -> None:
        """Take the answer that the lost socket did not bring from that of resuming."""
        newest = resumed.forecast
        if newest is not None and newest.released:
            if not self._released:
                self._missed = [messages.ReleasedMessage(resumed.play, newest)]
            self._released = True
            if resumed.yards is not None and resumed.score is not None:
                self._missed.append(
                    messages.ScoredMessage(
                        resumed.play, resumed.revision, resumed.yards, resumed.score
                    )
                )
                self.done = True
        elif newest is not None and resumed.next_frame > self._next:
            self._missed = [messages.ForecastMessage(resumed.next_frame - 1, [newest])]
        self._next = resumed.next_frame


def _connection(url: str, key: str | None) -> connect:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return connect(
        url,
        additional_headers=headers,
        subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]  # a NewType of str
        compression=None,
        proxy=None,
    )


async def _request(socket: ClientConnection, message: msgspec.Struct) -> messages.LiveAnswer:
    await socket.send(msgspec.msgpack.encode(message))
    return await _answer(socket)


async def _answer(socket: ClientConnection) -> messages.LiveAnswer:
    answer: messages.LiveAnswer = _answers.decode(await socket.recv(decode=False))
    return answer


def _refused(answer: messages.LiveAnswer) -> RequestError:
    detail = answer.detail if isinstance(answer, messages.ProblemMessage) else f"got {answer!r}"
    return RequestError(f"The service refused the play: {detail}")
