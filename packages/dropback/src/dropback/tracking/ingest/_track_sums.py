"""Sum what positions and recorded motion say of each track, in one pass over the frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dropback.data._field import RATE_HZ
from dropback.tracking._blocks import ACCELERATION, DIRECTION, ORIENTATION, SPEED, X, Y
from dropback.tracking._compiled import compiled
from dropback.tracking._kernels import sine_cosine
from dropback.tracking._schema import PLAYERS

if TYPE_CHECKING:
    from dropback._arrays import Flags, Floats, Integers, Singles

FAST_YD_PER_S: Final = 2.0
MOVING_YD_PER_S: Final = 1.0
STILL_YD_PER_S: Final = 0.5
SAME_PLACE_YD_PER_S: Final = 1e-3

FAST, MOVING, CHANGING = 0, 1, 2
"""Kinds of steps: at speed by the record, by record or positions, and all with accelerations."""

TURNED, TURNED_FAST = 0, 1
"""Moving steps, of half a yard a second and of a whole one."""

_FAST: Final = np.float32(FAST_YD_PER_S)
_MOVING: Final = np.float32(MOVING_YD_PER_S)
_STILL: Final = np.float32(STILL_YD_PER_S)
_SAME_PLACE: Final = np.float32(SAME_PLACE_YD_PER_S)
_RATE: Final = np.float32(RATE_HZ)


@compiled
def track_sums(  # noqa: C901
    planes: Singles,
    steps: Singles,
    offsets: Integers,
    ratios: Singles,
    cosines: Floats,
    in_a_row: Integers,
    recorded: Flags,
) -> None:
    """Sums over the steps of each of N plays' players.

    A step belongs to the frame that it ends at, and none leads from a play to the next.

    Args:
        planes: Frames by quantity, shape ``[6, F, 23]``.
        steps: Displacements, yards a second, shape ``[F - 1, 22]``.
        offsets: Bounds of the plays, shape ``[N + 1]``.
        ratios: Zeros; by kind (`FAST`, `MOVING`, `CHANGING`) the count of steps, the sum of what
            is held against the record, and the record's own: displacements against speeds, and
            accelerations against changes of speed. Shape ``[3, 3, N, 22]``.
        cosines: Zeros; by `TURNED` and `TURNED_FAST` the count of steps and the sum of the
            cosines from the recorded direction to the displacement. Shape ``[2, 2, N, 22]``.
        in_a_row: Zeros; the most fast steps in a row that are still, or stay in the same place,
            shape ``[2, N, 22]``.
        recorded: False; whether any direction and any orientation is there, shape ``[2]``.
    """
    run = np.zeros((2, PLAYERS), np.int64)
    for play in range(len(offsets) - 1):
        run[:] = 0
        for frame in range(offsets[play], offsets[play + 1]):
            begins = frame == offsets[play]
            for slot in range(PLAYERS):
                angle = planes[DIRECTION, frame, slot]
                recorded[0] |= np.isfinite(angle)
                recorded[1] |= np.isfinite(planes[ORIENTATION, frame, slot])
                if begins:
                    continue
                step, speed = steps[frame - 1, slot], planes[SPEED, frame, slot]
                if np.isfinite(step) and np.isfinite(speed):
                    if speed > _FAST:
                        ratios[FAST, 0, play, slot] += 1
                        ratios[FAST, 1, play, slot] += step
                        ratios[FAST, 2, play, slot] += speed
                    if speed > _MOVING or step > _MOVING:
                        ratios[MOVING, 0, play, slot] += 1
                        ratios[MOVING, 1, play, slot] += step
                        ratios[MOVING, 2, play, slot] += speed
                change = abs(speed - planes[SPEED, frame - 1, slot])
                said = planes[ACCELERATION, frame, slot]
                if np.isfinite(said) and np.isfinite(change):
                    ratios[CHANGING, 0, play, slot] += 1
                    ratios[CHANGING, 1, play, slot] += said / _RATE
                    ratios[CHANGING, 2, play, slot] += change
                for kind, slowest in ((0, _STILL), (1, _SAME_PLACE)):
                    run[kind, slot] = run[kind, slot] + 1 if speed > _FAST and step < slowest else 0
                    in_a_row[kind, play, slot] = max(in_a_row[kind, play, slot], run[kind, slot])
                if speed > _MOVING and step > _STILL and np.isfinite(angle):
                    along = planes[X, frame, slot] - planes[X, frame - 1, slot]
                    across = planes[Y, frame, slot] - planes[Y, frame - 1, slot]
                    sine, cosine = sine_cosine(angle)
                    along_it = np.float64(along * sine + across * cosine)
                    share = along_it / np.float64(np.hypot(along, across))
                    cosines[TURNED, 0, play, slot] += 1
                    cosines[TURNED, 1, play, slot] += share
                    if step > _MOVING:
                        cosines[TURNED_FAST, 0, play, slot] += 1
                        cosines[TURNED_FAST, 1, play, slot] += share
