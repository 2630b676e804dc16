"""What is said of a message, a parameter or a file that is not as documented."""

import json

import msgspec
import pytest

from dropback.live.feeds._messages import LiveRequest
from dropback.service._keys import _KeyFile
from dropback.service._messages import ScoreRequest
from dropback.service._score_table import LeaderboardQuery
from dropback.service._sentences import sentence_of

SITUATION = {"line_of_scrimmage_x_yd": 45, "yards_to_goal": 65}
KEY = {"name": "a", "sha256": "0" * 64}


def start(**fields):
    return {"type": "start", "version": 2, "situation": SITUATION, **fields}


@pytest.mark.parametrize(
    ("message", "kind", "sentence"),
    [
        ({"type": "fly"}, LiveRequest,
         "`type` must be start, frame, release, outcome, withdraw or resume, got 'fly'"),
        ({"type": "fly" * 999}, LiveRequest,
         "`type` must be start, frame, release, outcome, withdraw or resume, got '" + "fly" * 19
         + "fl..."),
        ({}, LiveRequest, "`type` is missing"),
        ([], ScoreRequest, "it must be an object, got a list"),
        (start(version=3), LiveRequest, "`version` must be 2, got 3"),
        (start(version="2"), LiveRequest, "`version` must be 2, got a text"),
        (start(game="a b"), LiveRequest, r"`game` must be a text of the form ^[\w.:@-]+$"),
        (start(stored=[1]), LiveRequest, "`stored` must be a list of 2 items"),
        (start(players=[{"slot": 22, "name": "x"}]), LiveRequest,
         "`players[0].slot` must be a whole number of at most 21"),
        (start(situation={}), LiveRequest, "`situation.line_of_scrimmage_x_yd` is missing"),
        (start(situation={**SITUATION, "dwn": 1}), LiveRequest,
         "it has no field `situation.dwn`; did you mean 'down'"),
        (start(situation={**SITUATION, "down": "1"}), LiveRequest,
         "`situation.down` must be a whole number or null, got a text"),
        ({"type": "outcome", "yards": 3, "result": "caught"}, LiveRequest,
         "`result` must be complete, incomplete or intercepted, got 'caught'"),
        ({"situation": SITUATION, "frames": [[[0.0] * 5] * 23]}, ScoreRequest,
         "`frames[0][0]` must be a list of at least 6 items"),
        ({"situation": SITUATION, "frames": "!"}, ScoreRequest,
         "`frames` is refused: Invalid base64 encoded string"),
        ({"limit": 0}, LeaderboardQuery, "`limit` must be a whole number of at least 1"),
        ({"format": "xml"}, LeaderboardQuery, "`format` must be csv or json, got 'xml'"),
        ({"split": "x" * 501}, LeaderboardQuery, "`split` must be a text of at most 500 letters"),
        ({"keys": [{**KEY, "roles": ["read", "admin"]}]}, _KeyFile,
         "`keys[0].roles[1]` must be feed, read or score, got 'admin'"),
        ({"keys": [{**KEY, "requests_per_s": 0}]}, _KeyFile,
         "`keys[0].requests_per_s` must be a number of at least 0.001"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("codec", [msgspec.json, msgspec.msgpack])
def test_a_sentence_says_what_must_hold_and_what_came(message, kind, sentence, codec):
    if codec is msgspec.msgpack and "base64" in sentence:
        sentence = "`frames` must be bytes or a list, got a text"  # no base64 there
    if codec is msgspec.msgpack and "of 2 items" in sentence:
        sentence += ", got 1"  # where the length stands before the items
    with pytest.raises(msgspec.ValidationError) as caught:
        codec.decode(codec.encode(message), type=kind)
    assert sentence_of(caught.value, kind) == sentence


def test_every_bound_of_every_message_is_said_without_msgspecs_words():
    """Each field of each message, given what it cannot be."""
    wrong = [None, 1.5, -1e9, "\0", [], {}, True, "x" * 600]
    said = 0
    for name in ("start", "frame", "release", "outcome", "withdraw", "resume"):
        fields = (kind for kind in LiveRequest.__args__ if kind.__struct_config__.tag == name)
        for field in next(fields).__struct_fields__:
            for value in wrong:
                message = start(type=name) | {field: value}
                try:
                    msgspec.json.decode(json.dumps(message), type=LiveRequest)
                except msgspec.ValidationError as error:
                    sentence = sentence_of(error, LiveRequest)
                    assert not {"Expected", "Object", "array", "enum", "$"} & set(sentence.split())
                    said += 1
    assert said > 100
