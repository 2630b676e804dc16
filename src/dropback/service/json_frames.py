"""Frames from JSON to an array; those of a whole play without a Python object a number.

Forty frames are 5,520 numbers: to lists and then to an array they take three times as long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dropback.tracking.schema import FRAME_QUANTITIES, SLOTS
from splicedpareto.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["frame_array", "read_frames"]

# Clinger (1990): up to here a power of ten is a float64 exactly.
_POWERS: Final = np.array([10.0**power for power in range(23)])
# An integer of 64 bits holds as many, whatever they are; Python writes a float with 17 at most.
_MOST_DIGITS: Final = 18

_OPEN, _CLOSE, _COMMA = (ord(letter) for letter in "[],")
_N, _U, _L = (ord(letter) for letter in "nul")
_MINUS, _PLUS, _POINT, _ZERO, _NINE = (ord(letter) for letter in "-+.09")
_SMALL_E, _LARGE_E = ord("e"), ord("E")
_SPACE, _TAB, _FEED, _RETURN = (ord(letter) for letter in " \t\n\r")


def frame_array(
    frame: list[list[float | None]] | list[list[list[float | None]]],
) -> NDArray[np.float32]:
    """Frames as an array, null as NaN; what float32 cannot hold becomes infinite and is refused."""
    with np.errstate(over="ignore"):
        return np.array(frame, dtype=np.float32)


def read_frames(text: bytes | memoryview, *, most_frames: int) -> NDArray[np.float32] | None:
    """Frames of a play, null as NaN, shape ``(T, 23, 6)``.

    A number of up to 15 digits becomes the nearest float64 and that the nearest float32, as Python
    and NumPy do it; of a longer one the float64 may be the next to the nearest.

    Args:
        text: A JSON value, by itself.
        most_frames: Frames that are taken, 1 to so many.

    Returns:
        The frames, or None where the value is anything but such frames, or has a number of more
        than 18 digits or of an exponent beyond 22: the general decoder reads it, or says what is
        wrong.
    """
    frames = np.empty((most_frames, SLOTS, len(FRAME_QUANTITIES)), np.float32)
    count = _read(np.frombuffer(text, np.uint8), frames, _POWERS)
    return frames[:count].copy() if count > 0 else None


# One loop: each call that takes an array counts its references, and with one for every mark and
# number the whole takes four times as long, no less than the general decoder.
@compiled
def _read(  # noqa: C901, PLR0911, PLR0912, PLR0915
    text: NDArray[np.uint8], frames: NDArray[np.float32], powers: NDArray[np.float64]
) -> int:
    """Fill frames from the first; their number, or -1 where the text is no such frames."""
    most, slots, quantities = frames.shape
    size = len(text)
    at = 0
    opening = 3  # brackets that must open before the next value
    for place in range(most * slots * quantities):
        for _ in range(opening):
            while at < size and text[at] <= _SPACE and _is_blank(text[at]):
                at += 1
            if at >= size or text[at] != _OPEN:
                return -1
            at += 1
        while at < size and text[at] <= _SPACE and _is_blank(text[at]):
            at += 1
        # A number (RFC 8259, section 6), or null.
        value = np.nan
        if at < size and text[at] == _N:
            if at + 3 >= size or text[at + 1] != _U or text[at + 2] != _L or text[at + 3] != _L:
                return -1
            at += 4
        else:
            negative = at < size and text[at] == _MINUS
            at += negative
            start = at
            mantissa = 0
            significant = 0
            while at < size and _ZERO <= text[at] <= _NINE:
                significant += significant > 0 or text[at] > _ZERO
                mantissa = 10 * mantissa + (text[at] - _ZERO)
                at += 1
            if at == start or (text[start] == _ZERO and at > start + 1):
                return -1
            exponent = 0
            if at < size and text[at] == _POINT:
                start = at + 1
                at = start
                while at < size and _ZERO <= text[at] <= _NINE:
                    significant += significant > 0 or text[at] > _ZERO
                    mantissa = 10 * mantissa + (text[at] - _ZERO)
                    at += 1
                if at == start:
                    return -1
                exponent = start - at
            if at < size and (text[at] == _SMALL_E or text[at] == _LARGE_E):
                at += 1
                minus = at < size and text[at] == _MINUS
                at += minus or (at < size and text[at] == _PLUS)
                start = at
                power = 0
                while at < size and at < start + 3 and _ZERO <= text[at] <= _NINE:
                    power = 10 * power + (text[at] - _ZERO)
                    at += 1
                if at == start:
                    return -1
                exponent += -power if minus else power
            if significant > _MOST_DIGITS or not -len(powers) < exponent < len(powers):
                return -1
            value = float(mantissa)
            value = value * powers[exponent] if exponent > 0 else value / powers[-exponent]
            value = -value if negative else value
        frames[place // (slots * quantities), place // quantities % slots, place % quantities] = (
            value
        )
        # What closes with this value opens again before the next.
        opening = 0
        if (place + 1) % quantities == 0:
            opening = 1
            if (place + 1) % (slots * quantities) == 0:
                opening = 2
        for closing in range(opening + 1):
            while at < size and text[at] <= _SPACE and _is_blank(text[at]):
                at += 1
            if at >= size:
                return -1
            last = closing == opening
            if last and opening == 2 and text[at] == _CLOSE:  # no further frame
                at += 1
                while at < size and text[at] <= _SPACE and _is_blank(text[at]):
                    at += 1
                return (place + 1) // (slots * quantities) if at == size else -1
            if text[at] != (_COMMA if last else _CLOSE):
                return -1
            at += 1
    return -1


@compiled
def _is_blank(letter: int) -> bool:
    return letter in (_SPACE, _FEED, _RETURN, _TAB)
