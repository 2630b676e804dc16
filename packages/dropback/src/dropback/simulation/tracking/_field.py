"""Where things are on the field, and who is who among the 22 men and the ball.

All plays move toward +x here; they are turned when they are written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dropback.data._field import END_ZONE_DEPTH_YD, FIELD_LENGTH_YD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = [
    "BACK",
    "BALL",
    "DEFENSE",
    "ELIGIBLE",
    "FIELD_X_YD",
    "FIELD_Y_YD",
    "FRAME_S",
    "GOAL_X_YD",
    "LINE",
    "MEN",
    "OWN_GOAL_X_YD",
    "PASSER",
    "POSITIONS",
    "limited",
    "norm",
    "unit",
]

# NFL rulebook, Rule 1, Section 1: 360 feet by 160 feet.
FIELD_X_YD: Final = float(FIELD_LENGTH_YD + 2 * END_ZONE_DEPTH_YD)
FIELD_Y_YD: Final = 160.0 / 3.0
OWN_GOAL_X_YD: Final = float(END_ZONE_DEPTH_YD)
GOAL_X_YD: Final = FIELD_X_YD - END_ZONE_DEPTH_YD

# Every public set samples at 10 Hz.
FRAME_S: Final = 0.1

# Agents in order: passer, line from right to left, split end, flanker, slot, tight end, back;
# ends and tackles, two linebackers, two corners, nickel, strong and free safety.
POSITIONS: Final = (
    *("QB", "T", "G", "C", "G", "T", "WR", "WR", "WR", "TE", "RB"),
    *("DE", "DT", "DT", "DE", "ILB", "OLB", "CB", "CB", "CB", "SS", "FS"),
)
MEN: Final = len(POSITIONS)
BALL: Final = MEN
PASSER: Final = 0
LINE: Final = slice(1, 6)
ELIGIBLE: Final = slice(6, 11)
BACK: Final = 10
DEFENSE: Final = slice(11, 22)


def norm(vectors: Array) -> Array:
    """Lengths over the last axis, shape ``(*B,)`` of ``(*B, 2)``."""
    return np.hypot(vectors[..., 0], vectors[..., 1])


def unit(vectors: Array) -> Array:
    """Vectors scaled to length one, shape ``(*B, 2)``; the zero vector stays zero."""
    return vectors / np.maximum(norm(vectors), 1e-9)[..., None]


def limited(vectors: Array, most: Array | float) -> Array:
    """Vectors shortened to at most a length, shape ``(*B, 2)``.

    Args:
        vectors: Shape ``(*B, 2)``.
        most: Greatest length, broadcastable to ``(*B,)``.
    """
    return vectors * np.minimum(1.0, most / np.maximum(norm(vectors), 1e-9))[..., None]
