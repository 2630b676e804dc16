"""The page in a real browser, against the real service: what it shows is what the service says."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from dropback.service._app import Service
from dropback.service._score_table import ScoreTable
from examples.served_page import Wire, league, predictor
from examples.service import Address, listening
from examples.service import keyed as locked

pytestmark = pytest.mark.browser


def ranking(address: Address, query: str) -> list[dict[str, Any]]:
    """The service's own rows, to hold against what the page shows."""
    answer = address.get(f"/v1/leaderboard?by=passer,season&limit=1000&{query}")
    return answer.json()["rows"]


def score_text(value: float) -> str:
    """As the page writes a score: .512."""
    return f"{value:.3f}".removeprefix("0")


def yards_text(value: float, digits: int = 0) -> str:
    text = f"{abs(value):.{digits}f}"
    return f"{'−' if value < 0 and float(text) else ''}{text} yd"


def percent_text(value: float) -> str:
    shown = value * 100
    if 99.9 < shown < 100:
        return ">99.9%"
    fine = shown < 9.95 or 99.5 <= shown < 100
    return "<0.1%" if 0 < shown < 0.1 else f"{shown:.{1 if fine else 0}f}%"


def column(page: Any, name: str) -> list[str]:
    """Texts of a column of the leaderboard, without the small print."""
    heads = page.locator(".ranking thead th").evaluate_all(
        "all => all.map(th => th.dataset.column)"
    )
    place = heads.index(name)
    return page.locator(".ranking tbody tr").evaluate_all(
        f"rows => rows.map(row => (row.cells[{place}].querySelector('b, a') ?? row.cells[{place}])"
        ".textContent)"
    )


def test_leaderboard_shows_the_rows_of_the_service_and_sorts_them(
    show: Any, address: Address
) -> None:
    page = show("/")
    rows = ranking(address, "seasons=2022")
    assert len(rows) == 6
    assert column(page, "passer_player_name") == [row["passer_player_name"] for row in rows]
    assert column(page, "score") == [score_text(row["score"]) for row in rows]
    intervals = page.locator(".ranking .score small").all_inner_texts()
    assert intervals == [
        f"{score_text(row['score_low'])} to {score_text(row['score_high'])}" for row in rows
    ]
    head = page.locator("th[data-column=passer_player_name]")
    head.locator("button").click()
    assert column(page, "passer_player_name") == sorted(row["passer_player_name"] for row in rows)
    assert head.get_attribute("aria-sort") == "ascending"
    # By keyboard, and the focus stays where it was.
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    # Numbers start from the greatest.
    page.locator("th[data-column=score] button").click()
    assert column(page, "rank") == [str(row["rank"]) for row in rows]
    page.get_by_label("Search").fill("c.<pass")
    assert column(page, "passer_player_name") == ["C.<Passer>"]
    assert page.locator(".board .status").inner_text() == "1 of 6 rows"
    page.get_by_label("Search").fill("nobody")
    assert page.locator(".board .note").inner_text().startswith("No row is found")
    assert page.locator(".ranking").count() == 0


def test_the_better_of_two_is_named_and_labels_are_whole(show: Any, address: Address) -> None:
    asked = "first=00-0&second=00-5"
    probability = address.get(f"/v1/compare?{asked}").json()["probability"]
    assert probability < 0.1
    page = show(f"/#/compare?{asked}")
    page.set_viewport_size({"width": 320, "height": 640})
    words = page.locator(".standing h2").inner_text()
    assert words == f"F.<Passer> is better with probability {percent_text(1 - probability)}"
    bars = page.locator(".versus span")
    assert bars.all_inner_texts() == [percent_text(probability), percent_text(1 - probability)]
    assert bars.evaluate_all("all => all.every(bar => bar.scrollWidth <= bar.clientWidth)")
    page.set_viewport_size({"width": 1280, "height": 860})


def test_where_no_play_is_found_the_page_says_what_to_do(show: Any) -> None:
    page = show("/#/plays?search=zzzz")
    assert page.locator(".status").inner_text().startswith("No play is found: take a word")
    assert page.get_by_text("Download as CSV").count() == 0


def test_what_is_nearly_sure_is_not_said_to_be_sure(show: Any) -> None:
    shown = show("/").evaluate(
        """async () => {
          const script = document.querySelector('script[type=module]').src;
          const { percent } = await import(new URL('format.js', script));
          return [0, 0.0004, 0.02, 0.0996, 0.5, 0.9949, 0.996, 0.99951, 1].map(percent);
        }"""
    )
    assert shown == ["0.0%", "<0.1%", "2.0%", "10%", "50%", "99%", "99.6%", ">99.9%", "100%"]


def test_whiskers_lie_on_one_scale(show: Any, address: Address) -> None:
    page = show("/")
    rows = ranking(address, "seasons=2022")
    drawn = page.locator("line.whisker").evaluate_all(
        "all => all.map(line => [line.x1.baseVal.value, line.x2.baseVal.value])"
    )
    told = [(row["score_low"], row["score_high"]) for row in rows]
    (a, b), (left, right) = told[0], drawn[0]
    slope = (right - left) / (b - a)
    for (low, high), (x1, x2) in zip(told, drawn, strict=True):
        assert x1 == pytest.approx(left + (low - a) * slope, abs=0.01)
        assert x2 == pytest.approx(left + (high - a) * slope, abs=0.01)


def test_filters_ask_the_service_and_stay_in_the_address(show: Any, address: Address) -> None:
    page = show("/")
    page.get_by_text("More filters").click()
    page.get_by_label("Depth", exact=True).select_option("deep")
    page.get_by_label("Season").select_option("")
    page.wait_for_selector(".board:not([aria-busy])")
    expected = [score_text(row["score"]) for row in ranking(address, "split=depth%3Ddeep")]
    page.wait_for_selector(f".board .status:text-is('{len(expected)} of {len(expected)} rows')")
    assert column(page, "score") == expected
    linked = page.url
    show(linked)
    assert column(page, "score") == expected
    assert page.get_by_label("Depth", exact=True).input_value() == "deep"
    # What leaves no row is told in the service's own sentence, and can be undone.
    page.get_by_label("At least").select_option("200")
    page.wait_for_selector(".board .status:has-text('No row is left with min_attempts=200')")
    page.get_by_label("At least").select_option("1")
    page.wait_for_selector(".ranking")


def test_passer_shows_seasons_throws_and_calibration(
    show: Any, address: Address, key: tuple[int, int]
) -> None:
    page = show("/")
    page.get_by_role("link", name="A.<Passer>").click()
    page.wait_for_selector("h1:text-is('A.<Passer>')")
    told = address.get("/v1/passers/00-0").json()
    seasons = [score_text(row["score"]) for row in told["seasons"]]
    assert page.locator("[aria-labelledby=trend] tbody b").all_inner_texts() == seasons
    stamps = page.locator(".stamp b").all_inner_texts()
    assert stamps == [score_text(throw["score"]) for throw in [*told["best"], *told["worst"]]]
    assert page.locator(".what").first.inner_text() == told["best"][0]["description"]
    page.get_by_text("Calibration", exact=True).click()
    page.wait_for_selector(".chart rect.bar")
    bars = page.locator(".chart rect.bar").evaluate_all(
        "all => all.map(bar => bar.height.baseVal.value)"
    )
    shares = told["pit"]["passer"]
    largest = max(shares)
    assert [bar / max(bars) for bar in bars] == pytest.approx(
        [s / largest for s in shares], abs=1e-4
    )
    page.get_by_role("link", name="Watch the play").click()
    page.wait_for_selector(".field")
    assert page.url.endswith(f"#/plays/{key[0]}/{key[1]}")


def shown_numbers(page: Any) -> dict[str, str]:
    cells = page.locator(":is(.answers b, .expected b, .readout dd)[data-number]")
    return dict(
        cells.evaluate_all("all => all.map(cell => [cell.dataset.number, cell.textContent])")
    )


def signed_text(value: float, digits: int = 2) -> str:
    sign = "−" if value < 0 else "+" if value > 0 else ""
    return f"{sign}{abs(value):.{digits}f}"


def told_numbers(forecast: dict[str, Any]) -> dict[str, str]:
    return {
        "epa": signed_text(forecast["epa"]),
        "median": yards_text(forecast["median"]),
        "mean": yards_text(forecast["mean"], 1),
        "lower": yards_text(forecast["lower_threshold_yd"]),
        "upper": yards_text(forecast["upper_threshold_yd"]),
        "touchdown": percent_text(forecast["touchdown"]),
        "gain": percent_text(forecast["gain"]),
        "no_gain": percent_text(forecast["no_gain"]),
        "first_down": percent_text(forecast["first_down"]),
    }


def shown_bars(page: Any) -> dict[int, float]:
    bars = page.locator(".bars rect")
    pairs = bars.evaluate_all("all => all.map(bar => [bar.dataset.yard, bar.dataset.probability])")
    return {int(yard): float(probability) for yard, probability in pairs}


def scrub(page: Any, frame: int) -> None:
    page.locator("input[type=range]").fill(str(frame))


def test_every_frame_that_is_scrubbed_to_shows_the_numbers_of_the_service(
    show: Any, key: tuple[int, int], stored: Any
) -> None:
    page = show(f"/#/plays/{key[0]}/{key[1]}")
    last = len(stored["frames"]) - 1
    assert len({forecast["mean"] for forecast in stored["forecasts"]}) > 5
    for frame in (0, 7, last - 1):
        scrub(page, frame)
        forecast = stored["forecasts"][frame]
        assert shown_numbers(page) == told_numbers(forecast)
        bars = shown_bars(page)
        told = dict(enumerate(forecast["probabilities"], forecast["first_yd"]))
        assert bars == {yard: told.get(yard, 0.0) for yard in bars}
        assert sum(bars.values()) > 0.5
        assert page.locator(".outcome").is_hidden()
    quantiles = page.locator("td[data-number]").evaluate_all(
        "all => all.map(cell => cell.textContent)"
    )
    assert quantiles == [
        yards_text(value) for value in stored["forecasts"][last - 1]["quantiles"].values()
    ]


def test_the_end_shows_the_release_the_yards_and_the_score(
    show: Any, key: tuple[int, int], stored: Any
) -> None:
    page = show(f"/#/plays/{key[0]}/{key[1]}")
    scrub(page, len(stored["frames"]) - 1)
    assert shown_numbers(page) == told_numbers(stored["release"])
    assert page.locator("[data-number=yards]").inner_text() == yards_text(stored["yards"])
    assert page.locator("[data-number=score]").inner_text() == score_text(stored["score"])
    assert f"score {score_text(stored['score'])}" in page.locator("[aria-live]").text_content()
    assert (
        page.locator(".field.released .player.target .ring").evaluate(
            "ring => getComputedStyle(ring).visibility"
        )
        == "visible"
    )


def test_a_play_shows_its_choice_its_points_and_their_uncertainty(
    show: Any, key: tuple[int, int], stored: Any
) -> None:
    page = show(f"/#/plays/{key[0]}/{key[1]}")
    decided = page.get_by_role("region", name="Decision and execution")
    found = stored["decision"]
    assert decided.locator("[data-number=decision]").inner_text() == (
        f"{signed_text(found['decision'], 1)} yd"
    )
    assert decided.locator("[data-number=execution]").inner_text() == score_text(found["execution"])
    assert decided.locator("[data-number=time]").inner_text() == (
        f"{signed_text(found['time'], 1)} yd"
    )
    known = [one for one in found["receivers"] if one["expected_yards"] is not None]
    best = max(known, key=lambda one: one["expected_yards"])
    names = {player["slot"]: player["name"] for player in stored["players"]}
    first = decided.locator("tbody tr").first.inner_text()
    assert first.startswith(names[best["slot"]])
    assert yards_text(best["expected_yards"], 1) in first
    assert decided.locator("tbody tr").count() == len(known) == 4
    assert f"decisions differ by {yards_text(found['decision_sd'], 1)}" in decided.inner_text()
    forecast = stored["forecasts"][0]
    expected = page.locator(".expected").all_inner_texts()
    low, high = (forecast["quantiles"][name] for name in ("q05", "q95"))
    assert f"9 of 10: {yards_text(low).removesuffix(' yd')} to {yards_text(high)}" in expected[0]
    ends = [signed_text(forecast[f"epa_{end}"], 1) for end in ("low", "high")]
    assert f"9 of 10: {ends[0]} to {ends[1]}" in expected[1]


def test_a_passer_shows_decisions_projection_scores_and_results(
    show: Any, address: Address
) -> None:
    page = show("/#/passers/00-0")
    page.wait_for_selector("[aria-label=Projection]")
    told = address.get("/v1/passers/00-0/detail").json()
    decided = page.get_by_role("region", name="Decision and execution")
    row = told["decision"]
    assert decided.locator("[data-number=decision]").inner_text() == (
        f"{signed_text(row['decision'], 1)} yd"
    )
    assert decided.locator(".reliability").all_inner_texts() == [
        f"{percent_text(row[f'{name}_reliability'])} of the difference between passers is more "
        "than luck" for name in ("decision", "execution", "time")
    ]  # fmt: skip
    projected = page.get_by_role("region", name="Projection")
    assert projected.locator("[data-number=projection]").inner_text() == "+0.08"
    assert "−0.05 to +0.21" in projected.inner_text()
    scores = page.get_by_role("region", name="Scores of seasons")
    assert ".550" in scores.locator("tbody tr").first.inner_text()
    page.get_by_text("Table of 12 games").click()
    # The newest first; the sixth is not over, and of the season before no results are known.
    assert page.locator(".outcome-of").all_inner_texts() == [
        "–", "W 20-17", "L 3-10", "T 24-24", "L 10-31", "W 27-20", *["–"] * 6,
    ]  # fmt: skip
    show("/#/passers/00-4")
    page.wait_for_selector(".standing")
    assert page.locator("[aria-label=Projection], [aria-label='Scores of seasons']").count() == 0


def saved(page: Any, link: Any) -> tuple[str, str]:
    """Name and content of what a link saves."""
    with page.expect_download() as waiting:
        link.click()
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_text()


# Of each view: where its links to tables are, the names of the files, and what is in them.
TABLES = {
    "/": {"leaderboard.csv": (".board", "leaderboard?by=passer,season&seasons=2022&limit=1000")},
    "/#/plays": {"browse.csv": (".card", "browse?tracked=true&limit=1000")},
    "/#/passers/00-0": {
        "passers-00-0-detail.csv": ("section:has(.games)", "passers/00-0/detail?"),
        "passers-00-0.csv": ("[aria-labelledby=trend]", "passers/00-0?"),
        "passers-00-0-detail-numbers.csv": (
            "[aria-label='Scores of seasons']", "passers/00-0/detail?table=numbers",
        ),
    },
    "/#/compare?first=00-0&second=00-1": {
        "compare.csv": (".standing", "compare?first=00-0&second=00-1"),
        "compare-seasons.csv": (
            ".detail > :last-child", "compare?first=00-0&second=00-1&table=seasons",
        ),
    },
    "/#/live": {"live-plays.csv": ("[aria-label=Scoreboard]", "live/plays?limit=1000")},
}  # fmt: skip


@pytest.mark.parametrize("view", TABLES)
@pytest.mark.sample(1)
def test_tables_are_saved_as_the_service_gives_them(show: Any, address: Address, view: str) -> None:
    page = show(view)
    for name, (place, path) in TABLES[view].items():
        found, content = saved(page, page.locator(f"{place} a:has-text('CSV')").first)
        told = address.get(f"/v1/{path}&format=csv")
        assert told.headers["content-type"].startswith("text/csv")
        assert (found, content.split()) == (name, told.text.split())


def test_players_stand_to_scale_and_sides_differ_in_shape(
    show: Any, key: tuple[int, int], stored: Any
) -> None:
    page = show(f"/#/plays/{key[0]}/{key[1]}?frame=4")
    page.get_by_label("Whole field").check()
    players = page.locator(".player:not(.unseen)")
    drawn = players.evaluate_all(
        "all => all.map(player => { const at = new DOMMatrix(getComputedStyle(player).transform);"
        " return [player.dataset.slot, at.e, at.f]; })"
    )
    width = page.locator(".field").bounding_box()["width"]
    per_yard = width / stored["field"]["length_yd"]
    places = {slot: (x, y) for slot, x, y in drawn}
    assert len(places) == 23
    for slot, (x, y) in places.items():
        x_yd, y_yd = stored["frames"][4][int(slot)][:2]
        assert x == pytest.approx(x_yd * per_yard, abs=0.1)
        assert y == pytest.approx((stored["field"]["width_yd"] - y_yd) * per_yard, abs=0.1)
    assert page.locator(".player.offense > circle:not(.ring)").count() == 11
    assert page.locator(".player.defense > rect").count() == 11
    line = page.locator(".field .scrimmage").evaluate("line => line.x1.baseVal.value")
    assert line == pytest.approx(stored["field"]["line_of_scrimmage_x_yd"] * per_yard, abs=0.1)
    # A bar stands under the yard line where the ball would be.
    bar = page.locator(".bars rect[data-yard='10']").evaluate(
        "bar => bar.x.baseVal.value + bar.width.baseVal.value / 2"
    )
    assert bar == pytest.approx(line + 10 * per_yard, abs=0.1)


def at_frame(page: Any) -> int:
    return int(page.locator("input[type=range]").input_value())


def test_keys_move_play_and_help(show: Any, key: tuple[int, int], stored: Any) -> None:
    page = show(f"/#/plays/{key[0]}/{key[1]}")
    last = len(stored["frames"]) - 1
    for name, frame in (
        ("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("Shift+ArrowRight", 11),
        ("End", last), ("ArrowRight", last), ("Home", 0), ("ArrowLeft", 0),
    ):  # fmt: skip
        page.keyboard.press(name)
        assert at_frame(page) == frame
    for _ in range(3):
        page.keyboard.press("]")
    assert page.get_by_label("Speed").input_value() == "2"
    page.keyboard.press("Space")
    page.get_by_role("button", name="Pause").wait_for()
    page.wait_for_selector(".outcome:not([hidden])")
    assert at_frame(page) == last
    page.get_by_role("button", name="Play", exact=True).wait_for()
    assert page.url.endswith(f"?frame={last}")
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("Home")  # the help has the keys
    assert at_frame(page) == last
    page.keyboard.press("Escape")
    assert page.get_by_role("dialog").is_hidden()
    page.keyboard.press("t")
    assert page.get_by_label("Trails").input_value() == "whole"


def test_a_link_opens_the_play_at_its_frame(show: Any, key: tuple[int, int], stored: Any) -> None:
    page = show(f"/plays/{key[0]}/{key[1]}?frame=9")  # the plain address, too
    page.wait_for_url(f"**/#/plays/{key[0]}/{key[1]}?frame=9")
    page.wait_for_selector(".field .player")
    assert at_frame(page) == 9
    assert shown_numbers(page) == told_numbers(stored["forecasts"][9])
    page.keyboard.press("ArrowRight")
    show(page.url)
    assert at_frame(page) == 10


# What the page says of its socket, one after the other.
_NOTE_STATES = """
window.states = [];
new MutationObserver(() => {
  const words = document.querySelector('.livebar .state')?.textContent;
  if (words && words !== states.at(-1)) states.push(words);
}).observe(document, { childList: true, subtree: true, characterData: true });
"""


@pytest.mark.slow
def test_live_play_goes_on_after_its_socket_is_cut(
    tab: Any, show: Any, address: Address, key: tuple[int, int], stored: Any
) -> None:
    before = len(address.wire.opened)
    address.wire.cut("/v1/live", after=8)  # "started" and seven forecasts; the eighth is lost
    tab.add_init_script(_NOTE_STATES)
    show(f"/#/live/{key[0]}/{key[1]}?speed=5")
    tab.wait_for_selector(".livebar .state:has-text('Released')")
    states = tab.evaluate("states")
    assert [re.sub(" in .*", "", state) for state in states] == [
        "Connecting", "Live", "Connection lost; again", "Live again from frame 9", "Released",
    ]  # fmt: skip
    assert address.wire.opened[before:] == ["/v1/live", "/v1/live"]
    assert shown_numbers(tab) == told_numbers(stored["release"])
    assert tab.locator("[data-number=score]").inner_text() == score_text(stored["score"])
    # The lost answer came with the resumption: the line of medians has no gap.
    path = tab.locator(".timeline path.median").get_attribute("d") or ""
    assert len(re.findall("[ML]", path)) == len(stored["frames"])


def send_live(address: Address, stored: Any) -> None:
    """Send a stored play as `dropback replay` does, ten times as fast."""
    item = stored["item"]
    with connect(address.live, proxy=None) as socket:
        start = {"situation": stored["situation"], "stored": [item["game"], item["play"]]}
        socket.send(json.dumps({"type": "start", "version": 2, "publish": True, **start}))
        assert json.loads(socket.recv())["type"] == "started"
        for number, frame in enumerate(stored["frames"]):
            socket.send(json.dumps({"type": "frame", "number": number, "frame": frame}))
            assert json.loads(socket.recv())["type"] == "forecast"
            time.sleep(0.01)
        slot = next(player["slot"] for player in stored["players"] if player["role"] == "target")
        socket.send(json.dumps({"type": "release", "target_slot": slot}))
        assert json.loads(socket.recv())["type"] == "released"
        socket.send(json.dumps({"type": "outcome", "yards": stored["yards"]}))
        assert json.loads(socket.recv())["type"] == "scored"


def test_page_follows_a_play_that_is_sent_and_misses_nothing_of_it(
    tab: Any, show: Any, address: Address, stored: Any
) -> None:
    tab.add_init_script(_NOTE_STATES)
    show("/#/live")
    tab.wait_for_selector(".livebar .state:has-text('aiting')")  # or after a play of before
    before = tab.locator(".watched").get_attribute("data-play") or ""
    address.wire.cut("/v1/watch", after=6)
    send_live(address, stored)
    tab.wait_for_selector(f".watched:not([data-play='{before}']) .state:has-text('Released')")
    assert any(state.startswith("Connection lost") for state in tab.evaluate("states"))
    assert shown_numbers(tab) == told_numbers(stored["release"])
    assert tab.locator("[data-number=score]").inner_text() == score_text(stored["score"])
    assert tab.locator(".bug").inner_text().startswith(stored["item"]["offense"])
    path = tab.locator(".timeline path.median").get_attribute("d") or ""
    assert len(re.findall("[ML]", path)) == len(stored["frames"])


def test_a_selection_of_plays_says_that_it_is_one(
    tab: Any, show: Any, key: tuple[int, int]
) -> None:
    def reel(route: Any) -> None:
        answer = route.fetch()
        play = answer.json()
        play["item"]["note"] = "a highlight reel, not a sample: not for ranking"
        route.fulfill(response=answer, json=play)

    tab.route(f"**/v1/plays/{key[0]}/{key[1]}", reel)
    show(f"/#/plays/{key[0]}/{key[1]}")
    assert tab.locator(".selection").inner_text() == (
        "Highlight reel. A highlight reel, not a sample: not for ranking."
    )


def test_what_is_not_there_is_told_in_the_sentence_of_the_service(show: Any) -> None:
    page = show("/#/plays/12/x")  # no such address: the first view
    page.wait_for_selector(".ranking")
    show("/#/passers/nobody")
    assert "No play of passer 'nobody' is scored here." in page.get_by_role("alert").inner_text()


@pytest.fixture
def keyed(browser: Any, tmp_path: Path) -> Iterator[tuple[Any, Address, str]]:
    """A page of a service that wants a key, and the key."""
    scores = ScoreTable(league({(1, 1)}))
    service, key = locked(Service(scores=scores, predictor=predictor()), tmp_path / "keys.json")
    with listening(service, Wire) as address:
        opened = browser.new_context(base_url=address.url)
        opened.set_default_timeout(15_000)
        yield opened.new_page(), address, key
        opened.close()


@pytest.mark.slow
def test_a_key_is_asked_for_and_used_for_answers_and_sockets_until_the_tab_is_closed(
    keyed: tuple[Any, Address, str],
) -> None:
    page, address, key = keyed
    page.goto("/")
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert "An API key is needed" in alert.inner_text()
    page.get_by_label("API key").fill("dropback_wrong")
    with page.expect_response(lambda response: response.status == 401):
        page.get_by_role("button", name="Use this key").click()
    page.wait_for_selector("main:not([aria-busy]) .problem")
    assert page.get_by_label("API key").get_attribute("type") == "password"
    page.get_by_label("API key").fill(key)
    page.keyboard.press("Enter")
    page.wait_for_selector(".ranking")
    assert len(column(page, "score")) == 6
    page.reload()
    page.wait_for_selector(".ranking")
    # A link alone would be refused: the page asks with the key, which is in no address.
    asked: list[Any] = []
    page.on("request", lambda one: asked.append(one))  # noqa: PLW0108  # it is marked
    name, content = saved(page, page.locator(".board a:has-text('CSV')"))
    assert (name, content.count("\n")) == ("leaderboard.csv", 7)
    sent = [one for one in asked if "format=csv" in one.url]
    assert [one.headers["authorization"] for one in sent] == [f"Bearer {key}"]
    assert not any(key in one.url for one in asked)
    page.goto("/#/live")
    page.wait_for_selector(".livebar .state:has-text('aiting')")
    assert set(address.wire.opened) == {"/v1/watch"}
    # Neither in the address nor where another visit would find it.
    assert key not in page.url
    assert key not in page.evaluate("JSON.stringify(localStorage)")
