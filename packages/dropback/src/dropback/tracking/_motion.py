"""Derive motion from positions by a filter that never looks ahead.

The slope at the newest of the last five frames, by least squares: a parabola through four or five
frames, a line through two or three, zero at the first. It uses no later frame, so that what a
frame holds in a live game is what it holds in a file, and nothing after the release leaks in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dropback.tracking._blocks import ACCELERATION, DIRECTION, SPEED, X, Y
from dropback.tracking._kernels import STANDING_YD_PER_S, slopes, velocities

if TYPE_CHECKING:
    from dropback._arrays import Flags, Integers, Singles


def causal_slope(values: Singles, frame_in_play: Integers) -> Singles:
    r"""Time derivative by least squares over at most the last `HISTORY_FRAMES` frames.

    .. math:: \dot v_t = \sum_{j=0}^{\min(t, 4)} w_{\min(t, 4), j} \, v_{t - j}

    Args:
        values: Shape ``[T, *B]``; time runs along the first axis, plays one after another.
        frame_in_play: Number of each frame within its play, shape ``[T]``. In a slice of a play,
            numbers count from the slice's first frame.

    Returns:
        Per second, shape ``[T, *B]``.

    References:
        Savitzky and Golay (1964), the one-sided case. Errors against the league's own columns are
        measured in ``tests/tracking/test_real_data.py`` and reported in
        ``docs/results/derived_motion.md``.

    Example:
        >>> x = np.array([0.0, 0.1, 0.4, 0.9, 1.6], dtype=np.float32)  # 10 t^2 yards at 10 Hz
        >>> causal_slope(x, np.arange(5)).round(2).tolist()
        [0.0, 1.0, 2.0, 6.0, 8.0]
    """
    values = np.ascontiguousarray(values, np.float32)
    slope = np.empty_like(values)
    flat = (len(values), -1)
    slopes(values.reshape(flat), frame_in_play, slope.reshape(flat))
    return slope


def velocity(speed_yd_per_s: Singles, direction_deg: Singles) -> Singles:
    """Velocity from speed and compass direction, yards a second, shape ``[*B, 2]`` for x and y.

    A standing player may have no direction; the velocity is then zero.
    """
    # All x before all y in memory, as in `dropback.tracking._blocks.empty_frames`.
    xy = np.empty((2, *direction_deg.shape), np.float32)
    velocities(np.ravel(speed_yd_per_s), np.ravel(direction_deg), *xy.reshape(2, -1))
    return xy.transpose(*range(1, xy.ndim), 0)


def derive_motion(frames: Singles, frame_in_play: Integers, columns: tuple[int, ...]) -> None:
    """Fill absent speed, direction and acceleration of players from positions, in place.

    Only cells that are NaN change, and only in the columns to fill. A standing player keeps the
    last direction; before the first it is 90, downfield, in the canonical frame.

    Args:
        frames: Canonical frames, shape ``[F, S, 6]``; each slot's motion comes from its own x, y.
        frame_in_play: Shape ``[F]``.
        columns: Columns to fill, of SPEED, DIRECTION and ACCELERATION.
    """
    if SPEED in columns or DIRECTION in columns:
        rate = causal_slope(frames[:, :, [X, Y]], frame_in_play)
        speed = np.hypot(rate[..., 0], rate[..., 1])
        if SPEED in columns:
            _fill(frames, SPEED, speed)
        if DIRECTION in columns:
            angle = np.rad2deg(np.arctan2(rate[..., 0], rate[..., 1])) % np.float32(360.0)
            # float32 rounds 359.99999 to 360, which the schema does not allow.
            angle = np.where(angle >= 360.0, np.float32(0), angle)
            _fill(frames, DIRECTION, _held(angle, speed >= STANDING_YD_PER_S, frame_in_play))
    if ACCELERATION in columns:
        rate = causal_slope(velocity(frames[..., SPEED], frames[..., DIRECTION]), frame_in_play)
        _fill(frames, ACCELERATION, np.hypot(rate[..., 0], rate[..., 1]))


def _fill(frames: Singles, column: int, values: Singles) -> None:
    np.copyto(frames[..., column], values, where=np.isnan(frames[..., column]))


def _held(angle: Singles, moving: Flags, frame_in_play: Integers) -> Singles:
    """Angles with those of standing players replaced by their last one while moving."""
    index = np.arange(len(angle))[:, None]
    start = index[:, 0] - frame_in_play
    last = np.maximum.accumulate(np.where(moving, index, -1), axis=0)
    known = last >= start[:, None]
    held = np.take_along_axis(angle, np.maximum(last, 0), axis=0)
    facing = np.where(np.isnan(angle), np.nan, 90.0).astype(np.float32)
    return np.where(known, held, facing)
