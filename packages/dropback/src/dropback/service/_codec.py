"""Encode and decode the binary forms, version 1: a play for one request, a live frame.

All numbers are little-endian. A play (``application/vnd.dropback.play``) is 52 bytes of header,
then its frames:

====== ========= ==========================================================================
offset type      field
====== ========= ==========================================================================
0      4 bytes   ``DBPL``
4      uint16    version, 1
6      uint16    frames, T
8      int8      target's slot, -1 if unknown
9      uint8     0
10     int16     yards gained, -32768 if not given
12     float32   line of scrimmage, x of the canonical field, yards
16     float32   yards to goal
20     7 float32 down, yards to go, quarter, seconds left in the half, score differential, at
                 home (0, 1), weeks left; NaN if unknown
48     uint16    eligible slots, bit n for slot n; 65535: the last five
50     uint16    0
52     float32   T x 23 x 6: frames, slots, quantities; NaN if missing
====== ========= ==========================================================================

A frame of a live socket is 564 bytes: ``DBFR``, uint16 version, uint16 0, uint32 number, then
23 x 6 float32.
"""

from __future__ import annotations

import math
import struct
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dropback.errors import RequestError
from dropback.live import PlayFrames, Situation
from dropback.tracking._schema import FRAME_QUANTITIES, SLOTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PLAY_MEDIA_TYPE", "decode_frame", "decode_play", "encode_frame", "encode_play"]

PLAY_MEDIA_TYPE: Final = "application/vnd.dropback.play"

_PLAY: Final = struct.Struct("<4sHHbBhff7fHH")
_FRAME: Final = struct.Struct("<4sHHI")
_PLAY_MAGIC, _FRAME_MAGIC, _VERSION = b"DBPL", b"DBFR", 1
_FRAME_BYTES: Final = 4 * SLOTS * len(FRAME_QUANTITIES)
_NO_SLOT, _NO_YARDS, _LAST_FIVE = -1, -32768, 0xFFFF
_OPTIONAL: Final = (
    "down",
    "yards_to_go",
    "quarter",
    "seconds_left_in_half_s",
    "score_differential",
    "at_home",
    "weeks_left",
)
_FRACTIONAL: Final = "seconds_left_in_half_s"


def encode_play(play: PlayFrames, *, yards: int | None = None) -> bytes:
    """Encode a play.

    Args:
        play: The play.
        yards: Yards gained, to have the play scored.
    """
    situation = play.situation
    optional = [getattr(situation, name) for name in _OPTIONAL]
    header = _PLAY.pack(
        _PLAY_MAGIC,
        _VERSION,
        len(play.frames),
        _NO_SLOT if play.target_slot is None else play.target_slot,
        0,
        _NO_YARDS if yards is None else yards,
        situation.line_of_scrimmage_x_yd,
        situation.yards_to_goal,
        *(math.nan if value is None else value for value in optional),
        sum(1 << slot for slot, eligible in enumerate(situation.eligible) if eligible),
        0,
    )
    return header + np.ascontiguousarray(play.frames, "<f4").tobytes()


def decode_play(body: bytes, *, most_frames: int) -> tuple[PlayFrames, int | None]:
    """Decode a play, and its yards if they were given.

    Args:
        body: As `encode_play` writes it.
        most_frames: Frames that are accepted.

    Raises:
        RequestError: Bytes of another form, too many frames, or a field out of its range.
        LiveError: A situation that no play can have.
    """
    if len(body) < _PLAY.size:
        raise RequestError(
            f"A binary play must have a header of {_PLAY.size} bytes, got {len(body)} bytes."
        )
    magic, version, count, slot, zero, yards, line, to_goal, *rest = _PLAY.unpack_from(body)
    *optional, eligible, also_zero = rest
    _require_form("play", magic, _PLAY_MAGIC, version, (zero, also_zero))
    if not 1 <= count <= most_frames:
        raise RequestError(f"A play must have 1 to {most_frames} frames, got {count}.")
    expected = _PLAY.size + count * _FRAME_BYTES
    if len(body) != expected:
        raise RequestError(
            f"A binary play of {count} frames must have {expected} bytes, got {len(body)}."
        )
    if not _NO_SLOT <= slot <= 10:
        raise RequestError(f"The target's slot must be 0 to 10, or -1 for none, got {slot}.")
    fields: dict[str, Any] = {
        name: _known(name, value) for name, value in zip(_OPTIONAL, optional, strict=True)
    }
    if eligible != _LAST_FIVE:
        fields["eligible"] = _eligible(eligible)
    situation = Situation(line_of_scrimmage_x_yd=line, yards_to_goal=to_goal, **fields)
    frames = _frames(body, _PLAY.size, count)
    play = PlayFrames(situation, frames, None if slot == _NO_SLOT else slot)
    return play, None if yards == _NO_YARDS else yards


def encode_frame(number: int, frame: NDArray[np.float32]) -> bytes:
    """Encode a frame of a live socket.

    Args:
        number: 0 at the snap.
        frame: Canonical, shape ``(23, 6)``.
    """
    header = _FRAME.pack(_FRAME_MAGIC, _VERSION, 0, number)
    return header + np.ascontiguousarray(frame, "<f4").tobytes()


def decode_frame(body: bytes) -> tuple[int, NDArray[np.float32]]:
    """Decode number and frame, shape ``(23, 6)``.

    Raises:
        RequestError: Bytes of another form.
    """
    expected = _FRAME.size + _FRAME_BYTES
    if len(body) != expected:
        raise RequestError(f"A binary frame must have {expected} bytes, got {len(body)}.")
    magic, version, zero, number = _FRAME.unpack_from(body)
    _require_form("frame", magic, _FRAME_MAGIC, version, (zero,))
    return number, _frames(body, _FRAME.size, 1)[0]


def _require_form(
    kind: str, magic: bytes, expected: bytes, version: int, zeros: tuple[int, ...]
) -> None:
    if magic != expected:
        raise RequestError(f"A binary {kind} must begin with {expected.decode()}, got {magic!r}.")
    if version != _VERSION:
        raise RequestError(f"A binary {kind} must be of version {_VERSION}, got {version}.")
    if any(zeros):
        raise RequestError(f"The unused bytes of a binary {kind} must be 0, got {zeros}.")


def _frames(body: bytes, start: int, count: int) -> NDArray[np.float32]:
    values = np.frombuffer(body, "<f4", offset=start).astype(np.float32)
    return values.reshape(count, SLOTS, len(FRAME_QUANTITIES))


def _known(name: str, value: float) -> float | int | bool | None:
    """A field as `Situation` takes it; NaN is unknown."""
    if math.isnan(value):
        return None
    if name == _FRACTIONAL:
        return value
    if not math.isfinite(value) or value != math.floor(value):
        raise RequestError(f"{name} must be a whole number, got {value!r}.")
    if name == "at_home" and value not in (0, 1):
        raise RequestError(f"at_home must be 0 or 1, got {value!r}.")
    return bool(value) if name == "at_home" else int(value)


@cache  # 2048 values
def _eligible(bits: int) -> tuple[bool, ...]:
    if bits >> 11:
        raise RequestError(f"The eligible slots must be bits 0 to 10, got {bits:#06x}.")
    return tuple(bool(bits >> slot & 1) for slot in range(11))
