"""The frames of a play from JSON to an array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import numpy as np
import simdjson

from dropback.tracking._schema import FRAME_QUANTITIES, SLOTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["cut_frames", "frame_array", "read_frames"]

_SLOT: Final = b"[" + b"," * (len(FRAME_QUANTITIES) - 1) + b"]"
_FRAME: Final = b"[" + b",".join([_SLOT] * SLOTS) + b"]"
_NO_MARKS: Final = bytes(letter for letter in range(256) if letter not in b"[],")

_FRAMES_KEY: Final = b'"frames"'
_NO_FRAMES: Final = b"null"

# -2**1023, exactly: an array of numbers has no null, and no field has this number.
_ABSENT: Final = b"-8.98846567431158e307"


def frame_array(
    frame: list[list[float | None]] | list[list[list[float | None]]],
) -> NDArray[np.float32]:
    """Frames as an array, null as NaN; what float32 cannot hold becomes infinite and is refused."""
    with np.errstate(over="ignore"):
        return np.array(frame, dtype=np.float32)


def cut_frames(body: bytes) -> tuple[bytes, bytes] | None:
    """A request of JSON with null for its frames, and the text of the frames.

    Nothing is checked here but that no frames are left: where both are what they should be, so was
    the whole.

    Returns:
        None where they are not found as they usually are, or could be given twice.
    """
    key = body.find(_FRAMES_KEY)
    start = body.find(b"[", key)
    end = body.rfind(b"]]]") + 3
    between = body[key + len(_FRAMES_KEY) : start].strip(b" \t\n\r")
    if key < 0 or not key < start < end or between != b":":
        return None
    rest = body[:start] + _NO_FRAMES + body[end:]
    # Letters may be written as escapes.
    if rest.count(_FRAMES_KEY) != 1 or b"\\" in rest:
        return None
    return rest, body[start:end]


def read_frames(text: bytes, *, most_frames: int) -> NDArray[np.float32] | None:
    """Frames of a play, null as NaN, shape ``(T, 23, 6)``.

    Args:
        text: A JSON value, by itself.
        most_frames: Frames that are taken, 1 to so many.

    Returns:
        The frames, or None where the value is anything else: the general decoder then says what
        is wrong. It makes an object of each number first, and takes six times as long.
    """
    marks = text.translate(None, _NO_MARKS)
    count = len(marks) // (len(_FRAME) + 1)
    whole = b"[" + b",".join([_FRAME] * min(count, most_frames)) + b"]"
    # A letter is found many times sooner than a word.
    if not count or marks != whole or (b"e" in text and _ABSENT in text):
        return None
    if b"n" in text:
        text = text.replace(b"null", _ABSENT)
    try:
        value = simdjson.Parser().parse(text)
        # An array by its first mark.
        numbers = np.frombuffer(cast("simdjson.Array", value).as_buffer(of_type="d"))
    except (ValueError, TypeError, RuntimeError):  # no JSON, no numbers, numbers out of range
        return None
    with np.errstate(over="ignore"):
        frames = np.where(numbers == float(_ABSENT), np.nan, numbers).astype(np.float32)
    return frames.reshape(count, SLOTS, len(FRAME_QUANTITIES))
