"""Turn messages into what the networks take, and what they give into messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec
import numpy as np

from dropback.errors import LiveError, RequestError
from dropback.live import PlayContext
from dropback.live.feeds._plays import PointForecast, SituationMessage
from dropback.tracking._schema import FRAME_QUANTITIES, SLOTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dropback._arrays import Singles
    from dropback.live import Forecast

MESSAGE_PACK: Final = "application/msgpack"
"""Media type of MessagePack, in which frames may be raw bytes."""

FRAME_BYTES: Final = 4 * SLOTS * len(FRAME_QUANTITIES)
"""Bytes of a frame: little-endian float32, slot by slot."""

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


def score_of(forecast: Forecast, yards: int) -> float:
    """Score of what a client says was gained.

    Raises:
        LiveError: More than a touchdown.
    """
    # The line is as measured: half a yard from where the play-by-play has it is usual.
    if yards > forecast.yards_max + 1:
        raise LiveError(
            f"yards must be at most those of a touchdown, here {forecast.yards_max}, got {yards}."
        )
    return forecast.score(yards)


def frames_array(frames: Sequence[FrameRows] | bytes) -> Singles:
    """Frames ``(T, 23, 6)`` from rows, null as NaN, or from bytes.

    What float32 cannot hold becomes infinite, which the networks refuse.

    Raises:
        RequestError: Bytes that are no whole number of frames.
    """
    if isinstance(frames, bytes):
        if not frames or len(frames) % FRAME_BYTES:
            raise RequestError(
                f"Frames as bytes must be {FRAME_BYTES} bytes each ({SLOTS} x "
                f"{len(FRAME_QUANTITIES)} float32), got {len(frames)} bytes."
            )
        values = np.frombuffer(frames, "<f4").astype(np.float32)
        return values.reshape(-1, SLOTS, len(FRAME_QUANTITIES))
    with np.errstate(over="ignore"):
        return np.array(frames, dtype=np.float32)


def frame_array(frame: FrameRows | bytes) -> Singles:
    """One frame ``(23, 6)``, as `frames_array`."""
    if isinstance(frame, bytes) and len(frame) != FRAME_BYTES:
        raise RequestError(f"A frame as bytes must have {FRAME_BYTES} bytes, got {len(frame)}.")
    one: Singles = frames_array(frame if isinstance(frame, bytes) else [frame])[0]
    return one


def frame_bytes(frames: Singles) -> bytes:
    """Frames ``(..., 23, 6)`` as bytes."""
    return np.ascontiguousarray(frames, "<f4").tobytes()


def frame_rows(frames: Singles) -> list[FrameRows]:
    """Frames as lists to the hundredth, NaN as null."""
    rounded = np.round(frames.astype(np.float64), 2)
    rows: list[FrameRows] = np.where(np.isnan(rounded), None, rounded).tolist()  # type: ignore[call-overload]  # NumPy's stubs lack None
    return rows
