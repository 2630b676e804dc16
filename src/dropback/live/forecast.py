"""The law of a play's yards at one frame, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from dropback.errors import LiveError
from dropback.outcomes import YARDS_HIGHEST, YARDS_LOWEST
from dropback.prediction import QUANTILE_LEVELS, yard_mean, yard_quantiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Forecast"]


@dataclass(frozen=True, eq=False)
class Forecast:
    """The law of a play's yards as it stands at one frame.

    Attributes:
        frame: Number of the frame, 0 at the snap.
        released: Whether the ball has left the hand: the target is then known.
        cdf: Probability of at most each whole yard of `dropback.prediction.YARDS` (-110 to 100),
            shape ``(211,)``.
        lower_threshold_yd: Where the lower tail begins, yards, of the law before the field
            bounds it.
        upper_threshold_yd: Where the upper tail begins.
        yards_max: Yards of a touchdown.
    """

    frame: int
    released: bool
    cdf: NDArray[np.float32]
    lower_threshold_yd: float
    upper_threshold_yd: float
    yards_max: int

    @cached_property
    def mean(self) -> float:
        """Expected yards."""
        return float(yard_mean(self._cdf)[0])

    @cached_property
    def quantiles(self) -> dict[str, float]:
        """Fewest yards whose probability reaches each of `dropback.prediction.QUANTILE_LEVELS`."""
        yards = yard_quantiles(self._cdf)[:, 0].tolist()
        return dict(zip(QUANTILE_LEVELS, map(float, yards), strict=True))

    @property
    def median(self) -> float:
        """Median yards."""
        return self.quantiles["q50"]

    @property
    def touchdown(self) -> float:
        """Probability of a touchdown: the mass at the goal line."""
        return 1.0 - float(self.cdf[self.yards_max - 1 - YARDS_LOWEST])

    def score(self, yards: float) -> float:
        r"""Where `yards` fall in the law, :math:`F(y - 1) + P(y) / 2`, in ``[0, 1]``.

        Args:
            yards: Yards gained, whole, -110 to 100.

        Raises:
            LiveError: Yards that no play can come to.
        """
        if not YARDS_LOWEST <= yards <= YARDS_HIGHEST or yards != round(yards):
            raise LiveError(
                f"yards must be a whole number from {YARDS_LOWEST} to {YARDS_HIGHEST}, got "
                f"{yards!r}."
            )
        at = int(yards) - YARDS_LOWEST
        below = float(self.cdf[at - 1]) if at else 0.0
        return (below + float(self.cdf[at])) / 2

    @cached_property
    def _cdf(self) -> NDArray[np.float64]:
        """As the functions of `dropback.prediction` take it, ``(1, 211)``."""
        return self.cdf[None].astype(np.float64)
