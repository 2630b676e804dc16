"""Live plays that several processes share through a real Redis: two services stand for two."""

import json
import time

import pytest
from typer.testing import CliRunner
from websockets.sync.client import connect

from dropback.cli import app as cli
from dropback.errors import RequestError
from dropback.live.feeds._redis import RedisLog
from dropback.service._app import Service
from dropback.service._server import ServeSettings
from examples import redis_servers
from examples import service as example
from examples.live_sockets import FRAMES, opened, problem
from examples.redis_servers import redis_server

pytestmark = pytest.mark.skipif(redis_servers.PROGRAM is None, reason=redis_servers.WHY_NOT)
PUBLISHED = {**example.START, "publish": True, "game": "shared"}
RESUME = {"type": "resume", "version": 2}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


def sharing(networks, store):
    """A service that is one of several."""
    service = Service(predictor=networks, log=RedisLog(store.url), limits=example.SHORT_LIMITS)
    return example.listening(service)


@pytest.fixture
def two(networks, store):
    with sharing(networks, store) as one, sharing(networks, store) as other:
        yield one, other


def until(condition, seconds=5.0):
    """Wait for what another process does in its own time."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def row_of(address, play):
    rows = address.get("/v1/live/plays?limit=1000").json()["plays"]
    return next((row for row in rows if row["play"] == play), None)


def test_a_play_that_ended_says_why_before_its_end_is_in_the_store(two):
    with opened(two[0]) as feed:
        feed.start()
        feed.push(0)
        assert "never came" in problem(feed.ask(example.frame_message(9, FRAMES[9])), 422)
        answer = feed.ask(example.frame_message(10, FRAMES[10]))
        assert answer["status"] in {409, 422}
        assert "never came" in answer["detail"]


def test_a_play_is_watched_at_another_process(two):
    one, other = two
    with (
        connect(other.live.replace("/v1/live", "/v1/watch?game=shared"), proxy=None) as watcher,
        opened(one) as feed,
    ):
        assert json.loads(watcher.recv(timeout=5))["type"] == "waiting"
        play = feed.ask(PUBLISHED)["play"]
        for number in range(3):
            feed.push(number)
        feed.ask({"type": "release", "target_slot": 7})
        feed.ask({"type": "outcome", "yards": 12})
        token = feed.ask({"type": "outcome", "yards": 0})
        assert token["revision"] == 2
        told = [json.loads(watcher.recv(timeout=5)) for _ in range(7)]
    assert [one["type"] for one in told][:5] == [
        "watching", "watched", "watched", "watched", "watched_release",
    ]  # fmt: skip
    assert {one["play"] for one in told} == {play}
    assert until(lambda: row_of(other, play)["revision"] == 2)
    assert row_of(other, play) == row_of(one, play)


def test_a_play_is_resumed_at_another_process_where_it_was(two, networks):
    one, other = two
    live = networks.start(example.SITUATION)
    expected = [live.push(number, frame)[0].mean for number, frame in enumerate(FRAMES)]
    with opened(one) as former, opened(other) as latter:
        started = former.ask(PUBLISHED)
        for number in range(5):
            former.push(number)
        until(lambda: row_of(other, started["play"])["frames"] == 5)  # a frame waits for no store
        answer = latter.ask({**RESUME, "token": started["token"]})
        assert (answer["type"], answer["next_frame"]) == ("resumed", 5)
        # The former process has lost it, whatever its socket still sends, once it has read so.
        message = example.frame_message(5, FRAMES[5])
        refused = until(lambda: (said := former.ask(message))["type"] == "problem" and said)
        detail = problem(refused, 409)
        assert "Another socket has resumed this play" in detail
        for number in range(5, len(FRAMES)):
            (shown,) = latter.push(number)["forecasts"]
            assert shown["mean"] == pytest.approx(expected[number], abs=1e-4)
        assert latter.ask({"type": "release"})["forecast"]["released"]
        # And back, to be scored there.
        scored = former.ask({"type": "outcome", "yards": 3, "token": started["token"]})
        assert scored["revision"] == 1


def test_a_token_is_worth_nothing_at_another_process_unless_it_is_the_plays(two):
    _, other = two
    with opened(other) as socket:
        assert "No live play" in problem(socket.ask({**RESUME, "token": "forged"}), 404)


def test_a_process_that_begins_knows_what_was_before(two, networks, store):
    one, _ = two
    with opened(one) as feed:
        play = feed.ask(PUBLISHED)
        for number in range(4):
            feed.push(number)
        until(lambda: row_of(one, play["play"])["frames"] == 4)
        with sharing(networks, store) as third, opened(third) as late:
            assert row_of(third, play["play"])["frames"] == 4
            assert late.ask({**RESUME, "token": play["token"]})["next_frame"] == 4
            late.push(4)


@pytest.mark.slow
def test_while_the_store_is_away_feeds_go_on_and_are_shown_when_it_is_back(networks, tmp_path):
    with redis_server(tmp_path) as store, sharing(networks, store) as one, opened(one) as feed:
        play = feed.ask(PUBLISHED)["play"]
        feed.push(0)
        until(lambda: row_of(one, play)["frames"] == 1)
        store.stop()
        for number in range(1, 4):
            feed.push(number)  # answered
        assert until(lambda: one.get("/readyz").json()["store"] == "lost")
        with opened(one) as other:
            refused = problem(other.ask(example.START), 503)
            assert "store of live plays cannot be reached" in refused
        assert one.get("/healthz").status_code == 200
        store.start()
        assert until(lambda: row_of(one, play)["frames"] == 4)
        assert one.get("/readyz").json() == {"status": "ready", "store": "connected"}
        feed.push(4)


@pytest.mark.parametrize("url", ["unix:///nowhere/redis.sock", "redis://127.0.0.1:1/0"])
def test_a_store_that_is_not_there_is_said_at_the_start(networks, url, caplog):
    server = example.make_server(Service(predictor=networks, log=RedisLog(url)))
    with example.bind("127.0.0.1", 0) as listener, pytest.raises(SystemExit):
        server.run(sockets=[listener])
    assert "--redis cannot be reached" in caplog.text


@pytest.mark.parametrize("url", ["unix:///nowhere/redis.sock", "redis://127.0.0.1:1/0"])
def test_the_command_refuses_a_store_that_is_not_there_before_it_loads(url, tmp_path):
    settings = ServeSettings(run=tmp_path / "none", workers=2, redis=url)
    with pytest.raises(RequestError, match=r"--redis cannot be reached \(.*[^.]\): start Redis"):
        settings.check()


def test_a_url_that_is_none_is_refused():
    with pytest.raises(RequestError, match="must be a URL such as redis://"):
        RedisLog("nonsense")


def test_without_the_extra_the_command_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("dropback.live.feeds._redis.find_spec", lambda _: None)
    with pytest.raises(RequestError, match=r"pip install 'dropback\[redis\]'"):
        RedisLog("redis://127.0.0.1")
    result = CliRunner().invoke(cli, ["serve", "--plays", "x", "--workers", "3"])
    assert "--redis redis://" in str(result.exception)
