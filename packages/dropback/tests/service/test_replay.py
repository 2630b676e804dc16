import asyncio
import dataclasses
import threading

import msgspec
import pytest
from typer.testing import CliRunner
from websockets.sync.server import serve

from dropback.cli import app
from dropback.cli._replay import Feed, replay
from dropback.errors import RequestError
from dropback.live.feeds._messages import ReleasedMessage, ScoredMessage
from examples import service as example

FEED = Feed(example.SITUATION, example.frames(), 7, 8)


def collect(url, *, on_answer=lambda _: None, feed=FEED, **more):
    async def run():
        answers = []
        async for answer in replay(feed, url, speed=100.0, **more):
            answers.append(answer)
            on_answer(len(answers))
        return answers

    return asyncio.run(run())


def drop_sockets(address):
    """Cut every live socket as a lost network would, and wait until it is."""
    cut = threading.Event()

    def abort():
        for connection in list(address.connections):
            connection.abort()
        cut.set()

    address.server.servers[0].get_loop().call_soon_threadsafe(abort)
    cut.wait(5)


def assert_whole(answers, networks):
    live = networks.start(example.SITUATION)
    assert len(answers) == len(FEED.frames) + 2
    for number, (answer, frame) in enumerate(zip(answers[:-2], FEED.frames, strict=True)):
        (expected,) = live.push(number, frame)
        assert [forecast.frame for forecast in answer.forecasts] == [number]
        assert answer.forecasts[0].mean == pytest.approx(expected.mean, abs=1e-4)
    assert isinstance(answers[-2], ReleasedMessage)
    assert isinstance(answers[-1], ScoredMessage)
    assert answers[-1].score == pytest.approx(live.release(7).score(8), abs=1e-6)


def test_a_play_is_sent_and_every_frame_answered(address, networks):
    assert_whole(collect(address.live), networks)


def test_a_play_survives_its_sockets(address, networks):
    def cut(count):
        if count in {3, 4, 9}:
            drop_sockets(address)

    assert_whole(collect(address.live, on_answer=cut), networks)


def test_a_play_that_the_service_forgot_is_sent_anew(service, networks):
    limits = dataclasses.replace(example.SHORT_LIMITS, resume_s=0.0)
    with example.listening(dataclasses.replace(service, limits=limits)) as address:

        def forget(count):
            if count == 5:
                drop_sockets(address)

        answers = collect(address.live, on_answer=forget)
    assert_whole(answers[5:], networks)


def test_an_answer_that_was_lost_is_taken_from_resuming():
    """A service that takes a frame and is cut off before it answers."""
    shown = {
        "frame": 0, "released": False, "mean": 1.0, "median": 1.0, "quantiles": {},
        "lower_threshold_yd": 0.0, "upper_threshold_yd": 9.0, "touchdown": 0.0,
        "gain": 0.0, "no_gain": 1.0, "first_down": None, "first_yd": 0, "probabilities": [1.0],
    }  # fmt: skip
    sockets = []

    def half(socket):
        sockets.append(socket)
        started = {"type": "started", "play": "p", "token": "t", "published": False,
                   "resume_for_s": 9.0, "version": 2}  # fmt: skip
        resumed = {"type": "resumed", "play": "p", "token": "t", "next_frame": 1,
                   "state": "running", "forecast": shown, "yards": None, "score": None,
                   "revision": 0, "version": 2}  # fmt: skip
        socket.recv()
        if len(sockets) == 1:
            socket.send(msgspec.msgpack.encode(started))
            socket.recv()
            socket.close()
            return
        socket.send(msgspec.msgpack.encode(resumed))
        socket.recv()
        released = {"type": "released", "play": "p", "forecast": {**shown, "released": True}}
        socket.send(msgspec.msgpack.encode(released))

    with serve(half, "127.0.0.1", 0, subprotocols=["dropback.live.v2"]) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        port = server.socket.getsockname()[1]
        one = Feed(example.SITUATION, example.frames(1), 7, None)
        answers = collect(f"ws://127.0.0.1:{port}/v1/live", feed=one)
        server.shutdown()
        thread.join()
    assert [type(answer).__name__ for answer in answers] == ["ForecastMessage", "ReleasedMessage"]
    assert answers[0].forecasts[0].mean == 1.0


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_a_speed_that_is_none_is_refused(speed):
    async def run():
        async for _ in replay(FEED, "ws://127.0.0.1:1", speed=speed):
            pass

    with pytest.raises(RequestError, match="speed must be above 0"):
        asyncio.run(run())


@pytest.mark.parametrize("url", ["ws://127.0.0.1:1/v1/live", "nonsense"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(RequestError, match="must be the live socket of a service"):
        collect(url)


def test_a_key_is_sent_where_one_is_wanted(service, tmp_path, networks):
    keyed, key = example.keyed(service, tmp_path / "keys.json")
    with example.listening(keyed) as address:
        with pytest.raises(RequestError, match="refuses the feed: An API key is needed"):
            collect(address.live)
        assert_whole(collect(address.live, key=key), networks)


def test_a_play_that_is_refused_says_why(address):
    hostile = dataclasses.replace(FEED, frames=example.frames() * 100)
    with pytest.raises(RequestError, match=r"The service refused the play: .*x_yd"):
        collect(address.live, feed=hostile)


def test_the_command_prints_a_line_a_frame_and_the_score(address, plays_folder):
    arguments = ["replay", str(plays_folder), "--game", "2022091100", "--play", "64"]
    result = CliRunner().invoke(app, [*arguments, "--speed", "100", "--url", address.live])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert len(lines) == 21 + 2
    assert lines[0].startswith("   0.0 s  mean")
    assert lines[-2].startswith(" release  mean")
    assert 0 <= float(lines[-1].removeprefix("score ")) <= 1
