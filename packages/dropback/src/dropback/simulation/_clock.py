"""The game clock: quarters, and how long a play takes off it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dropback.data._field import QUARTER_SECONDS
from dropback.simulation._play_calls import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dropback.simulation._play_calls import Situation

__all__ = ["quarter_end", "seconds_used"]


def quarter_end(quarter: NDArray[np.int64]) -> NDArray[np.int64]:
    """Game seconds remaining when the quarter ends; overtime has a clock of its own."""
    return np.maximum(4 - quarter, 0) * QUARTER_SECONDS


def seconds_used(
    situation: Situation,
    kinds: NDArray[np.int64],
    completed: NDArray[np.bool_],
    short_of_goal: NDArray[np.bool_],
    generator: np.random.Generator,
) -> NDArray[np.int64]:
    """Seconds from this snap to the next, shape ``(N,)``.

    Args:
        situation: The situations at the snap, ``N`` of them.
        kinds: `Kind` values, shape ``(N,)``, as the rest.
        completed: Whether a pass was caught by the offense.
        short_of_goal: Whether the ball stopped short of the goal line.
        generator: Source of randomness.
    """
    s = situation
    n = len(kinds)
    play = generator.integers(3, 9, n)
    carried = np.isin(kinds, (Kind.RUN, Kind.SCRAMBLE)) | completed
    # Ball carriers in a hurry run out of bounds three times as often.
    stayed_in = generator.random(n) >= np.where(s.hurried(), 0.3, 0.1)
    runs_on = (carried & stayed_in) | (kinds == Kind.SACK) | (kinds == Kind.KNEEL)
    protects = (s.quarter == 4) & (s.lead > 0) & (s.seconds < 400)
    unhurried = np.where(protects, 37, generator.integers(27, 42, n))
    huddle = np.where(s.hurried(), generator.integers(7, 18, n), unhurried)
    # Half of the penalties come before the snap and take no time.
    idle = generator.random(n) < 0.5
    flagged = np.where(idle, 0, play + generator.integers(0, 20, n))
    return np.select(
        [runs_on & short_of_goal, kinds == Kind.PUNT, kinds == Kind.PENALTY, kinds == Kind.SPIKE],
        [play + huddle, play + 4, flagged, np.ones(n, dtype=np.int64)],
        play,
    )
