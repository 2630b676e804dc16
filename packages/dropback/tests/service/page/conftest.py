"""The real service with simulated plays, and a browser to open its page in."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dropback.live._library import PlayLibrary
from dropback.service._app import Service
from dropback.service._score_table import ScoreTable
from dropback.tracking.ingest._pipeline import ingest
from examples.served_page import Wire, beside, league, predictor
from examples.service import Address, listening
from examples.simulated_plays import write_throws

DESK = (1280, 860)


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    folder = tmp_path_factory.mktemp("page")
    ingest(write_throws(folder / "league", 6, seed=11), folder / "plays")
    library = PlayLibrary(folder / "plays")
    scores = ScoreTable(league(library.keys))
    service = Service(scores=scores, library=library, predictor=predictor(), tables=beside(library))
    with listening(service, Wire) as opened:
        yield opened


@pytest.fixture(scope="session")
def key(address: Address) -> tuple[int, int]:
    """Game and play of the first stored play."""
    plays = address.get("/v1/plays").json()["plays"]
    return min((item["game"], item["play"]) for item in plays)


@pytest.fixture(scope="session")
def stored(address: Address, key: tuple[int, int]) -> Any:
    answer = address.get(f"/v1/plays/{key[0]}/{key[1]}").json()
    assert answer["forecast_problem"] is None
    return answer


@pytest.fixture(scope="module")
def context(browser: Any, address: Address) -> Iterator[Any]:
    width, height = DESK
    opened = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="light",
        reduced_motion="reduce",
        base_url=address.url,
    )
    opened.set_default_timeout(15_000)
    yield opened
    opened.close()


@pytest.fixture
def tab(context: Any, address: Address) -> Iterator[Any]:
    """A page; what the browser complains of fails the test."""
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: message.type == "error" and wrong.append(message.text))
    page.on(
        "request",
        lambda asked: asked.url.startswith((address.url, "data:")) or wrong.append(asked.url),
    )
    yield page
    page.evaluate("localStorage.clear()")
    page.close()
    # The browser itself complains of answers that are problems, and of a socket that is lost.
    expected = re.compile(r"status of (404|422)|WebSocket connection to")
    assert [words for words in wrong if not expected.search(words)] == []


@pytest.fixture
def show(tab: Any) -> Callable[[str], Any]:
    """Open an address in the tab and give its page."""

    def opened(path: str) -> Any:
        if tab.url != "about:blank":  # another address after # alone would load nothing anew
            tab.goto("about:blank")
        tab.goto(path)
        # The sign of loading alone: a view may wait for a play, too.
        tab.wait_for_selector("main:not([aria-busy]):not(:has(> p.wait))")
        return tab

    return opened
