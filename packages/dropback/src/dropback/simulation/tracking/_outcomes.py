"""What came of each play, drawn from its law."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dropback.simulation._outcome_law import OutcomeLaw

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
    def draw(cls, law: OutcomeLaw, generator: np.random.Generator) -> Outcomes:
        """Draw one outcome a play."""
        return cls(*law.sample(generator))
