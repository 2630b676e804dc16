"""Value the outcomes of a play in expected points."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from dropback.data._field import GOAL_TO_GOAL_YD
from dropback.expected_points import load_expected_points, points_of_gains
from dropback.models._grid import YARDS

if TYPE_CHECKING:
    from pathlib import Path

    from dropback._arrays import Floats
    from dropback.live._inputs import PlayContext

# A play asks at each of its frames; of more plays at once the oldest are valued again.
_PLAYS: Final = 512


class PlayPoints:
    """Expected points added by each gain of a play, by a model of expected points.

    Args:
        folder: Folder of the model, as ``dropback seasons`` writes it where the data have no EPA.

    Raises:
        RunError: The folder is not such a model.
    """

    def __init__(self, folder: Path) -> None:
        self._model = load_expected_points(folder)
        self.of = lru_cache(_PLAYS)(self._of)

    def _of(self, context: PlayContext) -> Floats | None:
        """EPA at `YARDS`, shape ``(211,)``; None where the situation is not known whole."""
        down, to_go = context.down, context.yards_to_go
        quarter, seconds = context.quarter, context.seconds_left_in_half_s
        if not down or not to_go or quarter is None or seconds is None:
            return None
        spot = min(max(round(context.yards_to_goal), 1), GOAL_TO_GOAL_YD - 1)
        return points_of_gains(
            self._model, YARDS, down=down, ydstogo=to_go, yardline_100=spot, quarter=quarter,
            half_seconds_remaining=seconds, home=context.at_home,
        )  # fmt: skip
