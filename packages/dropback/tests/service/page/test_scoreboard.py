"""The live page as feeds speak: games, rows corrected in place, silence, loss and the end."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.sync.client import connect

from examples.service import Address

pytestmark = pytest.mark.browser


class Feed:
    """A feed that says what the test wants, and fails where the service says no."""

    def __init__(self, socket: Any, stored: Any) -> None:
        self.socket, self.stored, self.number = socket, stored, 0

    def say(self, answer: str, **message: Any) -> Any:
        self.socket.send(json.dumps(message))
        answered = json.loads(self.socket.recv())
        assert answered["type"] == answer, answered
        return answered

    def start(self, game: str, offense: str, defense: str) -> str:
        teams = {"offense": {"abbreviation": offense}, "defense": {"abbreviation": defense}}
        play = self.say(
            "started", type="start", version=2, publish=True, game=game, game_clock_s=125,
            situation=self.stored["situation"], players=[{"slot": 0, "name": "P. Asser"}],
            description=f"{offense} throws.", **teams,
        )  # fmt: skip
        return str(play["play"])

    def frames(self, count: int) -> Any:
        for _ in range(count):
            answer = self.say(
                "forecast", type="frame", number=self.number,
                frame=self.stored["frames"][self.number],
            )  # fmt: skip
            self.number += 1
        return answer["forecasts"][-1]


@pytest.fixture
def feeds(address: Address, stored: Any) -> Iterator[Any]:
    """Opens feeds, which end with the test."""
    with contextlib.ExitStack() as stack:
        yield lambda: Feed(stack.enter_context(connect(address.live, proxy=None)), stored)


def row_of(page: Any, words: str) -> Any:
    return page.locator(f".scoreboard li:has-text('{words}')")


@pytest.mark.slow
def test_the_scoreboard_follows_feeds_and_is_corrected_in_place(show: Any, feeds: Any) -> None:
    page = show("/#/live")
    board = page.get_by_role("region", name="Scoreboard")
    first, second = feeds(), feeds()
    play = first.start("KC@BUF", "KC", "BUF")
    second.start("GB@DAL", "GB", "DAL")
    mine, other = row_of(board, "KC throws."), row_of(board, "GB throws.")
    mine.locator(".state-chip:text-is('Live')").wait_for()
    other.locator(".state-chip:text-is('Live')").wait_for()
    assert "P. Asser" in mine.inner_text()
    assert "2:05" in mine.inner_text()
    forecast = first.frames(3)
    mine.get_by_text(f"{forecast['mean']:.1f} yd").wait_for()
    # A row that has the focus keeps it while it changes.
    mine.locator("a").focus()
    first.say("released", type="release", target_slot=7)
    mine.locator(".state-chip:text-is('Thrown')").wait_for()
    told = first.say("scored", type="outcome", yards=12)
    mine.get_by_text(f"Score {told['score']:.3f}".replace("0.", ".")).wait_for()
    assert "12 yd" in mine.inner_text()
    told = first.say("scored", type="outcome", yards=0)
    mine.locator(".state-chip:text-is('Corrected')").wait_for()
    assert f"{told['score']:.3f}".removeprefix("0") in mine.inner_text()
    assert page.evaluate("document.activeElement.textContent").startswith("KC")
    assert mine.count() == 1
    # One game of several, and the page of a play that is over.
    page.get_by_label("Game").select_option("GB@DAL")
    assert board.locator("li").count() == 1
    page.get_by_label("Game").select_option("KC@BUF")
    mine.locator("a").click()
    page.wait_for_selector(f".watched[data-play='{play}']")
    page.wait_for_selector(f"[data-number=score]:text-is('{told['score']:.3f}')".replace("0.", "."))
    assert page.get_by_label("Game").input_value() == "KC@BUF"
    page.get_by_label("Game").select_option("")
    second.say("withdrawn", type="withdraw", reason="Holding")
    other.locator(".state-chip:text-is('Withdrawn')").wait_for()
    assert "Score" not in other.inner_text()


@pytest.mark.slow
def test_silence_loss_and_the_end_are_told_and_the_lamp_goes_out(show: Any, feeds: Any) -> None:
    page = show("/#/live")
    feed = feeds()
    play = feed.start("SF@NE", "SF", "NE")
    feed.frames(2)
    page.wait_for_selector(f".watched[data-play='{play}'] .lamp.on")
    row = row_of(page, "SF throws.")
    row.locator(".state-chip:has-text('Silent')").wait_for()
    page.wait_for_selector(".lamp.lost")
    assert "silent" in page.locator(".livebar .state").inner_text()
    feed.frames(1)
    row.locator(".state-chip:text-is('Live')").wait_for()
    page.wait_for_selector(".lamp.on")
    feed.socket.socket.shutdown(2)  # the wire is cut, nobody says good-bye
    row.locator(".state-chip:text-is('Lost')").wait_for()
    page.wait_for_selector(".lamp.lost")
    ended = feeds()
    ended.start("SF@NE", "NE", "SF")
    ended.frames(1)
    ended.socket.close()
    row_of(page, "NE throws.").locator(".state-chip:text-is('Ended')").wait_for()
    assert page.locator(".lamp.on").count() == 0
