"""Watching live plays: what is sent, to whom, in which order, and how much is kept."""

import asyncio
import contextlib
import dataclasses
import json
import socket
import time
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from dropback.live.feeds._board import LiveBoard, LivePlayRecord
from dropback.live.feeds._events import (
    Ended,
    Framed,
    Lost,
    Moved,
    Released,
    Scored,
    Started,
    Withdrawn,
)
from dropback.live.feeds._messages import StartMessage, TeamMessage, WarningMessage
from dropback.live.feeds._plays import PointForecast, SituationMessage
from dropback.live.feeds._wire import frame_bytes
from dropback.service._limits import Limits
from dropback.service._watch import Audience, WatchParameters
from examples import service as example
from examples.live_sockets import opened
from examples.service import in_loop

FRAME = np.full((23, 6), 1.25, np.float32)
FORECAST = PointForecast(0, True, 5.0, 4.0, {}, -3.0, 20.0, 0.1, 0.5, 0.4, None, 0, [1.0])
# Of any whole yard from -110 on, one in 211: yards y score (y + 110.5) / 211.
CDF = (np.arange(1, 212) / 211).astype("<f4").tobytes()


class Live:
    """A board, those who watch it, and the feeds that a test lets speak."""

    def __init__(self, **limits: Any) -> None:
        self.board = LiveBoard(Limits(**limits))
        self.audience = Audience(self.board)
        self._count = 0

    def start(self, frames: int = 0, *, key: str | None = None, **start: Any) -> LivePlayRecord:
        self._count += 1
        name = f"play{self._count}"
        fields = {"publish": True, "game": "G", "stored": (7, 8), **start}
        message = StartMessage(SituationMessage(35.0, 75.0, yards_to_go=10), 2, **fields)
        self.board.apply(Started(name, f"secret-{name}", key, "here", time.time(), message))
        play = self.board.get(name)
        assert play is not None
        for number in range(frames):
            self.frame(play, number)
        return play

    def frame(self, play: LivePlayRecord, number: int, *warnings: WarningMessage) -> None:
        taken = Framed(play.name, play.turn, number, frame_bytes(FRAME), [FORECAST], [*warnings])
        self.board.apply(taken)

    def release(self, play: LivePlayRecord) -> None:
        self.board.apply(Released(play.name, play.turn, 7, FORECAST, CDF, 75))

    def score(self, play: LivePlayRecord, yards: int) -> None:
        self.board.apply(Scored(play.name, f"mark-{yards}", yards, None, play.score(yards)))

    @contextlib.asynccontextmanager
    async def watched(self, **watch: Any) -> Any:
        watcher = Watcher()
        pacing = asyncio.create_task(self.audience.run())
        task = asyncio.create_task(watcher.read(self.audience, WatchParameters(**watch)))
        await settled()
        yield watcher
        await settled()
        for one in (task, pacing):
            one.cancel()
        await asyncio.gather(task, pacing, return_exceptions=True)


class Watcher:
    """Reads what it is sent, unless the test holds it up."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.reads = asyncio.Event()
        self.reads.set()

    async def read(self, audience: Audience, watch: WatchParameters) -> None:
        async for text in audience.follow(watch):
            if text is not None:
                self.received.append(json.loads(text))
                await self.reads.wait()

    @property
    def sequence(self) -> list[Any]:
        """Kinds of message; of frames their number, of states the state."""
        return [
            one.get("number", one["state"] if one["type"] == "watched_state" else one["type"])
            for one in self.received
        ]

    @property
    def plays(self) -> list[str]:
        return [one["play"] for one in self.received if one["type"] == "watching"]


async def settled() -> None:
    await asyncio.sleep(0.01)


@in_loop
async def test_a_watcher_is_sent_the_play_so_far_and_what_follows() -> None:
    live = Live()
    play = live.start(2, offense=TeamMessage("KC", color="#e31837"), description="Third down")
    async with live.watched() as watcher:
        assert watcher.sequence == ["watching", 0, 1]
        live.frame(play, 3, WarningMessage(3, "gap", "Frame 2 never came."))
        await settled()
        live.release(play)
        await settled()
        live.score(play, 6)
    assert watcher.sequence == [
        "watching", 0, 1, 3, "watched_release", "released", "watched_outcome",
    ]  # fmt: skip
    opening = watcher.received[0]
    assert (opening["state"], opening["stored"], opening["game"]) == ("running", [7, 8], "G")
    assert (opening["offense"]["abbreviation"], opening["description"]) == ("KC", "Third down")
    # The page draws the field by these: hash marks 70 feet 9 inches from the sidelines.
    lines = {"line_of_scrimmage_x_yd": 35, "first_down_x_yd": 45, "goal_line_x_yd": 110}
    size = {"length_yd": 120, "width_yd": 160 / 3, "hash_mark_y_yd": 849 / 36}
    assert opening["field"] == lines | size
    assert watcher.received[1]["frame"] == [[1.25] * 6] * 23
    assert watcher.received[3]["warnings"][0]["detail"] == "Frame 2 never came."
    outcome = watcher.received[-1]
    assert (outcome["yards"], outcome["revision"]) == (6, 1)
    assert outcome["score"] == pytest.approx(116.5 / 211, abs=1e-6)


@in_loop
async def test_an_outcome_is_corrected_in_place_also_when_another_play_is_shown() -> None:
    live = Live()
    first = live.start(1)
    async with live.watched() as watcher:
        live.release(first)
        live.score(first, 12)
        await settled()
        live.start(1)
        await settled()
        live.score(first, 0)  # the catch is overturned
    told = [(one["revision"], one["yards"]) for one in watcher.received if "revision" in one]
    assert told == [(1, 12), (2, 0)]
    assert watcher.plays == ["play1", "play2"]


@in_loop
async def test_a_withdrawn_play_is_told_and_shown_no_more() -> None:
    live = Live()
    play = live.start(1)
    async with live.watched() as watcher:
        live.release(play)
        live.score(play, 3)
        live.board.apply(Withdrawn(play.name, "Holding, offense"))
    assert watcher.received[-1]["state"] == "withdrawn"
    assert watcher.received[-1]["detail"] == "Holding, offense"
    async with live.watched() as later:
        assert later.sequence == ["waiting"]
    assert play.row().score is None


@in_loop
async def test_a_watcher_that_returns_goes_on_after_its_last_frame() -> None:
    live = Live()
    play = live.start(5)
    live.start(1)  # a newer play: not the one it watched
    async with live.watched(play=play.name, after=2) as watcher:
        assert watcher.sequence == ["watching", 3, 4]


@in_loop
async def test_an_unknown_play_is_followed_by_the_newest_from_its_start() -> None:
    live = Live()
    live.start(2)
    async with live.watched(play="forgotten", after=9) as watcher:
        assert watcher.sequence == ["watching", 0, 1]


@in_loop
async def test_what_is_over_lost_or_silent_is_never_shown_first() -> None:
    live = Live()
    running = live.start(1)
    silent, lost, over, given_up = (live.start(1) for _ in range(4))
    live.release(over)
    live.board.apply(Lost(lost.name, 0))
    live.board.apply(Ended(given_up.name, 0, "The feed closed the play."))
    silent.changed_s -= 5
    live.board.tick()
    async with live.watched() as watcher:
        assert watcher.plays == [running.name]
    live.release(running)
    async with live.watched() as watcher:
        assert watcher.sequence == ["waiting"]


@in_loop
async def test_the_newest_play_that_runs_follows_one_that_is_over() -> None:
    live = Live()
    a, b, c = (live.start(1) for _ in range(3))
    live.release(c)
    async with live.watched(play=a.name) as watcher:
        assert watcher.plays == [a.name]  # the first is still on
        live.release(a)
        await settled()
        assert watcher.plays == [a.name, b.name]


@in_loop
async def test_a_game_is_watched_alone() -> None:
    live = Live()
    one = live.start(1, game="one")
    live.start(1, game="other")
    async with live.watched(game="one") as watcher:
        live.release(one)
        await settled()
        live.start(1, game="other")
        await settled()
        later = live.start(0, game="one")
        await settled()
    assert watcher.plays == [one.name, later.name]


@in_loop
async def test_a_private_play_reaches_no_watcher() -> None:
    live = Live()
    private = live.start(1, publish=False)
    async with live.watched(play=private.name) as watcher:
        live.frame(private, 1)
        live.release(private)
        await settled()
        assert watcher.sequence == ["waiting"]
    async with live.watched(show="scoreboard") as board:
        assert board.received[0]["plays"] == []
    assert list(live.board.published()) == []


@in_loop
async def test_silence_loss_and_return_are_told() -> None:
    live = Live()
    play = live.start(1)
    async with live.watched() as watcher:
        play.changed_s -= 3.5
        live.board.tick()
        live.board.tick()  # the same second is told once
        await settled()
        assert watcher.received[-1]["detail"] == "The feed has been silent for 3 s."
        assert watcher.received[-1]["silent_s"] == 3
        live.frame(play, 1)
        await settled()
        live.board.apply(Lost(play.name, 0))
        await settled()
        live.board.apply(Moved(play.name, 1, "there"))
        await settled()
        live.frame(play, 2)
        live.board.apply(Ended(play.name, 1, "A hole."))
    assert watcher.sequence == [
        "watching", 0, "silent", 1, "running", "lost", "running", 2, "ended",
    ]  # fmt: skip


@in_loop
async def test_a_lost_play_that_does_not_come_back_ends() -> None:
    live = Live(resume_s=5.0)
    play = live.start(1)
    live.board.apply(Lost(play.name, 0))
    play.lost_s -= 4
    live.board.tick()
    assert play.state == "lost"
    play.lost_s -= 2
    live.board.tick()
    assert play.state == "ended"


def test_the_plays_of_a_worker_that_fell_silent_are_lost() -> None:
    live = Live()
    play = live.start(1)
    live.board._beats["here"] -= 8
    live.board.tick()
    assert play.state == "lost"


def test_events_of_an_earlier_turn_are_void() -> None:
    live = Live()
    play = live.start(1)
    live.board.apply(Moved(play.name, 1, "there"))
    live.board.apply(Moved(play.name, 1, "elsewhere"))  # too late: the turn is taken
    live.board.apply(Framed(play.name, 0, 1, frame_bytes(FRAME), [], []))
    live.board.apply(Ended(play.name, 0, "Gone."))
    assert (play.worker, play.next_frame, play.state) == ("there", 1, "running")
    live.frame(play, 1)
    live.frame(play, 1)
    assert play.next_frame == 2


@in_loop
async def test_a_slow_watcher_is_sent_the_newest_frame_and_the_end() -> None:
    live = Live()
    play = live.start(3)
    async with live.watched() as watcher:
        assert watcher.sequence == ["watching", 0, 1, 2]
        watcher.reads.clear()
        live.frame(play, 3)
        await settled()
        for number in range(4, 40):
            live.frame(play, number)
        watcher.reads.set()
        await settled()
        live.release(play)
    assert watcher.sequence == ["watching", 0, 1, 2, 3, 39, "watched_release", "released"]


@in_loop
async def test_a_feed_has_its_turn_between_every_few_watchers() -> None:
    live = Live()
    play = live.start(1)
    sent = 0

    async def watch() -> None:
        nonlocal sent
        async for text in live.audience.follow(WatchParameters()):
            sent += text is not None

    tasks = [asyncio.create_task(work()) for work in (live.audience.run, *[watch] * 600)]
    while sent < 2 * 600:
        await asyncio.sleep(0)
    live.frame(play, 1)
    most = 0
    while sent < 3 * 600:
        before = sent
        await asyncio.sleep(0)  # a feed's message would be taken here
        most = max(most, sent - before)
    assert 1 <= most <= 16
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def test_a_watcher_who_stops_reading_goes_on_at_the_newest_frame(service: Any) -> None:
    frames = example.frames(200)
    limits = dataclasses.replace(example.SHORT_LIMITS, write_s=10.0)
    with example.listening(dataclasses.replace(service, limits=limits)) as address:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", address.port))
        url = address.live.replace("/v1/live", "/v1/watch")
        with connect(url, sock=sock, proxy=None, max_queue=1) as watcher, opened(address) as feed:
            assert json.loads(watcher.recv())["type"] == "waiting"
            feed.ask({**example.START, "publish": True})
            for number, frame in enumerate(frames):
                assert feed.ask(example.frame_message(number, frame))["type"] == "forecast"
            numbers = []
            while not numbers or numbers[-1] < 199:
                numbers += [json.loads(watcher.recv(timeout=5)).get("number", -1)]
    seen = [number for number in numbers if number >= 0]
    assert seen == sorted(seen)
    # What waited in the kernel, then the newest: 150 frames are 0.4 MB.
    assert len(seen) < 150


@in_loop
async def test_the_scoreboard_has_a_row_a_play_and_each_change(monkeypatch: Any) -> None:
    monkeypatch.setattr("dropback.service._watch._ROWS_EVERY_S", 0.0)
    live = Live()
    old = live.start(3)
    live.release(old)
    async with live.watched(show="scoreboard", game="G") as board:
        assert [row["play"] for row in board.received[0]["plays"]] == [old.name]
        live.score(old, 5)
        new = live.start(1)
        live.start(1, game="other")
        await settled()
        live.frame(new, 1)
    rows = [one["row"] for one in board.received[1:]]
    assert [row["play"] for row in rows] == [old.name, new.name, new.name]
    assert (rows[0]["yards"], rows[0]["revision"], rows[0]["state"]) == (5, 1, "released")
    assert [row["frames"] for row in rows[1:]] == [1, 2]
    assert rows[1]["expected_yards"] == 5.0


def test_nothing_that_runs_is_dropped_and_each_key_keeps_its_share() -> None:
    live = Live(kept_plays=3, kept_frames=1)
    running = live.start(1, key="a")
    kept = live.start(1, key="modest")
    live.release(kept)
    for _ in range(70):
        live.release(live.start(1, key="greedy"))
    names = [play.name for play in live.board.published()]
    assert running.name in names
    assert kept.name in names
    assert len(names) == 4
    assert live.board.by_secret("secret-play3") is None
    assert [len(play.frames) for play in live.board.published()] == [1, 0, 0, 1]
    assert live.board.get("play72").row().frames == 1


def test_no_message_is_made_for_nobody() -> None:
    assert "message" not in vars(Live().start(1).frames[0])


def test_a_misspelled_parameter_is_refused_before_the_socket_opens(address: Any) -> None:
    url = address.live.replace("/v1/live", "/v1/watch?from=3")
    with pytest.raises(InvalidStatus) as refused, connect(url, proxy=None):
        pass
    assert refused.value.response.status_code == 422
    assert b"it has no field `from`" in refused.value.response.body


def test_the_same_is_sent_as_server_sent_events_and_gone_on_after_the_last(address: Any) -> None:
    start = {
        "type": "start", "version": 2, "publish": True, "game": "sse",
        "situation": {"line_of_scrimmage_x_yd": 35, "yards_to_goal": 75},
    }  # fmt: skip
    frame = {
        "type": "frame",
        "frame": [[40.0 + slot, 20.0, 0.0, 0.0, 0.0, 0.0] for slot in range(23)],
    }
    events = []

    def read(stream: httpx.Response, count: int) -> None:
        lines = stream.iter_lines()
        for _ in range(count):
            event = {}
            while line := next(lines):
                name, _, value = line.partition(": ")
                event[name] = value
            events.append((event.get("id"), event["event"], json.loads(event["data"])))

    with connect(address.live, proxy=None) as feed:

        def ask(message: dict[str, Any]) -> dict[str, Any]:
            feed.send(json.dumps(message))
            return json.loads(feed.recv())

        play = ask(start)["play"]
        for number in range(3):
            assert ask({**frame, "number": number})["type"] == "forecast"
        with httpx.stream("GET", f"{address.url}/v1/watch?game=sse") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            read(stream, 4)
        assert [(number, kind) for number, kind, _ in events] == [
            (None, "watching"), (f"{play}:0", "watched"), (f"{play}:1", "watched"),
            (f"{play}:2", "watched"),
        ]  # fmt: skip
        events.clear()
        with httpx.stream(
            "GET", f"{address.url}/v1/watch", headers={"last-event-id": f"{play}:1"}
        ) as stream:
            read(stream, 2)
        assert [number for number, _, _ in events] == [None, f"{play}:2"]
        assert ask({"type": "withdraw"})["type"] == "withdrawn"
    games = address.get("/v1/live/games").json()["games"]
    assert games[0]["game"] == "sse"
    rows = address.get("/v1/live/plays?game=sse").json()["plays"]
    assert [(row["play"], row["state"]) for row in rows] == [(play, "withdrawn")]
