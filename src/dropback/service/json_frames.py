"""The frames of a play from JSON to an array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import numpy as np
import simdjson

from dropback.tracking.schema import FRAME_QUANTITIES, SLOTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["frame_array", "read_frames"]

_SLOT: Final = b"[" + b"," * (len(FRAME_QUANTITIES) - 1) + b"]"
_FRAME: Final = b"[" + b",".join([_SLOT] * SLOTS) + b"]"
_NO_MARKS: Final = bytes(letter for letter in range(256) if letter not in b"[],")

# -2**1023, exactly: an array of numbers has no null, and no field has this number.
_ABSENT: Final = b"-8.98846567431158e307"


def frame_array(
    frame: list[list[float | None]] | list[list[list[float | None]]],
) -> NDArray[np.float32]:
    """Frames as an array, null as NaN; what float32 cannot hold becomes infinite and is refused."""
    with np.errstate(over="ignore"):
        return np.array(frame, dtype=np.float32)


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
    if not count or marks != whole or _ABSENT in text:
        return None
    try:
        value = simdjson.Parser().parse(text.replace(b"null", _ABSENT))
        # An array by its first mark.
        numbers = np.frombuffer(cast("simdjson.Array", value).as_buffer(of_type="d"))
    except (ValueError, TypeError, RuntimeError):  # no JSON, no numbers, numbers out of range
        return None
    with np.errstate(over="ignore"):
        frames = np.where(numbers == float(_ABSENT), np.nan, numbers).astype(np.float32)
    return frames.reshape(count, SLOTS, len(FRAME_QUANTITIES))
