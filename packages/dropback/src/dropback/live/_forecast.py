"""The distribution of a play's yards at one frame, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from dropback.data._outcomes import YARDS_HIGHEST, YARDS_LOWEST
from dropback.errors import LiveError
from dropback.models._predict import QUANTILE_LEVELS, YARDS
from dropback.tracking._compiled import compiled

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import NDArray

    _Floats: TypeAlias = NDArray[np.float64]

__all__ = ["Forecast"]

_POINTS: Final = len(YARDS)
_LEVELS: Final = np.array(list(QUANTILE_LEVELS.values()))
_MEDIAN: Final = 1 + list(QUANTILE_LEVELS).index("q50")
_MASSES_FROM: Final = 1 + len(_LEVELS)
# Beyond, a probability moves no number that is shown.
_LEFT_OUT: Final = 1e-6
_SHOWN: Final = 1e7  # seven digits


@dataclass(frozen=True, eq=False)
class Forecast:
    """The distribution of a play's yards as it stands at one frame.

    Attributes:
        frame: Number of the frame, 0 at the snap.
        released: Whether the ball has left the hand: the target is then known.
        cdf: Probability of at most each whole yard of `YARDS` (-110 to 100),
            shape ``(211,)``.
        lower_threshold_yd: Where the lower tail begins, yards, of the distribution before the field
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

    @property
    def mean(self) -> float:
        """Expected yards, as `dropback.models._predict.yard_mean` has them."""
        return self._summary[1][0]

    @property
    def quantiles(self) -> dict[str, float]:
        """Fewest yards whose probability reaches each of `QUANTILE_LEVELS`."""
        return dict(zip(QUANTILE_LEVELS, self._summary[1][1:_MASSES_FROM], strict=True))

    @property
    def median(self) -> float:
        """Median yards."""
        return self._summary[1][_MEDIAN]

    @property
    def touchdown(self) -> float:
        """Probability of a touchdown: the mass at the goal line."""
        return min(max(1.0 - float(self.cdf[self.yards_max - 1 - YARDS_LOWEST]), 0.0), 1.0)

    def score(self, yards: float) -> float:
        r"""Where `yards` fall in the distribution, :math:`F(y - 1) + P(y) / 2`, in ``[0, 1]``.

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

    @property
    def first_yd(self) -> int:
        """The least whole yards in `probabilities`."""
        return YARDS_LOWEST + self._summary[0]

    @property
    def probabilities(self) -> list[float]:
        """Probability of each whole yard from `first_yd` on, to seven digits.

        What is left out on either side has less than a millionth.
        """
        return self._summary[1][_MASSES_FROM:]

    @cached_property
    def _summary(self) -> tuple[int, list[float]]:
        """Place of `first_yd`; then mean, quantiles and probabilities."""
        numbers = np.empty(_MASSES_FROM + _POINTS)
        first, count = _summarize(self.cdf, _LEVELS, numbers)
        return first, numbers[: _MASSES_FROM + count].tolist()


@compiled
def _summarize(cdf: NDArray[np.float32], levels: _Floats, numbers: _Floats) -> tuple[int, int]:
    r"""Write the numbers of a distribution, in one pass where NumPy takes twenty calls.

    The mean is :math:`100 - \sum_{y < 100} F(y)`. A quantile is the yards after those whose
    :math:`F` is below its level, as in `dropback.models._predict.yard_quantiles`; the masses begin
    and end likewise, at a millionth from either side.

    Args:
        cdf: At the whole yards, shape ``(211,)``.
        levels: Of the quantiles, shape ``(9,)``.
        numbers: Takes the mean, the quantiles, and the masses to seven digits, shape ``(221,)``.

    Returns:
        The place of the first mass in `cdf`, and how many there are.
    """
    last = len(cdf) - 1
    total, first, final = 0.0, 0, 0
    for at in range(last):
        total += cdf[at]
        first += cdf[at] < _LEFT_OUT
        final += cdf[at] < 1 - _LEFT_OUT
    numbers[0] = YARDS_HIGHEST - total
    for number in range(len(levels)):
        below = 0
        for at in range(last):
            below += cdf[at] < levels[number]
        numbers[1 + number] = YARDS_LOWEST + below
    for at in range(first, final + 1):
        mass = np.float64(cdf[at]) - (np.float64(cdf[at - 1]) if at else 0.0)
        numbers[1 + len(levels) + at - first] = np.rint(max(mass, 0.0) * _SHOWN) / _SHOWN
    return first, final + 1 - first
