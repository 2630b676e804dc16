"""Watching live plays: what is sent, to whom, and how much is kept."""

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from dropback.service import _broadcast
from dropback.service._broadcast import Broadcast, LivePlayBroadcaster
from dropback.service._messages import (
    PointForecast,
    ReleasedMessage,
    SituationMessage,
    StartMessage,
)
from examples.service import in_loop

FRAME = np.full((23, 6), 1.25, np.float32)
START = StartMessage(SituationMessage(35.0, 75.0, yards_to_go=10), 1, (7, 8))
FORECAST = PointForecast(0, True, 5.0, 4.0, {}, -3.0, 20.0, 0.1, 0, [1.0])


@dataclass
class Key:
    name: str


@dataclass
class Watcher:
    """A socket that keeps what it is sent."""

    received: list[dict[str, Any]] = field(default_factory=list)

    async def send_text(self, text: str) -> None:
        self.received.append(json.loads(text))

    @property
    def sequence(self) -> list[Any]:
        """Kinds of message; of frames their number."""
        return [one.get("number", one["type"]) for one in self.received]


@contextlib.asynccontextmanager
async def followed(
    broadcaster: LivePlayBroadcaster, *, play: str = "", after: int = -1, key: Any = None
) -> Any:
    watcher = Watcher()
    task = asyncio.create_task(broadcaster.follow(watcher, play, after, key))
    await asyncio.sleep(0.01)
    yield watcher
    await asyncio.sleep(0.01)
    task.cancel()


def started(broadcaster: LivePlayBroadcaster, frames: int, *, key: Any = None) -> Broadcast:
    broadcast = broadcaster.start(START, key)
    for number in range(frames):
        broadcaster.add(broadcast, number, FRAME, ())
    return broadcast


@in_loop
async def test_a_watcher_is_sent_the_play_so_far_and_what_follows() -> None:
    broadcaster = LivePlayBroadcaster()
    broadcast = started(broadcaster, 2)
    async with followed(broadcaster) as watcher:
        assert watcher.sequence == ["watching", 0, 1]
        broadcaster.add(broadcast, 3, FRAME, ())
        broadcaster.release(broadcast, ReleasedMessage(FORECAST, 0.75), 6)
    assert watcher.sequence == ["watching", 0, 1, 3, "watched_release"]
    opening = watcher.received[0]
    assert opening["stored"] == [7, 8]
    # The page draws the field by these: hash marks 70 feet 9 inches from the sidelines.
    lines = {"line_of_scrimmage_x_yd": 35, "first_down_x_yd": 45, "goal_line_x_yd": 110}
    size = {"length_yd": 120, "width_yd": 160 / 3, "hash_mark_y_yd": 849 / 36}
    assert opening["field"] == lines | size
    assert watcher.received[1]["frame"] == [[1.25] * 6] * 23
    assert (watcher.received[-1]["score"], watcher.received[-1]["yards"]) == (0.75, 6)


@in_loop
async def test_a_watcher_that_returns_goes_on_after_its_last_frame() -> None:
    broadcaster = LivePlayBroadcaster()
    broadcast = started(broadcaster, 5)
    started(broadcaster, 1)  # a newer play: not the one it watched
    async with followed(broadcaster, play=broadcast.opening.play, after=2) as watcher:
        assert watcher.sequence == ["watching", 3, 4]


@in_loop
async def test_an_unknown_play_is_followed_by_the_newest_from_its_start() -> None:
    broadcaster = LivePlayBroadcaster()
    started(broadcaster, 2)
    async with followed(broadcaster, play="forgotten", after=9) as watcher:
        assert watcher.sequence == ["watching", 0, 1]


@pytest.mark.parametrize("how", ["released", "silent"])
@in_loop
async def test_the_next_play_comes_when_one_is_over(how: str) -> None:
    broadcaster = LivePlayBroadcaster()
    first = started(broadcaster, 1)
    async with followed(broadcaster) as watcher:
        started(broadcaster, 1)
        await asyncio.sleep(0.01)
        assert watcher.sequence == ["watching", 0]  # the first is still on
        if how == "released":
            broadcaster.release(first, ReleasedMessage(FORECAST, None), None)
        else:
            first.changed_s -= 10
            started(broadcaster, 0)  # any change wakes the service
    end = ["watched_release", "watching", 0] if how == "released" else ["watching"]
    assert watcher.sequence == ["watching", 0, *end]
    assert len({one["play"] for one in watcher.received}) == 2


@in_loop
async def test_a_play_is_broadcast_to_its_own_key_alone() -> None:
    broadcaster = LivePlayBroadcaster()
    broadcast = started(broadcaster, 1, key=Key("a"))
    async with followed(broadcaster, play=broadcast.opening.play, key=Key("b")) as other:
        pass
    async with followed(broadcaster, key=Key("a")) as own:
        pass
    assert other.sequence == []
    assert own.sequence == ["watching", 0]


def test_the_newest_plays_are_kept_and_no_message_is_made_for_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_broadcast, "_MAX_PLAYS", 2)
    broadcaster = LivePlayBroadcaster()
    plays = [started(broadcaster, 1) for _ in range(3)]
    assert list(broadcaster._broadcasts) == [broadcast.opening.play for broadcast in plays[1:]]
    assert "message" not in vars(plays[2].frames[0])


def test_a_misspelled_parameter_is_refused_before_the_socket_opens(address: Any) -> None:
    url = address.live.replace("/v1/live", "/v1/watch?from=3")
    with pytest.raises(InvalidStatus) as refused, connect(url, proxy=None):
        pass
    assert refused.value.response.status_code == 422
    assert b"unknown field `from`" in refused.value.response.body
