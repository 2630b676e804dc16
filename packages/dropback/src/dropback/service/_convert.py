"""Convert situations, forecasts and frames to and from messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec
import numpy as np

from dropback.live import Situation
from dropback.service._messages import PointForecast, SituationMessage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dropback.live import Forecast

__all__ = [
    "frame_array",
    "frame_rows",
    "point_forecast",
    "situation_from_message",
    "situation_message",
]

FrameRows: TypeAlias = list[list[float | None]]


def situation_message(situation: Situation) -> SituationMessage:
    """A situation as its message."""
    return msgspec.convert(situation, SituationMessage, from_attributes=True)


def situation_from_message(message: SituationMessage) -> Situation:
    """A situation as the networks take it.

    Raises:
        LiveError: One that no play can have.
    """
    fields = msgspec.structs.asdict(message)
    eligible = fields.pop("eligible")
    if eligible is not None:
        fields["eligible"] = tuple(eligible)
    return Situation(**fields)


def point_forecast(forecast: Forecast) -> PointForecast:
    """A forecast as its message."""
    return msgspec.convert(forecast, PointForecast, from_attributes=True)


def frame_array(frames: FrameRows | list[FrameRows]) -> NDArray[np.float32]:
    """Frames as an array, null as NaN; what float32 cannot hold becomes infinite and is refused."""
    with np.errstate(over="ignore"):
        return np.array(frames, dtype=np.float32)


def frame_rows(frames: NDArray[np.float32]) -> list[FrameRows]:
    """Frames as lists to the hundredth, NaN as null."""
    rounded = np.round(frames.astype(np.float64), 2)
    rows: list[FrameRows] = np.where(np.isnan(rounded), None, rounded).tolist()  # type: ignore[call-overload]  # NumPy's stubs lack None
    return rows
