"""Forecasts and situations to and from messages; a stored play's forecasts by the live path."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dropback.errors import LiveError
from dropback.live import PlayContext, play_contexts
from dropback.service._messages import PointForecast, SituationMessage

if TYPE_CHECKING:
    from dropback.live import Forecast, PlayPredictor
    from dropback.tracking._blocks import PlayBlock

__all__ = [
    "NO_FORECASTS",
    "StoredForecasts",
    "point_forecast",
    "situation_message",
    "situation_of",
    "stored_forecasts",
]


@dataclass(frozen=True)
class StoredForecasts:
    """What the live path says of a stored play.

    Attributes:
        frames: One a frame, None where there is none.
        release: With the target known.
        score: Of the yards gained, where they are known.
        problem: Why there are none.
        situation: What a live feed of the play starts with; None where there are no forecasts.
    """

    frames: list[PointForecast | None] = field(default_factory=list)
    release: PointForecast | None = None
    score: float | None = None
    problem: str | None = None
    situation: SituationMessage | None = None


NO_FORECASTS = StoredForecasts(
    problem="This service has no tracking networks: start it with a run that has."
)


def stored_forecasts(
    predictor: PlayPredictor, block: PlayBlock, yards: int | None
) -> StoredForecasts:
    """The forecasts of the one play of a block, frame by frame as a live feed would give them.

    Args:
        predictor: The networks.
        block: The play.
        yards: Gained, to be scored; None where nobody knows.
    """
    try:
        situation = play_contexts(block)[0]
        live = predictor.start(situation)
        frames: list[PointForecast | None] = [None] * len(block.frames)
        for number, frame in enumerate(block.frames):
            for forecast in live.push(number, frame):
                frames[forecast.frame] = point_forecast(forecast)
        release = live.release(block.plays["target_slot"][0])
    except LiveError as error:
        return StoredForecasts(problem=str(error))
    score = None if yards is None else release.score(yards)
    known = situation_message(situation)
    return StoredForecasts(frames, point_forecast(release), score, situation=known)


def situation_message(situation: PlayContext) -> SituationMessage:
    """A situation as its message."""
    known = {name: getattr(situation, name) for name in SituationMessage.__struct_fields__}
    return SituationMessage(**known | {"eligible": list(situation.eligible)})


def situation_of(message: SituationMessage) -> PlayContext:
    """A situation as the networks take it.

    Raises:
        LiveError: One that no play can have.
    """
    fields: dict[str, Any] = {
        name: getattr(message, name) for name in message.__struct_fields__ if name != "eligible"
    }
    if message.eligible is not None:
        fields["eligible"] = tuple(message.eligible)
    return PlayContext(**fields)


def point_forecast(forecast: Forecast) -> PointForecast:
    """A forecast as its message."""
    return PointForecast(
        frame=forecast.frame,
        released=forecast.released,
        mean=forecast.mean,
        median=forecast.median,
        quantiles=forecast.quantiles,
        lower_threshold_yd=forecast.lower_threshold_yd,
        upper_threshold_yd=forecast.upper_threshold_yd,
        touchdown=min(max(forecast.touchdown, 0.0), 1.0),
        first_yd=forecast.first_yd,
        probabilities=forecast.probabilities,
    )
