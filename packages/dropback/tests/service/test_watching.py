"""Watching live plays: what is told, to whom, and how much is kept."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from dropback.service import _watching as watching
from dropback.service._live_messages import ReleasedMessage, StartMessage
from dropback.service._messages import PointForecast, SituationMessage
from dropback.service._watching import Shown, Shows

FRAME = np.full((23, 6), 1.25, np.float32)
START = StartMessage(SituationMessage(line_of_scrimmage_x_yd=35.0, yards_to_goal=75.0), 1, (7, 8))
FORECAST = PointForecast(0, True, 5.0, 4.0, {}, -3.0, 20.0, 0.1, 0, [1.0])


@dataclass
class Key:
    name: str


@dataclass
class Watcher:
    """A socket that hears."""

    heard: list[dict[str, Any]] = field(default_factory=list)

    async def send_text(self, text: str) -> None:
        self.heard.append(json.loads(text))

    @property
    def told(self) -> list[Any]:
        """Kinds of message; of frames their number."""
        return [one.get("number", one["type"]) for one in self.heard]


@contextlib.asynccontextmanager
async def followed(shows: Shows, *, play: str = "", after: int = -1, key: Any = None) -> Any:
    watcher = Watcher()
    task = asyncio.create_task(shows.follow(watcher, play, after, key))
    await asyncio.sleep(0.01)
    yield watcher
    await asyncio.sleep(0.01)
    task.cancel()


def begun(shows: Shows, frames: int, *, key: Any = None) -> Shown:
    shown = shows.begin(START, key)
    for number in range(frames):
        shows.add(shown, number, FRAME, ())
    return shown


def test_a_watcher_is_told_what_was_and_what_comes() -> None:
    async def watch() -> None:
        shows = Shows()
        shown = begun(shows, 2)
        async with followed(shows) as watcher:
            assert watcher.told == ["watching", 0, 1]
            shows.add(shown, 3, FRAME, ())
            shows.close(shown, ReleasedMessage(FORECAST, 0.75), 6)
        assert watcher.told == ["watching", 0, 1, 3, "watched_release"]
        assert watcher.heard[0]["stored"] == [7, 8]
        assert watcher.heard[1]["frame"] == [[1.25] * 6] * 23
        assert (watcher.heard[-1]["score"], watcher.heard[-1]["yards"]) == (0.75, 6)

    asyncio.run(watch())


def test_a_watcher_who_comes_back_goes_on_after_the_last_frame_he_saw() -> None:
    async def watch() -> None:
        shows = Shows()
        shown = begun(shows, 5)
        begun(shows, 1)  # a newer play: not what he watched
        async with followed(shows, play=shown.opening.play, after=2) as watcher:
            assert watcher.told == ["watching", 3, 4]

    asyncio.run(watch())


def test_an_unknown_play_is_followed_by_the_newest_from_its_start() -> None:
    async def watch() -> None:
        shows = Shows()
        begun(shows, 2)
        async with followed(shows, play="forgotten", after=9) as watcher:
            assert watcher.told == ["watching", 0, 1]

    asyncio.run(watch())


@pytest.mark.parametrize("how", ["released", "silent"])
def test_the_next_play_comes_when_one_is_over(how: str) -> None:
    async def watch() -> None:
        shows = Shows()
        first = begun(shows, 1)
        async with followed(shows) as watcher:
            begun(shows, 1)
            await asyncio.sleep(0.01)
            assert watcher.told == ["watching", 0]  # the first is still on
            if how == "released":
                shows.close(first, ReleasedMessage(FORECAST, None), None)
            else:
                first.touched_s -= 10
                begun(shows, 0)  # any change makes the service look
        end = ["watched_release", "watching", 0] if how == "released" else ["watching"]
        assert watcher.told == ["watching", 0, *end]
        assert len({one["play"] for one in watcher.heard}) == 2

    asyncio.run(watch())


def test_a_play_is_shown_to_its_own_key_alone() -> None:
    async def watch() -> None:
        shows = Shows()
        shown = begun(shows, 1, key=Key("a"))
        async with followed(shows, play=shown.opening.play, key=Key("b")) as other:
            pass
        async with followed(shows, key=Key("a")) as own:
            pass
        assert other.told == []
        assert own.told == ["watching", 0]

    asyncio.run(watch())


def test_the_newest_plays_are_kept_and_no_message_is_made_for_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watching, "_KEPT", 2)
    shows = Shows()
    plays = [begun(shows, 1) for _ in range(3)]
    assert list(shows._shown) == [shown.opening.play for shown in plays[1:]]
    assert "message" not in vars(plays[2].moments[0])


def test_a_misspelt_parameter_is_refused_before_the_socket_opens(address: Any) -> None:
    url = address.live.replace("/v1/live", "/v1/watch?from=3")
    with pytest.raises(InvalidStatus) as refused, connect(url, proxy=None):
        pass
    assert refused.value.response.status_code == 422
    assert b"unknown field `from`" in refused.value.response.body
