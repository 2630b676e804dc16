"""Compare recorded angles with displacements by each reading that files have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dropback.tracking._blocks import X, Y
from dropback.tracking._schema import BALL_SLOT

if TYPE_CHECKING:
    from dropback._arrays import Floats, Singles
    from dropback.tracking._blocks import PlayBlock

# Where a compass angle of the file's reading is (sign * angle + offset) mod 360.
ANGLE_READINGS: Final = {
    "compass degrees": (1.0, 0.0),
    "compass degrees, rotated by 180": (1.0, 180.0),
    "compass degrees, 90 too low": (1.0, 90.0),
    "compass degrees, 90 too high": (1.0, -90.0),
    "compass degrees, mirrored": (-1.0, 0.0),
    "mathematical degrees": (-1.0, 90.0),
    "mathematical degrees, rotated by 180": (-1.0, 270.0),
}


def steps_of(block: PlayBlock, quantity: int) -> tuple[Singles, Singles, Singles]:
    """Displacements of players along x and y, yards, and a quantity where each ends."""
    inside = block.frame_in_play[1:] > 0
    players = block.frames[:, :BALL_SLOT]
    along, across = (np.diff(players[..., axis], axis=0)[inside] for axis in (X, Y))
    return along, across, players[1:, :, quantity][inside]


def median_error(angle: Floats, true_angle: Floats, sign: float, offset: float) -> float:
    """Median angle between angles by a reading and true ones, degrees."""
    return median(np.abs((sign * angle + offset - true_angle + 180.0) % 360.0 - 180.0))


def best_reading(
    angle: Floats, true_angle: Floats, signs: tuple[float, ...]
) -> tuple[str, dict[str, float]]:
    """The best reading of the signs, and the median error of each, degrees."""
    errors = {
        name: median_error(angle, true_angle, sign, offset)
        for name, (sign, offset) in ANGLE_READINGS.items()
        if sign in signs or name == "compass degrees"
    }
    return min(errors, key=lambda name: errors[name]), errors


def median(values: Floats) -> float:
    """Median of what is finite, infinite for nothing."""
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else np.inf
