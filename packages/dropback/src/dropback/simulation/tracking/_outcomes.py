"""What came of each play, drawn from its distribution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dropback.simulation._outcome_distribution import OutcomeDistribution

__all__ = ["Outcomes"]


@dataclass(frozen=True)
class Outcomes:
    """Of ``N`` plays.

    Args:
        yards: Gain of a completion, 0, or minus the return of an interception, shape ``(N,)``.
        completed: Whether the target caught the ball.
        intercepted: Whether a defender did.
    """

    yards: NDArray[np.int64]
    completed: NDArray[np.bool_]
    intercepted: NDArray[np.bool_]

    @classmethod
    def draw(cls, distribution: OutcomeDistribution, generator: np.random.Generator) -> Outcomes:
        """Draw one outcome a play."""
        return cls(*distribution.sample(generator))
