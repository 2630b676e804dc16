"""Simulate designed runs from the snap to the handoff."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dropback.simulation.tracking._before_release import DRIFT, TOP_SPEED, Dropbacks, step
from dropback.simulation.tracking._lineup import BACK, DEFENSE, FRAME_S, LINE, PASSER, limited, norm
from dropback.tracking._schema import PLAYERS

if TYPE_CHECKING:
    from dropback._arrays import Floats
    from dropback.simulation.tracking._calls import Calls
    from dropback.simulation.tracking._snap_state import SnapState

# Handoffs of the game of 2017 come 9 to 14 frames after the snap.
_HANDOFF_FRAMES: Final = (9, 15)
_MEETING_YD_PER_S: Final = 3.0
_LAST_FRAME: Final = 22

# Yards a second down the field, and toward the side of the run, that those without the ball want:
# the line blocks forward, receivers run at whom they block, the front holds, linebackers fill.
_FORWARD: Final = np.array([0.0] + [1.5] * 5 + [2.6] * 3 + [1.4, 0.0] + [-0.5] * 4 + [-1.6] * 2
                           + [0.4] * 3 + [-0.8] * 2)  # fmt: skip
_ASIDE: Final = np.array([0.0] + [0.8] * 5 + [0.2] * 3 + [0.6, 0.0] + [0.7] * 4 + [1.0] * 2
                         + [0.2] * 3 + [0.5] * 2)  # fmt: skip
# Linebackers and backs read the play for half a second first.
_READ_FRAMES: Final = 5


def hand_off(
    snap: SnapState, calls: Calls, acceleration: Floats, generator: np.random.Generator
) -> Dropbacks:
    """Let the line block and the back take the ball.

    Args:
        snap: The plays, ``N`` of them.
        calls: What both sides called.
        acceleration: Greatest of each player, yards a second squared, shape ``(N, 22)``.
        generator: Source of randomness.

    Returns:
        Frames to the latest handoff; the release is the handoff. The target is 0, nobody's.
    """
    n = len(snap)
    apart = norm(calls.snap_xy[:, BACK] - calls.snap_xy[:, PASSER])
    # A back who stands wide needs longer.
    far = np.ceil(apart / _MEETING_YD_PER_S / FRAME_S).astype(np.int64)
    handoff = np.clip(np.maximum(generator.integers(*_HANDOFF_FRAMES, n), far), 0, _LAST_FRAME)
    side = np.where(generator.random(n) < 0.5, 1.0, -1.0)
    # Under center the passer carries the ball to the back.
    retreats = np.where(snap.under_center, 2.2, 0.3)
    xy = np.empty((n, _LAST_FRAME + 1, PLAYERS, 2))
    xy[:, 0] = calls.snap_xy
    velocity, drift = np.zeros((n, PLAYERS, 2)), np.zeros((n, PLAYERS, 2))
    wanted = np.stack(np.broadcast_arrays(_FORWARD, _ASIDE * side[:, None]), axis=-1)
    for frame in range(1, xy.shape[1]):
        now = xy[:, frame - 1]
        desired = wanted.copy()
        if frame <= _READ_FRAMES:
            desired[:, DEFENSE][:, 4:] *= 0.2
        desired[:, PASSER, 0] = -retreats
        meets = now[:, PASSER] + np.stack([np.full(n, -0.4), 0.6 * side], axis=1)
        left_s = np.maximum(handoff - frame + 1, 1) * FRAME_S
        desired[:, BACK] = limited((meets - now[:, BACK]) / left_s[:, None], 6.0)
        # Nobody blocks through the defender who stands there.
        room = now[:, DEFENSE][:, :4, 0].min(axis=1) - now[:, LINE, 0].max(axis=1)
        desired[:, LINE, 0] *= np.clip(room, 0.2, 1.0)[:, None]
        drift = 0.92 * drift + generator.normal(size=drift.shape) * DRIFT[:, None]
        desired = limited(desired, TOP_SPEED * snap.quickness) + drift
        xy[:, frame], velocity = step(now, velocity, desired, acceleration=acceleration)
    return Dropbacks(xy=xy, release=handoff, target=np.zeros(n, dtype=np.int64))
