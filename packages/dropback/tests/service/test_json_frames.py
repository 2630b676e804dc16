"""The quick way to read frames against the general decoder of JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dropback.service._json_frames import cut_frames, read_frames
from examples import service as made

FRAME = [[None] * 6] * 23


def text(value="0", *, frames=1, blank=""):
    """Frames as JSON with one value written as `value`."""
    made_up = json.dumps([FRAME] * frames).replace("null", value, 1)
    return "".join(blank + mark + blank if mark in "[]," else mark for mark in made_up).encode()


def read(content, most_frames=4):
    return read_frames(content, most_frames=most_frames)


@given(
    st.lists(st.none() | st.floats(-9999, 9999, width=32), min_size=1, max_size=30),
    st.sampled_from([(",", ":"), (" ,\n", ":\t"), (",\r", ":")]),
)
def test_float32_comes_back_bit_for_bit(values, separators):
    frames = np.resize(np.array(values, float), (2, 23, 6))
    told = np.where(np.isnan(frames), None, frames).tolist()
    back = read(json.dumps(told, separators=separators).encode())
    np.testing.assert_array_equal(back, frames.astype(np.float32))


@pytest.mark.parametrize(
    "number",
    ["0", "-0", "7", "-12", "12.5", "0.1", "-0.001", "1e2", "1E+2", "25e-1", "120.00", "1.5e-3",
     "1234567890123456789", "0.09999999999999999999", "3e22", "1e23", "1e-45", "1e0001",
     "359.98999999999995", "16777217"],
)  # fmt: skip
def test_a_number_is_read_as_python_and_numpy_read_it(number):
    for blank in ("", " \n"):
        frames = read(text(number, blank=blank))
        assert frames is not None
        assert frames[0, 0, 0] == np.float32(json.loads(number))
        assert np.isnan(frames.reshape(-1)[1:]).all()


@pytest.mark.parametrize(
    "number",
    ["", "01", "-", "+1", ".5", "5.", "1.e2", "1e", "1e+", "1e2.5", "0x1", "1_0", "nul", "nulls",
     "NaN", "Infinity", "true", '"1"', "[1]", "1 2", "--1", "1e999", "1" + "0" * 20,
     "-8.98846567431158e307", "1null", "-null", '"["', "{}", "\x001", "1\x0c"],
)  # fmt: skip
def test_what_is_no_plain_number_is_left_to_the_general_decoder(number):
    assert read(text(number)) is None


@pytest.mark.parametrize("frames", [1, 2, 4])
def test_as_many_frames_are_read_as_there_are(frames):
    content = json.dumps(made.frames(frames).astype(float).round(2).tolist()).encode()
    back = read(content)
    np.testing.assert_array_equal(back, made.frames(frames))
    assert read(content, most_frames=frames).shape == (frames, 23, 6)


def test_what_float32_cannot_hold_is_infinite_and_no_hole():
    assert read(text("1e308"))[0, 0, 0] == np.inf
    assert read(text("-1.7e308"))[0, 0, 0] == -np.inf


def test_more_frames_than_may_be_are_left_to_the_general_decoder():
    assert read(text(frames=5)) is None


def test_text_that_was_cut_anywhere_is_not_read():
    whole = text("1.5e2", frames=2)
    assert read(whole) is not None
    assert not any(read(whole[:end]) is not None for end in range(1, len(whole)))
    assert read(b" ") is None


@given(st.data())
def test_text_with_a_byte_changed_is_read_as_the_general_decoder_reads_it_or_not(data):
    content = bytearray(text("-20.25", frames=2))
    place = data.draw(st.integers(0, 60) | st.integers(0, len(content) - 1))
    content[place] = data.draw(st.sampled_from(b"[],. 0159-eEnul\x00\xff") | st.integers(0, 255))
    back = read(bytes(content))
    if back is not None:
        expected = np.array(json.loads(bytes(content)), dtype=np.float32)
        np.testing.assert_array_equal(back, expected)


@pytest.mark.parametrize(
    "frames",
    [
        [],
        [[]],
        [[[0.0] * 6] * 22],
        [[[0.0] * 6] * 24],
        [[[0.0] * 5] * 23],
        [[[0.0] * 7] * 23],
        [[[0.0] * 6] * 23, []],
        [[[[0.0]] * 6] * 23],
        [[0.0] * 6] * 23,
        None,
        {},
    ],
)
def test_frames_of_another_shape_are_left_to_the_general_decoder(frames):
    assert read(json.dumps(frames).encode()) is None


SITUATION = '"situation":{"line_of_scrimmage_x_yd":35,"yards_to_goal":75}'
WHOLE = '"frames":[[[1]]]'


@pytest.mark.parametrize(
    "body",
    [
        f"{{{SITUATION},{WHOLE}}}",
        f'{{{WHOLE},"yards":8,{SITUATION}}}',
        f'{{{SITUATION},"frames" :\n\t[[[1],[2]]] ,"target_slot":null}}',
        f'{{{WHOLE},"situation":{{"eligible":[true]}}}}',
    ],
)
def test_the_rest_and_the_frames_are_the_whole(body):
    rest, frames = cut_frames(body.encode())
    whole = json.loads(body)
    assert json.loads(frames) == whole["frames"]
    assert json.loads(rest) == whole | {"frames": None}


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        '{"frames":null}',
        f"{{{SITUATION}}}",
        '{"frames":[]}',
        '{"frames":[[[1]]],"frames":null}',
        '{"frames":null,"frames":[[[1]]]}',
        '{"frames":[[[1]]],"fr\\u0061mes":null}',
        '{"frames":null,"yards":[[[1]]]}',
        '{"frames":[[[1]] ]}',
        "]]]",
        '"frames"',
        '"frames":',
        '[[[1]]]"frames":[',
    ],
)
def test_frames_that_are_elsewhere_or_given_twice_are_not_cut(body):
    assert cut_frames(body.encode()) is None
