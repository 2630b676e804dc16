"""Tell whole plays whose places are mirrored or turned against their recorded directions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dropback.tracking._blocks import DIRECTION, X, Y
from dropback.tracking._schema import BALL_SLOT

if TYPE_CHECKING:
    from dropback._arrays import Flags, Floats, Integers
    from dropback.tracking._blocks import PlayBlock

# Of the tracks of a play that move: of fewer each is told by itself.
_SHARE_OF_TRACKS: Final = 0.25
# Mean cosine of the angle from the recorded direction to the displacement, of all moving steps of
# a play: .946 is the least of 388 real plays as they are, .827 the most by another reading.
_LEAST_COSINE: Final = 0.9
_MOST_AS_IS: Final = 0.75
_MOVING_YD: Final = 0.1
_READINGS: Final = (
    "with x mirrored", "with y mirrored", "turned by 180 degrees", "with x and y exchanged",
)  # fmt: skip


def turned_plays(block: PlayBlock, against: Flags, moving: Flags) -> list[tuple[int, str]]:
    """Plays of which many tracks go against their directions, all in one way, and which way.

    Args:
        block: Plays, directions as recorded.
        against: Tracks that go elsewhere than recorded, ``[N, 22]``.
        moving: Tracks that move enough to tell.
    """
    many = (against & moving).sum(axis=1) > _SHARE_OF_TRACKS * moving.sum(axis=1)
    if not many.any():
        return []
    cosines = _cosines(block, many)
    best = cosines[1:].argmax(axis=0)
    found = many & (cosines[1:].max(axis=0) >= _LEAST_COSINE) & (cosines[0] <= _MOST_AS_IS)
    return [
        (
            play,
            f"places and directions agree {_READINGS[best[play]]} (mean cosine "
            f"{cosines[1 + best[play], play]:.2f}), not as they are ({cosines[0, play]:.2f})",
        )
        for play in np.flatnonzero(found).tolist()
    ]


def _cosines(block: PlayBlock, wanted: Flags) -> Floats:
    """Mean cosine of the steps of some plays as they are and by `_READINGS`, ``[5, N]``."""
    ends = np.flatnonzero(wanted[block.play_of_frame] & (block.frame_in_play > 0))
    at, before = (
        block.frames[frames, :BALL_SLOT].astype(np.float64) for frames in (ends, ends - 1)
    )
    along, across = (at[..., axis] - before[..., axis] for axis in (X, Y))
    distance, angle = np.hypot(along, across), np.radians(at[..., DIRECTION])
    used = (distance > _MOVING_YD) & np.isfinite(angle)
    play = np.broadcast_to(block.play_of_frame[ends][:, None], used.shape)[used]
    along, across, angle = along[used] / distance[used], across[used] / distance[used], angle[used]
    sine, cosine = np.sin(angle), np.cos(angle)
    readings = [
        (along, across), (-along, across), (along, -across), (-along, -across), (across, along),
    ]  # fmt: skip
    count = block.plays.height
    total = np.maximum(_sums(play, np.ones(len(play)), count), 1)
    return np.stack([_sums(play, x * sine + y * cosine, count) / total for x, y in readings])


def _sums(play: Integers, values: Floats, count: int) -> Floats:
    return np.bincount(play, weights=values, minlength=count).astype(np.float64)
