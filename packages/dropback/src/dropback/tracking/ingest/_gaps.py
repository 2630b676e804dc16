"""Fill short gaps in tracks and find the long ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from dropback.tracking._blocks import DIRECTION
from dropback.tracking._schema import BALL_SLOT

if TYPE_CHECKING:
    from dropback._arrays import Flags, Floats, Integers, Singles

# A gap of 0.3 s is bridged by a straight line: at an acceleration of 5 yards/s2 the line is at
# most 5 / 8 * 0.4**2 = 0.1 yards off. Longer gaps set the play aside.
MAX_GAP_FRAMES: Final = 3


@dataclass(frozen=True)
class Gaps:
    """What was filled, and what was too long to fill.

    Args:
        filled: Player positions filled in each play, shape ``[N]``.
        share: The greatest share of a player's positions that is filled, shape ``[N]``.
        too_long: Whether a play has a gap of more than `MAX_GAP_FRAMES`, shape ``[N]``.
        longest: Of each such play, in order: the play, and the slot, the first frame after the snap
            and the length of its longest gap.
    """

    filled: Integers
    share: Floats
    too_long: Flags
    longest: list[tuple[int, int, int, int]]


def fill_gaps(frames: Singles, offsets: Integers, used: Flags) -> Gaps:
    """Fill gaps of players up to `MAX_GAP_FRAMES` by straight lines, in place.

    A gap at either end of a window takes the nearest value. Angles take the value before the gap,
    since a line through 360 degrees would turn a player around. The ball is never filled.

    Args:
        frames: Shape ``[F, 23, 6]``.
        offsets: Bounds of the plays, shape ``[N + 1]``.
        used: Which slots hold somebody, shape ``[N, 23]``.
    """
    lengths = np.diff(offsets)
    plays = len(lengths)
    play_of_frame = np.repeat(np.arange(plays), lengths)
    holes = np.isnan(frames[:, :BALL_SLOT, 0]) & used[play_of_frame, :BALL_SLOT]
    hole_frames = np.flatnonzero(holes.any(axis=1))
    if not len(hole_frames):
        return Gaps(np.zeros(plays, np.int64), np.zeros(plays), np.zeros(plays, bool), [])
    of_track = np.add.reduceat(holes, offsets[:-1], axis=0, dtype=np.int64)
    share = of_track.max(axis=1) / lengths
    filled = np.bincount(play_of_frame[hole_frames], holes[hole_frames].sum(axis=1), plays)
    before, after = _neighbors(holes, offsets, play_of_frame)
    at_frame, at_slot = np.nonzero(holes)
    play = play_of_frame[at_frame]
    first, last = before[at_frame, at_slot], after[at_frame, at_slot]
    length = np.minimum(last, offsets[play + 1]) - np.maximum(first, offsets[play] - 1) - 1
    longest = np.zeros(plays, np.int64)
    np.maximum.at(longest, play, length)
    too_long = longest > MAX_GAP_FRAMES
    fillable = ~too_long[play]
    _interpolate(
        frames,
        (at_frame[fillable], at_slot[fillable]),
        np.where(first >= offsets[play], first, last)[fillable],
        np.where(last < offsets[play + 1], last, first)[fillable],
    )
    worst = length == longest[play]
    named = []
    for bad in np.flatnonzero(too_long).tolist():
        hole = np.flatnonzero((play == bad) & worst)[0]
        start = int(at_frame[hole] - offsets[bad])
        named.append((bad, int(at_slot[hole]), start, int(longest[bad])))
    return Gaps(filled.astype(np.int64), share, too_long, named)


def _neighbors(
    holes: Flags, offsets: Integers, play_of_frame: Integers
) -> tuple[Integers, Integers]:
    """The frames before and after each cell that hold a value, beyond its play where none does."""
    index = np.arange(len(holes))[:, None]
    before = np.maximum.accumulate(np.where(holes, -1, index), axis=0)
    beyond = len(holes)
    after = np.minimum.accumulate(np.where(holes, beyond, index)[::-1], axis=0)[::-1]
    start, end = offsets[play_of_frame][:, None], offsets[play_of_frame + 1][:, None]
    return np.where(before < start, -1, before), np.where(after >= end, beyond, after)


def _interpolate(
    frames: Singles, holes: tuple[Integers, Integers], first: Integers, last: Integers
) -> None:
    at_frame, at_slot = holes
    span = np.maximum(last - first, 1)
    share = ((at_frame - first) / span).clip(0, 1).astype(np.float32)[:, None]
    start, end = frames[first, at_slot], frames[last, at_slot]
    line = start + share * (end - start)
    line[:, DIRECTION:] = start[:, DIRECTION:]
    frames[at_frame, at_slot] = line
