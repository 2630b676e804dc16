"""Outcomes, withdrawals, rights and order of the live protocol, version 2."""

import json
import time

import jsonschema_rs
import msgspec
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosedError

from dropback.live.feeds import _messages as live
from dropback.service._keys import KeyRing, add_key, read_keys, revoke_key
from examples import service as example
from examples.live_sockets import FRAMES, opened, problem

# Of a feed's own words; each may also come out of order, twice or late.
FULL = {
    **example.START,
    "publish": True,
    "game": "2025_01_KC_BUF",
    "offense": {"abbreviation": "KC", "name": "Kansas City Chiefs", "color": "#E31837"},
    "defense": {"abbreviation": "BUF", "points": 14},
    "players": [{"slot": 0, "name": "Patrick Mahomes", "number": 15, "position": "QB"},
                {"slot": 7, "name": "Travis Kelce", "number": 87}],
    "game_clock_s": 312,
    "description": "Third and ten",
}  # fmt: skip


def released(socket, **start):
    """A play of one frame that was thrown; its ``started``."""
    answer = socket.ask({**example.START, **start})
    socket.push(0)
    assert socket.ask({"type": "release"})["type"] == "released"
    return answer


def test_what_a_feed_says_of_its_play_is_on_the_scoreboard(address):
    with opened(address) as socket:
        play = socket.ask(FULL)
        assert play["published"]
        socket.push(0)
        socket.ask({"type": "release", "target_slot": 7})
        scored = socket.ask({"type": "outcome", "yards": 12, "result": "complete"})
        answer = address.get("/v1/live/plays?game=2025_01_KC_BUF").json()
    (row,) = answer["plays"]
    assert (row["offense"], row["defense"], row["passer"], row["target"]) == (
        "KC", "BUF", "Patrick Mahomes", "Travis Kelce",
    )  # fmt: skip
    assert (row["yards"], row["score"], row["revision"]) == (12, scored["score"], 1)
    assert (row["down"], row["yards_to_go"], row["game_clock_s"]) == (1, 10, 312)


def test_an_outcome_may_come_late_and_again_and_has_a_revision(address, networks):
    play = networks.start(example.SITUATION)
    play.push(0, FRAMES[0])
    forecast = play.release(None)
    with opened(address) as socket:
        token = released(socket)["token"]
        socket.start()  # the next play; the yards of the last come now
        late = socket.ask({"type": "outcome", "yards": 12, "token": token})
        again = socket.ask({"type": "outcome", "yards": 0, "token": token})
        assert (late["revision"], again["revision"]) == (1, 2)
        assert late["score"] == pytest.approx(forecast.score(12), abs=1e-6)
        assert again["score"] == pytest.approx(forecast.score(0), abs=1e-6)
        socket.push(0)  # the next play goes on
    with opened(address) as other:  # after the socket is gone, too
        answer = other.ask({"type": "outcome", "yards": 3, "token": token})
        assert answer["revision"] == 3
        resumed = other.ask({"type": "resume", "version": 2, "token": token})
        assert (resumed["state"], resumed["yards"], resumed["revision"]) == ("released", 3, 3)


def test_a_play_is_withdrawn_before_and_after_its_release_and_twice(address):
    with opened(address) as socket:
        socket.start()
        socket.push(0)
        for _ in range(2):
            assert socket.ask({"type": "withdraw", "reason": "Flag"})["type"] == "withdrawn"
        assert "was withdrawn" in problem(socket.ask(example.frame_message(1, FRAMES[1])), 409)
        assert "was withdrawn" in problem(socket.ask({"type": "outcome", "yards": 1}), 409)
        token = released(socket)["token"]
        socket.ask({"type": "outcome", "yards": 4})
        assert socket.ask({"type": "withdraw"})["type"] == "withdrawn"
        assert "was withdrawn" in problem(
            socket.ask({"type": "outcome", "yards": 4, "token": token}), 409
        )


@pytest.mark.parametrize(
    ("message", "status", "words"),
    [
        ({"type": "outcome", "yards": 8}, 422, "An outcome needs the release before it"),
        ({"type": "outcome", "yards": 8, "token": "forged"}, 404, "No live play has this token"),
        ({"type": "withdraw", "token": "forged"}, 404, "No live play has this token"),
        ({"type": "outcome", "yards": 8.5}, 422, "yards"),
        ({"type": "outcome", "yards": 101}, 422, "yards"),
        ({"type": "outcome"}, 422, "yards"),
        ({"type": "release", "target_slot": 11}, 422, "target_slot"),
        ({**FULL, "players": [{"slot": 3, "name": "A"}] * 2}, 422, "Each slot must have one"),
        ({**FULL, "game": "../../etc"}, 422, "game"),
        ({**FULL, "offense": {"abbreviation": "KC", "color": "red"}}, 422, "color"),
        ({**FULL, "description": "x" * 501}, 422, "description"),
    ],
)  # fmt: skip
def test_what_comes_out_of_order_or_forged_is_refused_and_loses_nothing(
    address, message, status, words
):
    with opened(address) as socket:
        socket.start()
        socket.push(0)
        assert words in problem(socket.ask(message), status)
        socket.push(1)


def test_a_second_release_is_refused_and_the_first_stands(address):
    with opened(address) as socket:
        released(socket)
        assert "released at frame 0" in problem(socket.ask({"type": "release"}), 422)
        assert socket.ask({"type": "outcome", "yards": 2})["revision"] == 1


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ({"yards": 77}, "at most those of a touchdown, here 75, got 77"),
        ({"yards": 9, "result": "incomplete"}, "An incomplete pass gains nothing, got 9 yards"),
        ({"yards": -3, "result": "incomplete"}, "An incomplete pass gains nothing, got -3 yards"),
    ],
)
def test_an_outcome_that_the_play_cannot_have_is_refused(address, outcome, words):
    with opened(address) as socket:
        released(socket)
        assert words in problem(socket.ask({"type": "outcome", **outcome}), 422)
        # The line may be measured half a yard off: one more is a touchdown still.
        assert socket.ask({"type": "outcome", "yards": 76})["revision"] == 1


def test_an_outcome_told_twice_is_no_correction_and_a_play_takes_so_many(address):
    with opened(address) as socket:
        token = released(socket)["token"]
        most = example.SHORT_LIMITS.outcomes
        for number in range(most):
            told = {"type": "outcome", "yards": number % 2, "token": token}
            assert [socket.ask(told)["revision"] for _ in range(2)] == [number + 1] * 2
        assert socket.ask({**told, "result": "complete"})["status"] == 409
        detail = problem(socket.ask({**told, "yards": 7}), 409)
        assert detail == f"A play takes {most} outcomes: it had them."
        assert socket.ask({"type": "withdraw", "token": token})["type"] == "withdrawn"


def test_a_play_that_is_over_is_resumed_for_its_outcome(address):
    with opened(address) as socket:
        token = released(socket)["token"]
    with opened(address) as socket:
        resumed = socket.ask({"type": "resume", "version": 2, "token": token})
        assert resumed["state"] == "released"
        assert socket.ask({"type": "outcome", "yards": 2})["revision"] == 1
        frame = example.frame_message(1, FRAMES[1])
        assert problem(socket.ask(frame), 409) == "This play is over: The pass was thrown."


def test_a_release_before_all_players_were_seen_is_refused_and_the_play_goes_on(address):
    nobody = np.full_like(FRAMES[0], np.nan)
    with opened(address) as socket:
        socket.start()
        assert socket.ask(example.frame_message(0, nobody))["forecasts"] == []
        detail = problem(socket.ask({"type": "release"}), 422)
        assert "by which every player has been seen" in detail
        socket.push(1)
        assert socket.ask({"type": "release"})["type"] == "released"


def test_a_failure_is_told_and_closes_the_socket(address, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError("/a/path")

    with opened(address) as socket:
        socket.start()
        socket.push(0)
        monkeypatch.setattr("dropback.live._play.LivePlay.release", fail)
        detail = problem(socket.ask({"type": "release"}), 500, fatal=True)
        assert detail.startswith("The service failed on this request")
        with pytest.raises(ConnectionClosedError) as closed:
            socket.answer()
    assert closed.value.rcvd.code == 1011


def test_a_frame_that_no_player_can_run_is_answered_with_a_warning(address):
    wild = FRAMES[1].copy()
    wild[[0, 15]] = wild[[15, 0]]
    with opened(address) as socket:
        play = socket.ask(FULL)["play"]
        socket.push(0)
        answer = socket.ask(example.frame_message(1, wild))
        assert len(answer["forecasts"]) == 1
        (warning,) = answer["warnings"]
        assert (warning["kind"], warning["number"]) == ("swap", 1)
        assert "Slots 0, 15 stand in frame 1" in warning["detail"]
    rows = address.get("/v1/live/plays").json()["plays"]
    assert next(row for row in rows if row["play"] == play)["doubts"] == ["swap"]


def test_a_hole_that_is_too_long_ends_the_play_and_says_so(address):
    with opened(address) as socket:
        play = socket.ask(FULL)["play"]
        socket.push(0)
        detail = problem(socket.ask(example.frame_message(9, FRAMES[9])), 422)
        assert "never came" in detail
        assert "never came" in problem(socket.ask(example.frame_message(10, FRAMES[10])), 409)
        rows = address.get("/v1/live/plays").json()["plays"]
        assert next(row for row in rows if row["play"] == play)["state"] == "ended"


@pytest.fixture
def keyed(service, tmp_path):
    """A service with a key of each role, at ten messages a second, and its file."""
    file = tmp_path / "keys.json"
    keys = {
        role: add_key(file, role, roles=roles, requests_per_s=rate)
        for role, roles, rate in (
            ("feed", ("feed", "score"), 1000.0),
            ("score", ("score",), 3.0),
            ("read", ("read",), 1000.0),
        )
    }
    with example.listening(
        example.with_access(service, keys=KeyRing(read_keys(file), file))
    ) as address:
        yield address, keys, file


def as_key(key):
    return {"additional_headers": {"Authorization": f"Bearer {key}"}}


def test_publishing_is_a_right_of_the_key(keyed):
    address, keys, _ = keyed
    with opened(address, **as_key(keys["score"])) as socket:
        detail = problem(socket.ask(FULL), 403)
        assert "does not have the role 'feed'" in detail
        assert not socket.ask({**FULL, "publish": False})["published"]
    with opened(address, **as_key(keys["feed"])) as socket:
        assert socket.ask(FULL)["published"]


def test_messages_take_tokens_too(keyed):
    address, keys, _ = keyed
    with opened(address, **as_key(keys["score"])) as socket:
        socket.start()  # the third of three: the opening was the first
        answers = [socket.ask(example.frame_message(n, FRAMES[n])) for n in range(8)]
    refused = [answer for answer in answers if answer["type"] == "problem"]
    assert len(refused) >= 6
    assert "3 requests and live messages a second" in problem(refused[0], 429)
    assert 0 < refused[0]["retry_after_s"] <= 0.34


def test_a_key_that_is_revoked_is_refused_at_once_everywhere(keyed):
    address, keys, file = keyed
    ring = address.server._application._service.access.keys
    with opened(address, **as_key(keys["feed"])) as socket:
        socket.start()
        revoke_key(file, "feed")
        assert ring.refresh()
        detail = problem(socket.ask(example.frame_message(0, FRAMES[0])), 401, fatal=True)
        assert "'feed' was revoked" in detail
    with example.session(address) as client:
        asked = {"headers": {"authorization": f"Bearer {keys['feed']}"}}
        assert client.get("/v1", **asked).status_code == 401
        others = {"headers": {"authorization": f"Bearer {keys['read']}"}}
        assert client.get("/v1", **others).status_code == 200


def test_who_may_feed_no_more_gets_no_published_play_back(keyed):
    address, keys, file = keyed
    ring = address.server._application._service.access.keys
    with opened(address, **as_key(keys["feed"])) as socket:
        shown = socket.ask(FULL)
        socket.push(0)
        hidden = socket.ask({**FULL, "publish": False})["token"]
        socket.push(0)
        told = json.loads(file.read_text())
        (feed,) = (key for key in told["keys"] if key["name"] == "feed")
        feed["roles"] = ["score"]
        file.write_text(json.dumps(told))
        assert ring.refresh()
        problem(socket.ask(example.frame_message(1, FRAMES[1])), 401, fatal=True)
    with opened(address, **as_key(keys["feed"])) as socket:
        for message in (
            {"type": "resume", "version": 2},
            {"type": "outcome", "yards": 3},
            {"type": "withdraw"},
        ):
            detail = problem(socket.ask({**message, "token": shown["token"]}), 403)
            assert "has no longer the role 'feed'" in detail
        assert socket.ask({"type": "resume", "version": 2, "token": hidden})["next_frame"] == 1


def test_a_file_of_keys_that_is_broken_leaves_the_keys_until_it_is_mended(
    keyed, caplog, monkeypatch
):
    monkeypatch.setattr("dropback.service._app._TICK_S", 0.1)
    address, keys, file = keyed
    good = file.read_bytes()

    def until(words):
        end = time.monotonic() + 5
        while words not in caplog.text and time.monotonic() < end:
            time.sleep(0.05)
        assert words in caplog.text
        caplog.clear()

    caplog.set_level("INFO", logger="dropback.service")
    asked = {"headers": {"authorization": f"Bearer {keys['read']}"}}
    with example.session(address) as client:
        for broken in (good[:40], b'{"keys": [{"name": "\xff"}]}', b"", None):
            file.unlink() if broken is None else file.write_bytes(broken)
            until("keys cannot be read: those of before hold")
            assert client.get("/v1", **asked).status_code == 200
        file.write_bytes(b'{"keys": []}')
        until("keys read again")
        assert client.get("/v1", **asked).status_code == 401
        file.write_bytes(good)
        until("keys read again")
        assert client.get("/v1", **asked).status_code == 200


def test_the_document_describes_every_message_as_it_is_sent(address):
    document = address.get("/asyncapi.json").json()
    assert document["asyncapi"] == "3.0.0"
    assert {channel["address"] for channel in document["channels"].values()} == {
        "/v1/live", "/v1/watch",
    }  # fmt: skip
    # Every reference leads somewhere.
    for reference in msgspec.json.encode(document).decode().split('"$ref":"#/')[1:]:
        found = document
        for part in reference.partition('"')[0].split("/"):
            found = found[part]

    def check(message):
        payload = document["components"]["messages"][message["type"]]["payload"]
        schema = {**payload, "components": document["components"]}
        jsonschema_rs.validator_for(schema).validate(message)

    with opened(address) as socket:
        for message in (
            FULL,
            {"type": "frame", "number": 0, "frame": np.round(FRAMES[0].astype(float), 2).tolist()},
            {"type": "release"},
            {"type": "outcome", "yards": 3, "result": "complete"},
            {"type": "withdraw"},
            {"type": "fly"},
        ):
            if message["type"] != "fly":
                check(message)
            check(socket.ask(message))
    tags = {tag.__struct_config__.tag for tag in live.WatchMessage.__args__}
    assert tags <= set(document["components"]["messages"])


def test_an_answer_has_the_form_of_its_message(address):
    with opened(address) as socket:
        socket.raw.send(json.dumps(example.START))
        assert isinstance(socket.raw.recv(), str)
        socket.raw.send(example.frame_message(0, FRAMES[0]))
        assert isinstance(socket.raw.recv(), bytes)
