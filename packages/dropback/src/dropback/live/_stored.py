"""Forecast stored plays frame by frame, as a live feed would see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dropback.data._field import FIELD_LENGTH_YD, FIELD_WIDTH_YD, HASH_MARK_Y_YD
from dropback.live._inputs import PlayContext, play_contexts
from dropback.live._predictor import PlayFrames

if TYPE_CHECKING:
    from dropback.live._forecast import Forecast
    from dropback.live._predictor import PlayPredictor
    from dropback.tracking._blocks import PlayBlock


@dataclass(frozen=True)
class StoredPlayForecast:
    """The live forecasts of a stored play.

    Attributes:
        context: What a live feed of the play starts with.
        frames: One entry a frame, None where that frame has no forecast.
        release: The forecast at the release, with the target known.
        score: Score of the yards gained, None if they are unknown.
    """

    context: PlayContext
    frames: list[Forecast | None]
    release: Forecast
    score: float | None


FIELD_COLUMNS = ("line_of_scrimmage_x_yd", "yards_to_goal", "yards_to_go")


@dataclass(frozen=True)
class FieldLines:
    """Size and lines of the canonical field for one play, yards along it.

    Attributes:
        length_yd: Length, end zones included.
        width_yd: Width.
        hash_mark_y_yd: Distance of the hash marks from either sideline.
        line_of_scrimmage_x_yd: Line of scrimmage.
        first_down_x_yd: Line to gain, None if it is unknown; at most the goal line.
        goal_line_x_yd: Goal line that the offense attacks.
    """

    length_yd: float
    width_yd: float
    hash_mark_y_yd: float
    line_of_scrimmage_x_yd: float
    first_down_x_yd: float | None
    goal_line_x_yd: float


def forecast_stored_play(
    predictor: PlayPredictor, block: PlayBlock, yards: int | None
) -> StoredPlayForecast:
    """Forecast the one play of a block at every frame and at its release.

    Args:
        predictor: The networks.
        block: The play.
        yards: Yards gained, to be scored; None if they are unknown.

    Raises:
        LiveError: A play that no live feed could send.
    """
    context = play_contexts(block)[0]
    live = predictor.start(context)
    frames: list[Forecast | None] = [None] * len(block.frames)
    for number, frame in enumerate(block.frames):
        for forecast in live.push(number, frame):
            frames[forecast.frame] = forecast
    release = live.release(block.plays["target_slot"][0])
    score = None if yards is None else release.score(yards)
    return StoredPlayForecast(context, frames, release, score)


def released_play(block: PlayBlock) -> PlayFrames:
    """The one play of a block from the snap to the release, with its target.

    Raises:
        LiveError: A play that no live feed could send.
    """
    return PlayFrames(play_contexts(block)[0], block.frames, block.plays["target_slot"][0])


def field_lines(
    line_of_scrimmage_x_yd: float, yards_to_goal: float, yards_to_go: float | None
) -> FieldLines:
    """The field of a play, of which the arguments are `FIELD_COLUMNS`."""
    line = line_of_scrimmage_x_yd
    goal = line + yards_to_goal
    # A first down at or past the goal line is the goal line.
    first_down = min(line + yards_to_go, goal) if yards_to_go else None
    return FieldLines(FIELD_LENGTH_YD, FIELD_WIDTH_YD, HASH_MARK_Y_YD, line, first_down, goal)
