"""What the networks read of a play: its context before the snap, and the columns of its frames."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from dropback.data._field import HALF_SECONDS
from dropback.data._outcomes import YARDS_LOWEST, goal_line_yards
from dropback.errors import LiveError
from dropback.models._frame_columns import FRAME_COLUMNS
from dropback.models._grid import YARDS
from dropback.tracking._blocks import DIRECTION, SPEED, X
from dropback.tracking._compiled import compiled, one_layout
from dropback.tracking._kernels import HISTORY_FRAMES, STANDING_YD_PER_S, columns_of_frames
from dropback.tracking._schema import FRAME_QUANTITIES, PLAYERS, SLOTS, X_RANGE_YD, Y_RANGE_YD
from dropback.tracking.tensors._features import (
    ABOUT_TARGET,
    STATIC_COLUMNS,
    eligible_slots,
    static_features,
)

if TYPE_CHECKING:
    from dropback._arrays import Flags, Integers, Singles
    from dropback.tracking._blocks import PlayBlock

# A minute; the longest dropback of the public sets takes 13 s.
LONGEST_PLAY: Final = 600

VELOCITIES: Final = (HISTORY_FRAMES, PLAYERS, 2)
"""Shape of the velocities that are kept of a play between two frames."""

_OFFENSE_SLOTS: Final = PLAYERS // 2
_LAST_FIVE: Final = (False,) * 6 + (True,) * 5

# Least and most of each static column; what lies beyond is another unit or a slip.
_RANGES: Final = {
    "down": (0, 4),
    "yards_to_go": (0, 100),
    "yards_to_goal": (-1, 101),
    "quarter": (1, 20),
    "seconds_left_in_half_s": (0, HALF_SECONDS),
    "score_differential": (-200, 200),
    "at_home": (0, 1),
    "weeks_left": (0, 25),
}
_WHOLE: Final = frozenset({"down", "yards_to_go", "quarter", "score_differential", "weeks_left"})

# Nobody runs 30 yards a second; feeds give angles as -180 to 180 or 0 to 360.
_LEAST: Final = np.array([X_RANGE_YD[0], Y_RANGE_YD[0], 0.0], np.float32)
_MOST: Final = np.array([X_RANGE_YD[1], Y_RANGE_YD[1], 30.0], np.float32)
_ANGLE: Final = np.float32(720.0)
_PLACE_AND_SPEED: Final = slice(X, SPEED + 1)


class ContextArrays(NamedTuple):
    """A play context as arrays of one row.

    Attributes:
        line_x_yd: Line of scrimmage, shape ``(1,)``.
        eligible: Eligible receivers, shape ``(1, 11)``.
        static: Static columns by `STATIC_COLUMNS`, NaN where unknown, shape ``(1, 8)``.
        scored: 1 at the yards of a touchdown and beyond, else 0, at `YARDS`, shape ``(1, 211)``.
    """

    line_x_yd: Singles
    eligible: Flags
    static: Singles
    scored: Singles


@dataclass(frozen=True, kw_only=True)
class PlayContext:
    """What is known of a play before the snap.

    None marks what is unknown; the networks then take the average.

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
        LiveError: A value outside its range, a fraction of a count, or not 11 slots.

    Example:
        >>> PlayContext(line_of_scrimmage_x_yd=45.0, yards_to_goal=65, down=3).yards_max
        65
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
        return goal_line_yards(self.yards_to_goal)

    @cached_property
    def arrays(self) -> ContextArrays:
        """The context as the networks read it."""
        static = [getattr(self, name) for name in STATIC_COLUMNS]
        return ContextArrays(
            line_x_yd=np.array([self.line_of_scrimmage_x_yd], np.float32),
            eligible=np.array([self.eligible], bool),
            static=np.array([[math.nan if v is None else v for v in static]], np.float32),
            scored=(self.yards_max <= YARDS).astype(np.float32)[None],
        )


def play_contexts(block: PlayBlock) -> list[PlayContext]:
    """The context of each play of a block.

    Raises:
        LiveError: A play with a value outside its range.
    """
    lines = block.plays["line_of_scrimmage_x_yd"].to_list()
    static = static_features(block.plays).tolist()
    eligible = eligible_slots(block).tolist()
    return [
        PlayContext(
            line_of_scrimmage_x_yd=line,
            eligible=tuple(slots),
            **{name: _field(name, value) for name, value in zip(STATIC_COLUMNS, row, strict=True)},
        )
        for line, row, slots in zip(lines, static, eligible, strict=True)
    ]


def _field(name: str, value: float) -> Any:  # noqa: ANN401 - of the field's type
    """A static column as a field of `PlayContext`; NaN is unknown."""
    if math.isnan(value):
        return None
    if name == "at_home":
        return bool(value)
    return int(value) if name in _WHOLE else value


def checked_frame(frame: Singles) -> tuple[Singles, bool]:
    """A frame ``(23, 6)`` as float32, and whether it is complete.

    Returns:
        The frame, and False where the x of a player is NaN: a hole.

    Raises:
        LiveError: Another shape, or values that no field has.
    """
    return _checked(frame, "(23, 6)", dimensions=2)


def checked_play(frames: Singles) -> Singles:
    """Frames of a whole play ``(T, 23, 6)`` as float32.

    Raises:
        LiveError: As `checked_frame`, or a hole.
    """
    shape = f"(T, 23, 6) with T from 1 to {LONGEST_PLAY}"
    frames, complete = _checked(frames, shape, dimensions=3)
    if not complete:
        frame, slot = np.argwhere(np.isnan(frames[:, :PLAYERS, X]))[0]
        raise LiveError(
            f"A whole play must be complete, and the x of slot {slot} is NaN in frame {frame}: "
            "fill its gaps, or push it frame by frame."
        )
    return frames


def _checked(frames: Singles, shape: str, *, dimensions: int) -> tuple[Singles, bool]:
    try:
        frames = np.asarray(frames, np.float32)
    except (TypeError, ValueError) as error:
        raise LiveError(f"A frame must be an array of numbers of shape {shape}: {error}.") from None
    fits = frames.ndim == dimensions and frames.shape[-2:] == (SLOTS, len(FRAME_QUANTITIES))
    if not fits or (dimensions == 3 and not 1 <= len(frames) <= LONGEST_PLAY):
        raise LiveError(f"A frame must have shape {shape}, got {frames.shape}.")
    frames = one_layout(frames)
    if _lack_nothing(frames.reshape(-1, *frames.shape[-2:])):
        return frames, True
    return frames, _require_plausible(frames[..., :PLAYERS, :])


@compiled
def _lack_nothing(frames: Singles) -> bool:
    """Whether every value that is read of frames ``(T, 23, 6)`` is in its range."""
    for frame in range(len(frames)):
        for player in range(PLAYERS):
            for quantity in range(len(_LEAST)):
                # Written so that NaN fails.
                if not _LEAST[quantity] <= frames[frame, player, quantity] <= _MOST[quantity]:
                    return False
            for quantity in range(DIRECTION, frames.shape[2]):
                if not abs(frames[frame, player, quantity]) <= _ANGLE:
                    return False
    return True


def _require_plausible(players: Singles) -> bool:
    """Raise for a value that no field has; False where only holes are."""
    values, hole = players[..., _PLACE_AND_SPEED], np.isnan(players[..., X])
    outside = ~((values >= _LEAST) & (values <= _MOST))
    speed, angles = players[..., SPEED], players[..., DIRECTION:]
    # No orientation is known in some sets, and a standing player need not have a direction.
    absent = np.isnan(angles)
    absent[..., 0] &= speed < STANDING_YD_PER_S
    no_angle = ~((np.abs(angles) <= _ANGLE) | absent)
    wrong = np.concatenate([outside, no_angle], axis=-1) & ~hole[..., None]
    if wrong.any():
        *place, column = np.argwhere(wrong)[0]
        quantity = (X, X + 1, SPEED, DIRECTION, DIRECTION + 1)[column]
        least, most = (*zip(_LEAST, _MOST, strict=True), (-_ANGLE, _ANGLE), (-_ANGLE, _ANGLE))[
            column
        ]
        where = f"frame {place[0]}, slot {place[1]}" if len(place) > 1 else f"slot {place[0]}"
        raise LiveError(
            f"{FRAME_QUANTITIES[quantity]} must be in [{least:g}, {most:g}], got "
            f"{players[(*place, quantity)]:g} ({where}): send canonical frames, and NaN in every "
            "quantity of a player who is not seen."
        )
    return not hole.any()


def target_or_none(target_slot: int | None) -> int:
    """A target's slot, -1 where it is unknown.

    Raises:
        LiveError: No slot of the offense.
    """
    if target_slot is None:
        return -1
    if target_slot not in range(_OFFENSE_SLOTS):
        raise LiveError(
            f"target_slot must be a slot of the offense, 0 to {_OFFENSE_SLOTS - 1}, or None where "
            f"it is unknown, got {target_slot!r}."
        )
    return int(target_slot)


def play_columns(context: ContextArrays, frames: Singles, target_slot: int, out: Singles) -> None:
    """Columns of a whole play that ends with the release.

    Args:
        context: Of the play.
        frames: Complete, shape ``(T, 23, 6)``.
        target_slot: -1 where it is unknown.
        out: Where they go, shape ``(T, 259)``.
    """
    count = len(frames)
    # The target is unknown until the ball is thrown.
    target = np.full(count, -1)
    target[-1] = target_slot
    columns_of_frames(
        one_layout(frames.transpose(2, 0, 1)),
        np.arange(count),
        np.repeat(context.line_x_yd, count),
        np.zeros(count, np.int64),
        np.zeros((1, HISTORY_FRAMES, PLAYERS * 2), np.float32),
        np.repeat(context.eligible, count, axis=0),
        target,
        ABOUT_TARGET,
        out,
    )


def next_columns(
    line_x_yd: Singles,
    eligible: Flags,
    frames: Singles,
    velocities: Singles,
    numbers: Integers,
    target_slot: Integers | None = None,
) -> tuple[Singles, Singles]:
    """Columns of one more frame of each of N plays: those of the whole plays.

    Args:
        line_x_yd: Shape ``(N,)``.
        eligible: Shape ``(N, 11)``.
        frames: Complete, shape ``(N, 23, 6)``.
        velocities: Those of each play's last frames, the newest last, anything before its first
            frame, shape ``(N, 5, 22, 2)``.
        numbers: Of the frames, shape ``(N,)``.
        target_slot: -1 where it is unknown, shape ``(N,)``, at the release; None before it.

    Returns:
        Shape ``(N, 259)``, and the velocities with this frame's.
    """
    columns = np.empty((len(frames), len(FRAME_COLUMNS)), np.float32)
    after = np.array(velocities)
    columns_of_frames(
        one_layout(frames.transpose(2, 0, 1)),
        numbers,
        line_x_yd,
        np.arange(len(frames)),
        after.reshape(-1, HISTORY_FRAMES, PLAYERS * 2),
        eligible,
        np.full(len(frames), -1) if target_slot is None else target_slot,
        ABOUT_TARGET,
        columns,
    )
    return columns, after
