"""Encode and decode plays, frames, situations and forecasts, as messages and in binary forms.

The binary forms, version 1, are a play for one request and a frame for a live socket; the page on
the service in the documentation lists their bytes.
"""

from __future__ import annotations

import math
import struct
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec
import numpy as np

from dropback.errors import RequestError
from dropback.live import PlayContext, PlayFrames
from dropback.service._messages import PointForecast, SituationMessage
from dropback.tracking._schema import FRAME_QUANTITIES, SLOTS

if TYPE_CHECKING:
    from dropback._arrays import Singles
    from dropback.live import Forecast

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
    """Encode a play; with `yards` gained, the service scores it."""
    situation = play.context
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
    situation = PlayContext(line_of_scrimmage_x_yd=line, yards_to_goal=to_goal, **fields)
    frames = _frames(body, _PLAY.size, count)
    play = PlayFrames(situation, frames, None if slot == _NO_SLOT else slot)
    return play, None if yards == _NO_YARDS else yards


def encode_frame(number: int, frame: Singles) -> bytes:
    """Encode a canonical frame, shape ``(23, 6)``; its number is 0 at the snap."""
    header = _FRAME.pack(_FRAME_MAGIC, _VERSION, 0, number)
    return header + np.ascontiguousarray(frame, "<f4").tobytes()


def decode_frame(body: bytes) -> tuple[int, Singles]:
    """Decode number and frame, shape ``(23, 6)``; other bytes raise `RequestError`."""
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


def _frames(body: bytes, start: int, count: int) -> Singles:
    values = np.frombuffer(body, "<f4", offset=start).astype(np.float32)
    return values.reshape(count, SLOTS, len(FRAME_QUANTITIES))


def _known(name: str, value: float) -> float | int | bool | None:
    """A field as `PlayContext` takes it; NaN is unknown."""
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


FrameRows: TypeAlias = list[list[float | None]]


def situation_message(situation: PlayContext) -> SituationMessage:
    """A situation as its message."""
    return msgspec.convert(situation, SituationMessage, from_attributes=True)


def situation_from_message(message: SituationMessage) -> PlayContext:
    """A situation as the networks take it; one that no play can have raises `LiveError`."""
    fields = msgspec.structs.asdict(message)
    eligible = fields.pop("eligible")
    if eligible is not None:
        fields["eligible"] = tuple(eligible)
    return PlayContext(**fields)


def point_forecast(forecast: Forecast) -> PointForecast:
    """A forecast as its message."""
    return msgspec.convert(forecast, PointForecast, from_attributes=True)


def frame_array(frames: FrameRows | list[FrameRows]) -> Singles:
    """Frames as an array, null as NaN; what float32 cannot hold becomes infinite and is refused."""
    with np.errstate(over="ignore"):
        return np.array(frames, dtype=np.float32)


def frame_rows(frames: Singles) -> list[FrameRows]:
    """Frames as lists to the hundredth, NaN as null."""
    rounded = np.round(frames.astype(np.float64), 2)
    rows: list[FrameRows] = np.where(np.isnan(rounded), None, rounded).tolist()  # type: ignore[call-overload]  # NumPy's stubs lack None
    return rows
