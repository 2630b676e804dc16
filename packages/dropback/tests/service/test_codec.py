import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dropback.errors import DropbackError, RequestError
from dropback.live import PlayContext, PlayFrames
from dropback.service._wire import decode_frame, decode_play, encode_frame, encode_play
from examples import service as example

floats = st.floats(width=32, allow_nan=True, allow_infinity=True)


def maybe(strategy):
    return st.none() | strategy


situations = st.builds(
    PlayContext,
    line_of_scrimmage_x_yd=st.floats(9, 111, width=32),
    yards_to_goal=st.floats(0, 100, width=32),
    down=maybe(st.integers(0, 4)),
    yards_to_go=maybe(st.integers(0, 100)),
    quarter=maybe(st.integers(1, 5)),
    seconds_left_in_half_s=maybe(st.floats(0, 1800, width=32)),
    score_differential=maybe(st.integers(-60, 60)),
    at_home=maybe(st.booleans()),
    weeks_left=maybe(st.integers(0, 17)),
    eligible=st.tuples(*[st.booleans()] * 11),
)


@st.composite
def plays(draw):
    count = draw(st.integers(1, 4))
    values = draw(hnp.arrays(np.float32, (count, 23, 6), elements=floats))
    return PlayFrames(draw(situations), values, draw(maybe(st.integers(0, 10))))


@given(plays(), maybe(st.integers(-110, 100)))
def test_a_play_comes_back_as_it_went(play, yards):
    back, back_yards = decode_play(encode_play(play, yards=yards), most_frames=4)
    assert back.context == play.context
    assert (back.target_slot, back_yards) == (play.target_slot, yards)
    np.testing.assert_array_equal(back.frames, play.frames)


@given(st.integers(0, 2**32 - 1), hnp.arrays(np.float32, (23, 6), elements=floats))
def test_a_frame_comes_back_as_it_went(number, frame):
    back_number, back = decode_frame(encode_frame(number, frame))
    assert back_number == number
    np.testing.assert_array_equal(back, frame)


@given(st.binary(max_size=1300))
def test_any_bytes_are_a_play_or_are_refused_in_a_sentence(body):
    for start in (b"", b"DBPL\x01\x00\x02\x00"):
        try:
            play, _ = decode_play(start + body, most_frames=4)
        except DropbackError as error:
            assert str(error).endswith(".")  # noqa: PT017  # any refusal will do
        else:
            assert play.frames.shape[1:] == (23, 6)


@given(st.data())
def test_a_play_with_bytes_changed_is_a_play_or_is_refused(data):
    body = bytearray(encode_play(PlayFrames(example.SITUATION, example.frames(2), 3), yards=4))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, 60))] = data.draw(st.integers(0, 255))
    try:
        decode_play(bytes(body), most_frames=4)
    except DropbackError as error:
        assert str(error).endswith(".")  # noqa: PT017


@given(st.binary(max_size=700))
def test_any_bytes_are_a_frame_or_are_refused(body):
    with pytest.raises(RequestError):
        decode_frame(body)


def header(**changed):
    fields = {
        "magic": b"DBPL",
        "version": 1,
        "frames": 1,
        "slot": -1,
        "zero": 0,
        "yards": -32768,
        "line": 35.0,
        "goal": 75.0,
        "situation": [math.nan] * 7,
        "eligible": 0xFFFF,
        "also_zero": 0,
        **changed,
    }
    situation = fields.pop("situation")
    values = list(fields.values())
    packed = struct.pack("<4sHHbBhff7fHH", *values[:8], *situation, *values[8:])
    return packed + example.frames(1).tobytes()


def test_the_bytes_of_a_play_are_those_that_are_documented():
    play, yards = decode_play(header(slot=7, yards=12, eligible=0b11), most_frames=1)
    assert yards == 12
    assert play.target_slot == 7
    assert play.context.eligible == (True, True, *[False] * 9)
    assert play.context.down is None
    expected = PlayContext(line_of_scrimmage_x_yd=35, yards_to_goal=75)
    assert decode_play(header(), most_frames=1)[0].context == expected


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"magic": b"DBPX"}, "must begin with DBPL, got b'DBPX'"),
        ({"version": 2}, "must be of version 1, got 2"),
        ({"frames": 0}, "must have 1 to 1 frames, got 0"),
        ({"frames": 65535}, "must have 1 to 1 frames, got 65535"),
        ({"slot": 11}, "slot must be 0 to 10, or -1 for none, got 11"),
        ({"slot": -2}, "slot must be 0 to 10"),
        ({"zero": 1}, "unused bytes of a binary play must be 0"),
        ({"also_zero": 1}, "unused bytes of a binary play must be 0"),
        ({"eligible": 1 << 11}, "must be bits 0 to 10"),
        ({"situation": [2.5, *[math.nan] * 6]}, "down must be a whole number, got 2.5"),
        ({"situation": [math.inf, *[math.nan] * 6]}, "down must be a whole number, got inf"),
        ({"situation": [7.0, *[math.nan] * 6]}, "down must be in"),
        ({"situation": [*[math.nan] * 5, 2.0, math.nan]}, "at_home must be 0 or 1, got 2.0"),
        ({"line": math.nan}, "line_of_scrimmage_x_yd must be in"),
        ({"goal": 1e30}, "yards_to_goal must be in"),
    ],
)
def test_a_field_that_is_wrong_is_named(changed, words):
    with pytest.raises(DropbackError, match=words.replace("(", r"\(")):
        decode_play(header(**changed), most_frames=1)


@pytest.mark.parametrize("cut", [0, 51, 52, 603])
def test_a_play_that_was_cut_is_refused(cut):
    with pytest.raises(RequestError, match="bytes"):
        decode_play(header()[:cut], most_frames=1)


def test_a_frame_of_another_kind_is_refused():
    body = encode_frame(3, example.frames(1)[0])
    with pytest.raises(RequestError, match="must begin with DBFR"):
        decode_frame(b"X" + body[1:])
    with pytest.raises(RequestError, match="must be of version 1, got 258"):
        decode_frame(body[:4] + b"\x02\x01" + body[6:])
