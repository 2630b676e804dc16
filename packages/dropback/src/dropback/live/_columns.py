"""From raw frames to what the networks read: a whole play, or one more frame of many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dropback.errors import LiveError
from dropback.models._frame_columns import frame_columns
from dropback.tracking._blocks import DIRECTION, SPEED, X
from dropback.tracking._compiled import compiled
from dropback.tracking._kernels import STANDING_YD_PER_S
from dropback.tracking._schema import (
    FRAME_QUANTITIES,
    PLAYERS,
    SLOTS,
    X_RANGE_YD,
    Y_RANGE_YD,
)
from dropback.tracking.tensors._features import (
    engineered_features,
    newest_player_features,
    player_features,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dropback.live._situation import Situation

__all__ = [
    "LONGEST_PLAY",
    "SituationArrays",
    "checked_frames",
    "complete_play",
    "next_columns",
    "play_columns",
]

# A minute; the longest dropback of the public sets takes 13 s.
LONGEST_PLAY: Final = 600

# Nobody runs 30 yards a second; angles may be given as -180 to 180 or 0 to 360.
_LEAST: Final = np.array([X_RANGE_YD[0], Y_RANGE_YD[0], 0.0], np.float32)
_MOST: Final = np.array([X_RANGE_YD[1], Y_RANGE_YD[1], 30.0], np.float32)
_ANGLE: Final = np.float32(720.0)
_PLACE_AND_SPEED: Final = slice(X, SPEED + 1)


class SituationArrays:
    """A situation as arrays of one row.

    Args:
        situation: The situation.
    """

    def __init__(self, situation: Situation) -> None:
        self.line_x_yd = np.array([situation.line_of_scrimmage_x_yd], np.float32)
        self.eligible = np.array([situation.eligible], bool)
        self.static = situation.static()[None]


def checked_frames(
    frames: NDArray[np.float32], *, single: bool
) -> tuple[NDArray[np.float32], bool]:
    """Frames as float32, and whether every man is where a field is.

    Args:
        frames: One frame ``(23, 6)`` or a whole play ``(T, 23, 6)``.
        single: Which of the two.

    Returns:
        The frames and False where the x of a man is NaN: a hole.

    Raises:
        LiveError: Another shape, or values that no field has.
    """
    shape = "(23, 6)" if single else f"(T, 23, 6) with T from 1 to {LONGEST_PLAY}"
    try:
        frames = np.asarray(frames, np.float32)
    except (TypeError, ValueError) as error:
        raise LiveError(f"A frame must be an array of numbers of shape {shape}: {error}.") from None
    right = frames.shape[-2:] == (SLOTS, len(FRAME_QUANTITIES)) and frames.ndim == 3 - single
    if not right or not (single or 1 <= len(frames) <= LONGEST_PLAY):
        raise LiveError(f"A frame must have shape {shape}, got {frames.shape}.")
    if _is_usual(frames[None] if single else frames):
        return frames, True
    return frames, _explain(frames[..., :PLAYERS, :])


def complete_play(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Frames of a whole play as float32.

    Raises:
        LiveError: As in `checked_frames`, or a hole.
    """
    frames, complete = checked_frames(frames, single=False)
    if not complete:
        frame, slot = np.argwhere(np.isnan(frames[:, :PLAYERS, X]))[0]
        raise LiveError(
            f"A whole play must be complete, and the x of slot {slot} is NaN in frame {frame}: "
            "fill its gaps, or push it frame by frame."
        )
    return frames


@compiled
def _is_usual(frames: NDArray[np.float32]) -> bool:
    """Whether no number that is read is missing or out of its range."""
    for frame in range(len(frames)):
        for man in range(PLAYERS):
            for quantity in range(len(_LEAST)):
                value = frames[frame, man, quantity]
                if not _LEAST[quantity] <= value <= _MOST[quantity]:
                    return False
            for quantity in range(DIRECTION, len(FRAME_QUANTITIES)):
                if not abs(frames[frame, man, quantity]) <= _ANGLE:
                    return False
    return True


def _explain(players: NDArray[np.float32]) -> bool:
    """Raise for what is wrong with players; False where only holes are."""
    hole = np.isnan(players[..., X])
    given = players[..., _PLACE_AND_SPEED]
    speed, angles = players[..., SPEED], players[..., DIRECTION:]
    outside = ~((given >= _LEAST) & (given <= _MOST))
    # No orientation is known in some sets, and a standing man need not have a direction.
    absent = np.isnan(angles)
    absent[..., 0] &= speed < STANDING_YD_PER_S
    turned = ~((np.abs(angles) <= _ANGLE) | absent)
    wrong = np.concatenate([outside, turned], axis=-1) & ~hole[..., None]
    if wrong.any():
        at = tuple(np.argwhere(wrong)[0])
        quantity = (X, X + 1, SPEED, DIRECTION, DIRECTION + 1)[at[-1]]
        place = f"frame {at[0]}, slot {at[1]}" if len(at) > 2 else f"slot {at[0]}"
        least, most = (*zip(_LEAST, _MOST, strict=True), (-_ANGLE, _ANGLE), (-_ANGLE, _ANGLE))[
            at[-1]
        ]
        raise LiveError(
            f"{FRAME_QUANTITIES[quantity]} must be in [{least:g}, {most:g}], got "
            f"{players[(*at[:-1], quantity)]:g} ({place}): give canonical frames, and NaN "
            "throughout for a man who is not seen."
        )
    return not hole.any()


def play_columns(
    situation: SituationArrays, frames: NDArray[np.float32], target_slot: int
) -> NDArray[np.float32]:
    """Columns of a whole play that ends with the release.

    Args:
        situation: Of the play.
        frames: Complete, shape ``(T, 23, 6)``.
        target_slot: -1 where nobody knows.

    Returns:
        Shape ``(T, 259)``.
    """
    count = len(frames)
    number = np.arange(count)
    line = np.full(count, situation.line_x_yd)
    # Nobody knows whom the throw is for until it is thrown.
    target = np.full(count, -1)
    target[-1] = target_slot
    released = np.zeros(count, bool)
    released[-1] = True
    eligible = np.empty((count, situation.eligible.shape[1]), bool)
    eligible[:] = situation.eligible
    return frame_columns(
        player_features(frames, number, line),
        engineered_features(frames, number, line, target, eligible),
        target,
        released,
    )


def next_columns(
    line_x_yd: NDArray[np.float32],
    eligible: NDArray[np.bool_],
    frames: NDArray[np.float32],
    velocities: NDArray[np.float32],
    numbers: NDArray[np.int64],
    target_slot: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Columns of one more frame of each of N plays.

    Args:
        line_x_yd: Shape ``(N,)``.
        eligible: Shape ``(N, 11)``.
        frames: Complete, shape ``(N, 23, 6)``.
        velocities: See `newest_player_features`.
        numbers: Of the frames, shape ``(N,)``.
        target_slot: -1 where nobody knows, shape ``(N,)``, at the release; None before it.

    Returns:
        Shape ``(N, 259)``, and the velocities with this frame's.
    """
    released = np.full(len(frames), target_slot is not None)
    if target_slot is None:
        target_slot = np.full(len(frames), -1)
    players, velocities = newest_player_features(frames, velocities, numbers, line_x_yd)
    engineered = engineered_features(frames, numbers, line_x_yd, target_slot, eligible)
    return frame_columns(players, engineered, target_slot, released), velocities
