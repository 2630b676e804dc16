import dataclasses
import time

import msgspec
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from dropback.service._keys import KeyRing, add_key, read_keys
from dropback.service._limits import Limits
from examples import service as example
from examples.live_sockets import FRAMES, opened, problem
from examples.service import PausedPredictor


def json_frame(number, frame):
    values = np.where(np.isnan(frame), None, frame.astype(float)).tolist()
    return {"type": "frame", "number": number, "frame": values}


def test_every_frame_is_answered_by_its_forecast_and_the_release_by_the_score(address, networks):
    live = networks.start(example.SITUATION)
    with opened(address) as socket:
        socket.start()
        for number, frame in enumerate(FRAMES):
            message = (
                json_frame(number, frame) if number % 2 else example.frame_message(number, frame)
            )
            (shown,) = socket.ask(message)["forecasts"]
            (expected,) = live.push(number, frame)
            assert (shown["frame"], shown["released"]) == (number, False)
            assert shown["mean"] == pytest.approx(expected.mean, abs=1e-4)
            assert shown["quantiles"] == expected.quantiles
        answer = socket.ask({"type": "release", "target_slot": 7})
        release = live.release(7)
        assert answer["forecast"]["released"]
        assert answer["forecast"]["touchdown"] == pytest.approx(release.touchdown, abs=1e-6)
        scored = socket.ask({"type": "outcome", "yards": 8})
        assert scored["score"] == pytest.approx(release.score(8), abs=1e-6)


def test_a_release_ends_the_frames_of_a_play(address):
    with opened(address) as socket:
        socket.start()
        socket.push(0)
        assert socket.ask({"type": "release"})["forecast"]["released"]
        problem(socket.ask(example.frame_message(1, FRAMES[1])), 422)
        socket.start()  # the next play of the same socket
        socket.push(0)


def test_late_and_repeated_frames_are_ignored_and_missing_ones_are_filled(address):
    with opened(address) as socket:
        socket.start()
        for number in range(3):
            socket.push(number)
        assert socket.push(2) == {
            "type": "forecast", "number": 2, "forecasts": [], "ignored": "duplicate",
            "warnings": [],
        }  # fmt: skip
        assert socket.push(0)["ignored"] == "late"
        filled = socket.push(5)["forecasts"]
        assert [forecast["frame"] for forecast in filled] == [3, 4, 5]


def test_a_lost_play_goes_on_where_it_was(address, networks):
    live = networks.start(example.SITUATION)
    expected = [live.push(number, frame)[0].mean for number, frame in enumerate(FRAMES)]
    with opened(address) as socket:
        token = socket.start()
        for number in range(5):
            socket.push(number)
        socket.raw.socket.close()  # without a closing handshake
    with opened(address) as socket:
        answer = socket.ask({"type": "resume", "version": 2, "token": token})
        assert (answer["type"], answer["next_frame"]) == ("resumed", 5)
        assert answer["forecast"]["frame"] == 4
        for number in range(5, len(FRAMES)):
            (shown,) = socket.push(number)["forecasts"]
            assert shown["mean"] == pytest.approx(expected[number], abs=1e-4)


def test_a_score_that_was_not_brought_is_there_after_resuming(address):
    with opened(address) as socket:
        token = socket.start()
        socket.push(0)
        socket.ask({"type": "release"})
        score = socket.ask({"type": "outcome", "yards": 4})["score"]
        socket.raw.socket.close()
    with opened(address) as socket:
        answer = socket.ask({"type": "resume", "version": 2, "token": token})
        assert (answer["yards"], answer["score"], answer["revision"]) == (4, score, 1)
        assert answer["forecast"]["released"]


def test_a_play_that_is_resumed_elsewhere_is_lost_to_its_former_socket(address):
    with opened(address) as former, opened(address) as latter:
        token = former.start()
        former.push(0)
        answer = latter.ask({"type": "resume", "version": 2, "token": token})
        assert answer["next_frame"] == 1
        assert "Another socket" in problem(former.ask(example.frame_message(1, FRAMES[1])), 409)
        latter.push(1)


def test_a_play_is_kept_for_its_time_and_no_longer(address):
    with opened(address) as socket:
        token = socket.start()
        socket.raw.socket.close()
    time.sleep(example.SHORT_LIMITS.resume_s + 0.3)
    with opened(address) as socket:
        detail = problem(socket.ask({"type": "resume", "version": 2, "token": token}), 404)
        assert detail == "This live play is over: The feed was lost and did not come back."


def test_a_play_that_its_client_closed_is_not_kept(address):
    with opened(address) as socket:
        token = socket.start()
    with opened(address) as socket:
        problem(socket.ask({"type": "resume", "version": 2, "token": token}), 404)


@pytest.mark.parametrize(
    ("message", "status", "words"),
    [
        ("{", 400, "must be JSON"),
        ('{"type": "start", "situation": ' + '{"a": ' * 1500, 422, "not as documented"),
        ("null", 422, "not as documented"),
        ({"type": "fly"}, 422, "fly"),
        ({"type": "start"}, 422, "situation"),
        ({**example.START, "version": 1}, 422, "speaks version 2 of this message, got version 1"),
        ({"type": "resume", "version": 3, "token": "x"}, 422, "got version 3"),
        ({"type": "release", "yards": 8}, 422, "A release has no yards since version 2"),
        (b"DBFR" + bytes(560), 422, "a binary frame of version 1"),
        ({**example.START, "color": "red"}, 422, "color"),
        ({"type": "start", "version": 2, "situation": {}}, 422, "line_of_scrimmage_x_yd"),
        ({"type": "resume", "version": 2, "token": "x" * 65}, 422, "token"),
        ({"type": "resume", "version": 2, "token": "../etc"}, 404, "No live play has this token"),
        ({"type": "frame", "number": 0, "frame": [[1, 2]]}, 422, "frame"),
        (b"", 400, "must be MessagePack"),
        (b"x" * 564, 422, "not as documented"),
        (b"\x81\xa4type\xa1\xff", 400, "must be MessagePack"),
        (msgspec.msgpack.encode({**example.START, "version": 1}), 422, "got version 1"),
        ({"type": "frame", "number": 0, "frame": "eA=="}, 422, "552 bytes, got 1"),
        (example.frame_message(0, FRAMES[0]), 422, "send 'start' or 'resume' first"),
        ({"type": "release"}, 422, "send 'start' or 'resume' first"),
    ],
)  # fmt: skip
def test_a_message_that_is_none_is_answered_and_the_socket_goes_on(address, message, status, words):
    with opened(address) as socket:
        assert words in problem(socket.ask(message), status)
        socket.start()
        socket.push(0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, 1e38])
@pytest.mark.parametrize("column", [0, 2, 4])
def test_a_frame_of_values_that_no_field_has_leaves_the_play_as_it_was(address, value, column):
    hostile = FRAMES[1].copy()
    hostile[:, column] = value
    with opened(address) as socket:
        socket.start()
        socket.push(0)
        answer = socket.ask(example.frame_message(1, hostile))
        if answer["type"] == "problem":
            problem(answer, 422)
            (forecast,) = socket.push(1)["forecasts"]
        else:  # a player who is not seen, or a quantity that is absent
            assert np.isnan(value)
            (forecast,) = answer["forecasts"] or socket.push(2)["forecasts"][-1:]
        assert 0 <= forecast["touchdown"] <= 1


def test_json_that_float32_cannot_hold_is_refused(address):
    message = json_frame(0, FRAMES[0])
    message["frame"][3][0] = 1e308
    with opened(address) as socket:
        socket.start()
        problem(socket.ask(message), 422)
        socket.push(0)


def test_frames_beyond_the_most_are_refused(address):
    with opened(address) as socket:
        socket.start()
        detail = problem(socket.ask(example.frame_message(200, FRAMES[0])), 413)
        assert detail == "A live play may have 200 frames."


def test_a_message_that_is_too_large_closes_the_socket(address):
    with opened(address) as socket, pytest.raises(ConnectionClosed) as closed:
        socket.ask("x" * 20_000)
    assert closed.value.rcvd.code == 1009


def test_a_live_socket_may_wait_longer_than_a_head_may_take(address):
    with opened(address) as socket:
        socket.start()
        time.sleep(example.SHORT_LIMITS.header_s + 0.3)
        socket.push(0)


@pytest.mark.parametrize("on", [True, False])
def test_a_silent_socket_is_told_and_closed_sooner_while_a_play_is_on(service, on):
    limits = Limits(live_idle_s=0.2, between_plays_s=0.4)
    with (
        example.listening(dataclasses.replace(service, limits=limits)) as address,
        opened(address) as socket,
    ):
        if on:
            socket.start()
        words = "within 0.2 s" if on else "within 0.4 s"
        assert words in problem(socket.answer(), 408, fatal=True)
        with pytest.raises(ConnectionClosed) as closed:
            socket.answer()
        assert closed.value.rcvd.code == 1001


def test_live_plays_are_so_many_and_no_more(service):
    limits = Limits(live_plays=2)
    with (
        example.listening(dataclasses.replace(service, limits=limits)) as address,
        opened(address) as first,
        opened(address) as second,
        opened(address) as third,
    ):
        first.start()
        second.start()
        refused = third.ask(example.START)
        assert "2 live plays are open already" in problem(refused, 503)
        assert refused["retry_after_s"] == 1.0
        first.start()  # the next play of a socket takes the place of its last
        second.raw.close()
        third.start()


def test_a_key_has_live_plays_of_its_own_and_another_cannot_take_them(service, tmp_path):
    file = tmp_path / "keys.json"
    one, other = add_key(file, "one", live_plays=1), add_key(file, "other")
    keyed = example.with_access(service, keys=KeyRing(read_keys(file)))
    with example.listening(keyed) as address:
        with pytest.raises(InvalidStatus) as refused, opened(address):
            pass
        assert refused.value.response.status_code == 401
        assert b"dropback keys add" in refused.value.response.body
        mine = {"additional_headers": {"Authorization": f"Bearer {one}"}}
        with opened(address, **mine) as first, opened(address, **mine) as second:
            token = first.start()
            assert "allows 1 live plays" in problem(second.ask(example.START), 429)
            # A browser sends its key as a subprotocol.
            protocols = ["dropback.live.v2", f"dropback.key.{other}"]
            with opened(address, subprotocols=protocols) as foreign:
                assert foreign.raw.subprotocol == "dropback.live.v2"
                resume = {"type": "resume", "version": 2, "token": token}
                assert "No live play" in problem(foreign.ask(resume), 404)
                foreign.start()


@pytest.mark.parametrize(
    ("origin", "taken"),
    [("http://127.0.0.1:{}", True), ("http://evil.example", False), ("null", False)],
)
def test_a_page_of_another_site_cannot_open_a_live_socket(address, origin, taken):
    origin = origin.format(address.port)
    if taken:
        with opened(address, origin=origin) as socket:
            socket.start()
    else:
        with pytest.raises(InvalidStatus) as refused, opened(address, origin=origin):
            pass
        assert refused.value.response.status_code == 403


def test_without_networks_a_live_socket_is_refused_with_a_problem(service):
    with example.listening(dataclasses.replace(service, predictor=None)) as address:
        with pytest.raises(InvalidStatus) as refused, opened(address):
            pass
        assert refused.value.response.status_code == 503
        assert "no tracking networks" in msgspec.json.decode(refused.value.response.body)["detail"]


def test_a_service_that_stops_answers_the_frame_that_it_took(service, networks):
    paused = PausedPredictor(networks)
    slow = dataclasses.replace(service, predictor=paused)
    with example.listening(slow) as address, opened(address) as socket:
        socket.start()
        socket.raw.send(example.frame_message(0, FRAMES[0]))
        time.sleep(0.1)  # it is at the networks
        address.server.should_exit = True
        time.sleep(0.3)  # the service has begun to stop
        paused.proceed.set()
        assert socket.answer()["forecasts"][0]["frame"] == 0
        with pytest.raises(ConnectionClosed) as closed:
            socket.answer()
        assert closed.value.rcvd.code == 1012


def test_thousands_of_messages_at_once_wait_unread_and_are_all_answered(address):
    empty = b"\x82\x80\x00\x00\x00\x00"  # a binary message of no bytes, masked by zeros
    with opened(address) as socket:
        socket.raw.socket.sendall(empty * 3000)
        for _ in range(3000):
            assert "must be MessagePack" in problem(socket.answer(), 400)
        socket.start()


def test_a_service_that_drains_says_so_while_it_still_answers(service):
    limits = dataclasses.replace(example.SHORT_LIMITS, drain_s=1.0)
    slow = dataclasses.replace(service, limits=limits)
    with (
        example.listening(slow) as address,
        opened(address) as socket,
        example.session(address) as client,
    ):
        token = socket.start()
        address.server.should_exit = True
        until = time.monotonic() + 0.8
        while client.get("/readyz").status_code == 200:
            assert time.monotonic() < until
            time.sleep(0.02)
        answer = client.get("/readyz")
        assert answer.json()["detail"] == "The service is stopping."
        assert int(answer.headers["retry-after"]) >= 1
        assert client.get("/healthz").status_code == 200
        socket.push(0)
        with opened(address) as late:  # new sockets are taken, too: no balancer has looked yet
            assert late.ask({"type": "resume", "version": 2, "token": token})["next_frame"] == 1
            with pytest.raises(ConnectionClosed) as closed:
                late.answer()
            assert closed.value.rcvd.code == 1012
