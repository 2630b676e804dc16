"""What is known of a play before the snap."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dropback.data._field import GOAL_TO_GOAL_YD
from dropback.data._outcomes import YARDS_LOWEST
from dropback.errors import LiveError
from dropback.tracking._schema import PLAYERS
from dropback.tracking.tensors._features import STATIC_COLUMNS, eligible_slots, static_features

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dropback.tracking._blocks import PlayBlock

__all__ = ["Situation", "situations"]

_OFFENSE_SLOTS: Final = PLAYERS // 2
_LAST_FIVE: Final = (False,) * 6 + (True,) * 5

# Least and most of each static column; what lies beyond is another unit or a slip.
_RANGES: Final = {
    "down": (0, 4),
    "yards_to_go": (0, 100),
    "yards_to_goal": (-1, 101),
    "quarter": (1, 20),
    "seconds_left_in_half_s": (0, 1800),
    "score_differential": (-200, 200),
    "at_home": (0, 1),
    "weeks_left": (0, 25),
}
_WHOLE: Final = frozenset({"down", "yards_to_go", "quarter", "score_differential", "weeks_left"})


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What is known of a play before the snap.

    None stands for what nobody told; the networks then take the average.

    Attributes:
        line_of_scrimmage_x_yd: On the canonical field (10 is the offense's own goal line), in
            ``[9, 111]``.
        yards_to_goal: Yards from the line to the goal line, in ``[-1, 101]``; play-by-play has
            1 to 99.
        down: 1 to 4; 0 is a try.
        yards_to_go: Yards to the line to gain, 0 to 100.
        quarter: 1 to 4; 5 and more is overtime.
        seconds_left_in_half_s: 0 to 1,800.
        score_differential: Offense minus defense, points.
        at_home: Whether the offense is the home team.
        weeks_left: Weeks to the end of the regular season.
        eligible: Which of the offense's 11 slots may catch a pass; by the slots' order the last
            five of a usual formation.

    Raises:
        LiveError: A value outside its range, part of a number that is counted, or not 11 slots.
    """

    line_of_scrimmage_x_yd: float
    yards_to_goal: float
    down: int | None = None
    yards_to_go: int | None = None
    quarter: int | None = None
    seconds_left_in_half_s: float | None = None
    score_differential: int | None = None
    at_home: bool | None = None
    weeks_left: int | None = None
    eligible: tuple[bool, ...] = _LAST_FIVE

    def __post_init__(self) -> None:
        if not 9 <= self.line_of_scrimmage_x_yd <= 111:
            raise LiveError(
                "line_of_scrimmage_x_yd must be in [9, 111] (10 is the offense's own goal line), "
                f"got {self.line_of_scrimmage_x_yd!r}."
            )
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            if value is None and name != "yards_to_goal":
                continue
            if not isinstance(value, int | float) or not least <= value <= most:
                raise LiveError(f"{name} must be in [{least}, {most}], got {value!r}.")
            if name in _WHOLE and value != math.floor(value):
                raise LiveError(f"{name} must be a whole number, got {value!r}.")
        if len(self.eligible) != _OFFENSE_SLOTS:
            raise LiveError(
                f"eligible must say yes or no for {_OFFENSE_SLOTS} slots of the offense, got "
                f"{len(self.eligible)}."
            )

    @property
    def yards_min(self) -> int:
        """Fewest yards: a return from the end line to the passer's goal line.

        How far the pass goes, which would bound an interception's return more tightly, is not
        known before it is caught.
        """
        return YARDS_LOWEST

    @property
    def yards_max(self) -> int:
        """Most yards: those of a touchdown, at least 1."""
        return min(max(round(self.yards_to_goal), 1), GOAL_TO_GOAL_YD)

    def static(self) -> NDArray[np.float32]:
        """The static columns of a network, shape ``(8,)`` by `STATIC_COLUMNS`, NaN missing."""
        values = (getattr(self, name) for name in STATIC_COLUMNS)
        return np.array([math.nan if value is None else value for value in values], np.float32)


def situations(block: PlayBlock) -> list[Situation]:
    """The situation of each play of a block.

    Raises:
        LiveError: A play with a value outside its range.
    """
    lines = block.plays["line_of_scrimmage_x_yd"].to_list()
    static = static_features(block.plays).tolist()
    eligible = eligible_slots(block).tolist()
    told = [
        {name: _told(name, value) for name, value in zip(STATIC_COLUMNS, row, strict=True)}
        for row in static
    ]
    return [
        Situation(line_of_scrimmage_x_yd=line, eligible=tuple(slots), **columns)
        for line, columns, slots in zip(lines, told, eligible, strict=True)
    ]


def _told(name: str, value: float) -> Any:  # noqa: ANN401 - of the field's type
    """A static column as a field of `Situation`; NaN is not known."""
    if math.isnan(value):
        return None
    if name == "at_home":
        return bool(value)
    return int(value) if name in _WHOLE else value
