"""Number the 22 players, and measure vectors between them.

Players have the slots of canonical tracking. All plays move toward +x here; half of them are
rotated when they are written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dropback.data._field import RATE_HZ

if TYPE_CHECKING:
    from dropback._arrays import Floats

FRAME_S: Final = 1 / RATE_HZ

# Players in order: passer, line from right to left, split end, flanker, slot, tight end, back;
# ends and tackles, two linebackers, two corners, nickel, strong and free safety.
POSITIONS: Final = (
    *("QB", "T", "G", "C", "G", "T", "WR", "WR", "WR", "TE", "RB"),
    *("DE", "DT", "DT", "DE", "ILB", "OLB", "CB", "CB", "CB", "SS", "FS"),
)
PASSER: Final = 0
LINE: Final = slice(1, 6)
ELIGIBLE: Final = slice(6, 11)
BACK: Final = 10
DEFENSE: Final = slice(11, 22)


def norm(vectors: Floats) -> Floats:
    """Lengths over the last axis, shape ``(*B,)`` of ``(*B, 2)``."""
    return np.hypot(vectors[..., 0], vectors[..., 1])


def unit(vectors: Floats) -> Floats:
    """Vectors scaled to length one, shape ``(*B, 2)``; the zero vector stays zero."""
    return vectors / np.maximum(norm(vectors), 1e-9)[..., None]


def limited(vectors: Floats, most: Floats | float) -> Floats:
    """Vectors shortened to at most a length, shape ``(*B, 2)``.

    Args:
        vectors: Shape ``(*B, 2)``.
        most: Greatest length, broadcastable to ``(*B,)``.
    """
    return vectors * np.minimum(1.0, most / np.maximum(norm(vectors), 1e-9))[..., None]
