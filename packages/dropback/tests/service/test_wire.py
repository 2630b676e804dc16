"""What is sent comes back as it went; other bytes are refused in a sentence."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dropback.errors import DropbackError, RequestError
from dropback.live import PlayContext
from dropback.live.feeds._messages import LIVE_DECODERS, FrameMessage
from dropback.live.feeds._wire import (
    frame_array,
    frame_bytes,
    frames_array,
    situation_from_message,
    situation_message,
)
from dropback.service._messages import ScoreRequest
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


@given(situations, hnp.arrays(np.float32, (2, 23, 6), elements=floats), st.booleans())
def test_a_play_comes_back_as_it_went(situation, frames, packed):
    form = msgspec.msgpack if packed else msgspec.json  # base64 in JSON
    sent = ScoreRequest(situation_message(situation), frame_bytes(frames), target_slot=3)
    back = form.decode(form.encode(sent), type=ScoreRequest)
    assert situation_from_message(back.situation) == situation
    np.testing.assert_array_equal(frames_array(back.frames), frames)


@given(st.integers(0, 2**31 - 1), hnp.arrays(np.float32, (23, 6), elements=floats))
def test_a_frame_comes_back_as_it_went(number, frame):
    back = LIVE_DECODERS[1].decode(example.frame_message(number, frame))
    assert isinstance(back, FrameMessage)
    assert back.number == number
    np.testing.assert_array_equal(frame_array(back.frame), frame)


def test_the_bytes_of_a_frame_are_those_that_are_documented():
    frame = np.arange(138, dtype=np.float32).reshape(23, 6)
    assert frame_bytes(frame)[:8] == b"\0\0\0\0\0\0\x80?"  # 0.0, then 1.0: little-endian
    assert len(frame_bytes(frame)) == 552


@given(st.binary(max_size=1300))
def test_any_bytes_are_frames_or_are_refused_in_a_sentence(body):
    for read in (frame_array, frames_array):
        try:
            assert read(body).shape[-2:] == (23, 6)
        except DropbackError as error:
            assert str(error).endswith(".")  # noqa: PT017  # any refusal will do


@given(st.binary(max_size=700))
def test_any_bytes_are_a_message_or_are_refused(body):
    with pytest.raises(msgspec.DecodeError):
        LIVE_DECODERS[1].decode(body)


@pytest.mark.parametrize("size", [0, 551, 553, 1104])
def test_a_frame_of_another_size_is_refused(size):
    with pytest.raises(RequestError, match=f"must have 552 bytes, got {size}"):
        frame_array(bytes(size))


@pytest.mark.parametrize("size", [0, 551, 553])
def test_frames_that_are_no_whole_number_are_refused(size):
    with pytest.raises(RequestError, match=f"must be 552 bytes each .*, got {size} bytes"):
        frames_array(bytes(size))
