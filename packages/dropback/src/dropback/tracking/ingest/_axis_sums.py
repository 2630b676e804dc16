"""Sum how displacements along x and y go with recorded speeds and directions, in one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from dropback.data._field import RATE_HZ
from dropback.tracking._blocks import DIRECTION, SPEED, X, Y
from dropback.tracking._compiled import compiled, one_layout
from dropback.tracking._kernels import sine_cosine
from dropback.tracking._schema import PLAYERS

if TYPE_CHECKING:
    from dropback._arrays import Floats, Integers, Singles
    from dropback.tracking._blocks import PlayBlock

MOVING_YD_PER_S: Final = 1.0
FASTEST_YD_PER_S: Final = 15.0
"""Of the speeds of steps that count: nobody runs faster, and slower ones are mostly noise."""

# Farther by this share than most of its play: one wrong track would stretch it. Where an axis is in
# meters, tracks along it and across it differ by .09.
_MOST_UNLIKE: Final = 0.15
# Every other frame tells as much: neighbors share a step.
_EVERY: Final = 2
_MOVING: Final = np.float32(MOVING_YD_PER_S)
_FASTEST: Final = np.float32(FASTEST_YD_PER_S)
_PER_FRAME: Final = np.float32(RATE_HZ / 2)


@compiled
def _sum_steps(planes: Singles, offsets: Integers, sums: Floats) -> None:
    """Sums over the moving steps of each of N plays' players.

    Args:
        planes: Frames by quantity, shape ``[6, F, 23]``.
        offsets: Bounds of the plays, shape ``[N + 1]``.
        sums: Zeros, by the fields of `AxisSums`, shape ``[7, N, 22]``.
    """
    for play in range(len(offsets) - 1):
        for frame in range(offsets[play] + 1, offsets[play + 1] - 1, _EVERY):
            for slot in range(PLAYERS):
                speed = planes[SPEED, frame, slot]
                if not _MOVING < speed < _FASTEST:
                    continue
                # From the frame before to the one after: at the time of what is recorded.
                along = (planes[X, frame + 1, slot] - planes[X, frame - 1, slot]) * _PER_FRAME
                across = (planes[Y, frame + 1, slot] - planes[Y, frame - 1, slot]) * _PER_FRAME
                sine, cosine = sine_cosine(planes[DIRECTION, frame, slot])
                east, north = speed * sine, speed * cosine
                if not abs(along + across + east) < np.inf:
                    continue
                if abs(along) > _FASTEST or abs(across) > _FASTEST:
                    continue
                sums[0, play, slot] += 1
                sums[1, play, slot] += along * east
                sums[2, play, slot] += across * north
                sums[3, play, slot] += east * east
                sums[4, play, slot] += north * north
                sums[5, play, slot] += along * along
                sums[6, play, slot] += across * across


class AxisSums(NamedTuple):
    """Sums over the moving steps of plays, each ``[N]``.

    A velocity is told twice: it is what positions do, and the recorded speed in the recorded
    direction, taken as compass degrees.

    Attributes:
        steps: How many.
        xx: Of the velocity of positions along x times the recorded along x.
        yy: Likewise along y.
        said_x: Squares of the recorded along x.
        said_y: Likewise along y.
        went_x: Squares of that of positions along x.
        went_y: Likewise along y.
    """

    steps: Floats
    xx: Floats
    yy: Floats
    said_x: Floats
    said_y: Floats
    went_x: Floats
    went_y: Floats

    def scale_of_y(self) -> Floats:
        """How much more of its recorded motion y moves than x."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self.yy / self.said_y * self.said_x / self.xx)

    def agreement(self) -> Floats:
        """Cosine between all that positions do and all that is recorded."""
        with np.errstate(invalid="ignore", divide="ignore"):
            size = np.sqrt((self.said_x + self.said_y) * (self.went_x + self.went_y))
            return np.asarray((self.xx + self.yy) / size)


def axis_sums(block: PlayBlock) -> AxisSums:
    """The sums of each play, without tracks that go much farther or less far than most of it."""
    sums = np.zeros((len(AxisSums._fields), len(block.offsets) - 1, PLAYERS))
    planes = one_layout(np.moveaxis(block.frames, -1, 0))
    _sum_steps(planes, block.offsets, sums)
    of_tracks = AxisSums(*sums)
    said, went = of_tracks.said_x + of_tracks.said_y, of_tracks.went_x + of_tracks.went_y
    ratio = np.sqrt(np.divide(went, said, out=np.full(said.shape, np.nan), where=said > 0))
    # NaN, of players who stand, is the last.
    moving = np.isfinite(ratio).sum(axis=1)
    middle = np.sort(ratio, axis=1)[np.arange(len(ratio)), np.maximum(moving - 1, 0) // 2]
    like = np.abs(ratio / middle[:, None] - 1) < _MOST_UNLIKE
    return AxisSums(*np.where(like, sums, 0.0).sum(axis=2))
