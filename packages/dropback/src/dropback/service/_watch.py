"""Show live plays and the scoreboard to watchers, over ``WS`` and ``GET /v1/watch``.

A feed never waits for its watchers: its event is put on the board, and watchers are woken a few at
a time, between what else the service does. A watcher reads from the board at its own pace; one that
falls behind is next sent the newest frame.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace
from starlette.responses import Response, StreamingResponse

from dropback.live.feeds import _messages as live
from dropback.live.feeds._board import text_of
from dropback.live.feeds._errors import ServiceError
from dropback.service._access import client_of, require_role
from dropback.service._http import query
from dropback.service._sockets import problem_message, refuse

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from starlette.requests import Request
    from starlette.websockets import WebSocket

    from dropback.live.feeds._board import LiveBoard, LivePlayRecord
    from dropback.service._access import Access
    from dropback.service._sockets import OpenSockets

# Watchers that are woken between two looks at the sockets: each takes about 0.1 ms.
_WOKEN_AT_ONCE = 8
# A watcher that is behind by more frames than half a second has gets the newest instead.
_MOST_BEHIND = 5
# Plays of a watcher whose corrections are told after another play has taken their place.
_REMEMBERED = 16
# The scoreboard tells a row's changes together, this often.
_ROWS_EVERY_S = 0.5

_SERVER_SENT = "text/event-stream"


class WatchParameters(Struct, frozen=True, forbid_unknown_fields=True):
    """Query parameters of ``/v1/watch``."""

    show: Annotated[
        Literal["play", "scoreboard"],
        Meta(description="Frames of one play after another, or the rows of the scoreboard."),
    ] = "play"
    game: Annotated[str, Meta(max_length=64, description="Keep to this game.")] = ""
    play: Annotated[str, Meta(max_length=64, description="Name of the play to begin with.")] = ""
    after: Annotated[int, Meta(ge=-1, le=2**31 - 1, description="Its last frame seen.")] = -1


@dataclass(eq=False)
class _Told:
    """How much of a play a watcher has been told."""

    play: LivePlayRecord
    versions: int
    outcomes: int = 0
    release: bool = False

    def correction(self) -> str | None:
        """An outcome or a state that is new."""
        play = self.play
        if play.released is not None and not self.release:
            return None  # the release comes first
        if len(play.outcomes) > self.outcomes:
            self.outcomes = len(play.outcomes)
            return play.outcome_message()
        if play.versions != self.versions:
            self.versions = play.versions
            return play.state_message()
        return None


class _Watcher:
    """One who watches: what they are sent next, and whether they have been woken for it."""

    def __init__(self, board: LiveBoard, watch: WatchParameters) -> None:
        self._board = board
        self.game = watch.game or None
        self.woken = asyncio.Event()
        self.due = self.beat = False

    def concerns(self, play: LivePlayRecord) -> bool:
        """Whether a play that has changed is one to be told of."""
        return self.game in {None, play.started.start.game}

    def next(self) -> str | None:
        """The next message, None where there is none yet."""
        raise NotImplementedError


class _PlayWatcher(_Watcher):
    """Follows one play after another."""

    def __init__(self, board: LiveBoard, watch: WatchParameters) -> None:
        super().__init__(board, watch)
        chosen = board.get(watch.play)
        self._first = chosen if chosen is not None and chosen.published else None
        self._after = watch.after
        self._current: LivePlayRecord | None = None
        self._position = self._so_far = 0
        self._waiting = False
        self._told: OrderedDict[str, _Told] = OrderedDict()

    def concerns(self, play: LivePlayRecord) -> bool:
        return super().concerns(play) or play.name in self._told

    def next(self) -> str | None:
        current = self._current
        if current is not None:
            frames, told = current.frames, self._told[current.name]
            if self._position < len(frames):
                # All of what there was at first, however slowly it is read.
                behind = len(frames) - self._position
                if self._position >= self._so_far and behind > _MOST_BEHIND:
                    self._position = len(frames) - 1
                self._position += 1
                return frames[self._position - 1].message
            if current.released is not None and not told.release:
                told.release = True
                return current.release_message(current.released)
        for told in self._told.values():
            if (correction := told.correction()) is not None:
                return correction
        following = self._following()
        if following is not None and following is not current:
            return self._begin(following)
        if current is None and not self._waiting:
            self._waiting = True
            return text_of(live.WaitingMessage(self.game))
        return None

    def _following(self) -> LivePlayRecord | None:
        """The play to show now: the same until it is over, then the newest that runs."""
        current = self._current
        if current is None and self._first is not None:
            return self._first
        if current is None or current.over or current.state == "lost":
            return self._board.newest_running(self.game) or current
        return current

    def _begin(self, play: LivePlayRecord) -> str:
        after = self._after if play is self._first and self._current is None else -1
        self._current, self._waiting = play, False
        self._position = sum(frame.event.number <= after for frame in play.frames)
        self._so_far = len(play.frames)
        self._told[play.name] = _Told(play, play.versions)
        self._told.move_to_end(play.name)
        while len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        return play.opening()


class _RowWatcher(_Watcher):
    """Follows the scoreboard."""

    def __init__(self, board: LiveBoard, watch: WatchParameters) -> None:
        super().__init__(board, watch)
        self._begun = False
        self.changed: dict[str, LivePlayRecord] = {}

    def next(self) -> str | None:
        if not self._begun:
            self._begun = True
            self.changed.clear()
            rows = [play.row() for play in self._board.published(self.game)]
            return text_of(live.ScoreboardMessage(self.game, rows))
        if not self.changed:
            return None
        play = self.changed.pop(next(iter(self.changed)))
        return text_of(live.ScoreboardRowMessage(play.row()))


class Audience:
    """The watchers of this process.

    Args:
        board: What they watch.
    """

    def __init__(self, board: LiveBoard) -> None:
        self._board = board
        self._watchers: set[_PlayWatcher | _RowWatcher] = set()
        self._due: deque[_Watcher] = deque()
        self._work = asyncio.Event()
        self._stopping = False
        board.changed.append(self._changed)

    def __len__(self) -> int:
        return len(self._watchers)

    async def run(self) -> None:
        """Wake the watchers that are due, a few at a time, until cancelled."""
        while True:
            await self._work.wait()
            self._work.clear()
            while self._due:
                for _ in range(min(_WOKEN_AT_ONCE, len(self._due))):
                    watcher = self._due.popleft()
                    watcher.due = False
                    watcher.woken.set()
                await asyncio.sleep(0)

    def beat(self) -> None:
        """Let every watcher check that it may still watch, and that it is still there."""
        for watcher in self._watchers:
            watcher.beat = True
            self._wake(watcher)

    def stop(self) -> None:
        """End what every watcher is sent."""
        self._stopping = True
        for watcher in self._watchers:
            watcher.woken.set()

    async def follow(self, watch: WatchParameters) -> AsyncGenerator[str | None]:
        """What a watcher is sent, until it is stopped; None where it is only asked to check."""
        of = _RowWatcher if watch.show == "scoreboard" else _PlayWatcher
        watcher = of(self._board, watch)
        self._watchers.add(watcher)
        try:
            while not self._stopping:
                watcher.woken.clear()
                while (message := watcher.next()) is not None:
                    yield message
                if watcher.beat:
                    watcher.beat = False
                    yield None
                await watcher.woken.wait()
                if isinstance(watcher, _RowWatcher):
                    await asyncio.sleep(_ROWS_EVERY_S)  # ten frames a second change a row once
        finally:
            self._watchers.discard(watcher)

    def _changed(self, play: LivePlayRecord) -> None:
        if not play.published:
            return
        for watcher in self._watchers:
            if watcher.concerns(play):
                if isinstance(watcher, _RowWatcher):
                    watcher.changed[play.name] = play
                self._wake(watcher)

    def _wake(self, watcher: _Watcher) -> None:
        if not watcher.due:
            watcher.due = True
            self._due.append(watcher)
            self._work.set()


class WatchEndpoints:
    """Handlers of watchers.

    Args:
        audience: Who is woken.
        sockets: The open sockets.
        access: Who may watch, and still may.
    """

    def __init__(self, audience: Audience, sockets: OpenSockets, access: Access) -> None:
        self._audience, self._sockets, self._access = audience, sockets, access

    async def watch(self, socket: WebSocket) -> None:
        """Answer the socket ``/v1/watch``; what a watcher sends is ignored, and takes tokens."""
        client = require_role(socket, "read")
        parameters = query(socket, WatchParameters)
        async with self._sockets.accept(socket, client):
            sending = asyncio.create_task(self._send(socket, parameters))
            try:
                while (await self._sockets.receive(socket))["type"] != "websocket.disconnect":
                    self._access.take(client)
            except ServiceError as error:
                await refuse(socket, error)
            finally:
                sending.cancel()
                # Whatever ended it, the socket is gone.
                await asyncio.gather(sending, return_exceptions=True)

    async def _send(self, socket: WebSocket, parameters: WatchParameters) -> None:
        messages = self._audience.follow(parameters)
        async with contextlib.aclosing(messages):
            async for message in messages:
                if message is not None:
                    await socket.send_text(message)
                elif (problem := self._access.lapsed(client_of(socket))) is not None:
                    await refuse(socket, problem)
                    return

    async def stream(self, request: Request) -> Response:
        """Answer ``GET /v1/watch``: the same messages as Server-Sent Events."""
        client = require_role(request, "read")
        parameters = query(request, WatchParameters)
        if (last := request.headers.get("last-event-id")) and not parameters.play:
            play, _, number = last.rpartition(":")
            after = int(number) if number.isdecimal() and len(number) < 10 else -1
            parameters = replace(parameters, play=play[:64], after=after)
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        if request.method == "HEAD":
            return Response(media_type=_SERVER_SENT, headers=headers)
        self._sockets.require_room(client)
        return StreamingResponse(
            self._events(request, parameters), media_type=_SERVER_SENT, headers=headers
        )

    async def _events(self, request: Request, parameters: WatchParameters) -> AsyncIterator[str]:
        client = client_of(request)
        messages = self._audience.follow(parameters)
        with self._sockets.counted(client):
            async with contextlib.aclosing(messages):
                async for message in messages:
                    if message is not None:
                        yield _server_sent(message)
                    elif (problem := self._access.lapsed(client)) is not None:
                        yield _server_sent(text_of(problem_message(problem, fatal=True)))
                        return
                    else:
                        yield ": still here\n\n"


def _server_sent(message: str) -> str:
    """A message as an event: named by its type, numbered by play and frame where it is one."""
    kind = message[len('{"type":"') : message.index('"', len('{"type":"'))]
    number = ""
    if kind == "watched":
        frame = _frame_place.decode(message)
        number = f"id: {frame.play}:{frame.number}\n"
    return f"{number}event: {kind}\ndata: {message}\n\n"


class _FramePlace(Struct, frozen=True):
    play: str
    number: int


_frame_place = msgspec.json.Decoder(_FramePlace)
