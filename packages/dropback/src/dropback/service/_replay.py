"""Send a stored play to the service as a live feed, at its own pace or a multiple of it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from dropback.data._field import RATE_HZ
from dropback.errors import RequestError
from dropback.live import play_contexts
from dropback.service import _messages as messages
from dropback.service._sockets import SUBPROTOCOL
from dropback.service._wire import encode_frame, situation_message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from websockets.asyncio.client import ClientConnection

    from dropback._arrays import Singles
    from dropback.live import PlayContext
    from dropback.tracking._blocks import PlayBlock

_answers = msgspec.json.Decoder(messages.LiveAnswer)
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
        stored: Game and play, for watchers; None if the play is not stored.
    """

    situation: PlayContext
    frames: Singles
    target_slot: int | None
    yards: int | None
    stored: tuple[int, int] | None = None


def feed_of(block: PlayBlock, number: int) -> Feed:
    """One play of a block as a feed."""
    start, stop = block.offsets[number : number + 2]
    row = block.plays.row(number, named=True)
    return Feed(
        play_contexts(block)[number],
        block.frames[start:stop],
        row["target_slot"],
        row["yards_gained"],
        (row["game_id"], row["play_id"]),
    )


async def replay(
    feed: Feed, url: str, *, speed: float = 1.0, key: str | None = None
) -> AsyncIterator[messages.ForecastMessage | messages.ReleasedMessage]:
    """Send a play frame by frame and yield what the service answers, the release last.

    A lost socket is opened again and the play resumed; if the service no longer has it, the play
    is sent from its start.

    Args:
        feed: The play.
        url: Of the service's live socket, ``ws://127.0.0.1:8080/v1/live``.
        speed: Times the real pace of ten frames a second.
        key: API key, if the service needs one.

    Raises:
        RequestError: The service cannot be reached, or refuses the play.
    """
    if not speed > 0:
        raise RequestError(f"The speed must be above 0, got {speed!r}.")
    sender = _Sender(feed, speed)
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
                raise RequestError(
                    f"{url} must be the live socket of a service that 'dropback serve' started "
                    f"({error})."
                ) from error
        if not sender.done:
            await asyncio.sleep(_AGAIN_S)


class _Sender:
    """Send one play over as many sockets as it takes."""

    def __init__(self, feed: Feed, speed: float) -> None:
        self._feed, self._pace_s = feed, 1 / (RATE_HZ * speed)
        self.token: str | None = None
        self.done = False
        self._next = 0
        self._missed: list[messages.ForecastMessage | messages.ReleasedMessage] = []
        self._due = time.monotonic()

    async def begin(self, socket: ClientConnection) -> None:
        """Start the play, or resume it."""
        if self.token is not None:
            answer = await _request(socket, messages.ResumeMessage(self.token, messages.VERSION))
            if isinstance(answer, messages.ResumedMessage):
                self._note_missed(answer)
                return
        situation = situation_message(self._feed.situation)
        answer = await _request(
            socket, messages.StartMessage(situation, messages.VERSION, self._feed.stored)
        )
        if not isinstance(answer, messages.StartedMessage):
            raise _refused(answer)
        self.token, self._next = answer.token, 0

    async def go_on(
        self, socket: ClientConnection
    ) -> AsyncIterator[messages.ForecastMessage | messages.ReleasedMessage]:
        """Send what remains, each frame when it is due, and the release."""
        while self._missed:
            yield self._missed.pop()
        while self._next < len(self._feed.frames) and not self.done:
            wait = self._due - time.monotonic()
            # A frame that is late is sent at once; the pace goes on from it.
            await asyncio.sleep(max(0.0, wait))
            self._due = max(self._due, time.monotonic() - self._pace_s) + self._pace_s
            await socket.send(encode_frame(self._next, self._feed.frames[self._next]))
            answer = await _answer(socket)
            if isinstance(answer, messages.ProblemMessage) and answer.retry_after_s is not None:
                await asyncio.sleep(min(answer.retry_after_s, 1.0))
                continue
            if not isinstance(answer, messages.ForecastMessage):
                raise _refused(answer)
            self._next += 1
            yield answer
        if self.done:
            return
        release = messages.ReleaseMessage(self._feed.target_slot, self._feed.yards)
        answer = await _request(socket, release)
        if not isinstance(answer, messages.ReleasedMessage):
            raise _refused(answer)
        self.done = True
        yield answer

    def _note_missed(self, resumed: messages.ResumedMessage) -> None:
        """Take the answer that the lost socket did not bring from that of resuming."""
        newest = resumed.forecast
        if newest is not None and newest.released:
            self._missed = [messages.ReleasedMessage(newest, resumed.score)]
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
    await socket.send(msgspec.json.encode(message).decode())
    return await _answer(socket)


async def _answer(socket: ClientConnection) -> messages.LiveAnswer:
    answer: messages.LiveAnswer = _answers.decode(await socket.recv())
    return answer


def _refused(answer: messages.LiveAnswer) -> RequestError:
    detail = answer.detail if isinstance(answer, messages.ProblemMessage) else f"got {answer!r}"
    return RequestError(f"The service refused the play: {detail}")
